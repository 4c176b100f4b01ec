"""Which probes of an experiment left something to draw, and what it was."""

import io
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.plots.loss import MOST
from service.plots.parts import Parts
from service.plots.probes import DRAWN, Panel
from workers.catalogue.domains import Interval
from workers.catalogue.kinds import Probe, Target
from workers.catalogue.probes.linear_regions import LinearRegions
from workers.database import queries
from workers.database.values import ExperimentView
from workers.experiments.measurement import MetricSummary

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def telling(parts: Parts | None, metrics: Mapping[str, MetricSummary]) -> dict[str, Probe]:
    """Return the probes that can be drawn and found a finite number last, by the names of their files.

    A reading without one has no arrays, or none worth looking at: the model was not finite.
    """
    return {
        name: probe
        for name, probe in _by_file(parts.probes if parts else ()).items()
        if probe.kind in DRAWN and any(map(math.isfinite, _last(probe, metrics).values()))
    }


def panels(
    session: Session, view: ExperimentView, probes: Mapping[str, Probe], target: Target | None, loss_unit: str
) -> Iterator[Panel]:
    """Yield what the probes left, those at snapshots at their last one."""
    stored = {artifact.name for artifact in queries.artifacts_of(session, view.id)}
    for name, probe in probes.items():
        file, note = (f"{name}.npz", "") if probe.at == "end" else _newest(name, stored)
        content = queries.named_content(session, view.id, file)
        if content is not None:
            label = f"{probe.label}: " if probe.label else ""
            yield Panel(
                kind=probe.kind,
                title=f"{label}{probe.kind}{note}",
                metrics=_last(probe, view.metrics),
                arrays=_arrays(content, DRAWN[probe.kind].arrays),
                along=_along(probe, target),
                loss_unit=loss_unit,
            )


def _by_file(probes: Sequence[Probe]) -> dict[str, Probe]:
    """Return the probes by the names that workers.engine.conclusion gives their files, a kind after a label in use."""
    named: dict[str, Probe] = {}
    for probe in probes:
        name = probe.label or probe.kind
        named[name if name not in named else f"{name}-{probe.kind}"] = probe
    return named


def _last(probe: Probe, metrics: Mapping[str, MetricSummary]) -> dict[str, float]:
    """Return the last values of the probe's metrics by their names without its label."""
    label = f"{probe.label}_" if probe.label else ""
    return {name.removeprefix(label): metrics[name].last for name in probe.metric_names() if name in metrics}


def _newest(name: str, stored: Collection[str]) -> tuple[str, str]:
    """Return the file of the last snapshot, and what the title says of it."""
    found = (re.fullmatch(rf"{re.escape(name)}-(\d+)\.npz", each) for each in stored)
    step = max((int(match[1]) for match in found if match), default=0)
    return f"{name}-{step}.npz", f", at step {step:,}"


def _arrays(content: bytes, names: Sequence[str]) -> "dict[str, Floats]":
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        found = {name: stored[name].astype("float64") for name in names if name in stored}
    return {name: np.where(np.abs(each) <= MOST, each, np.nan) for name, each in found.items()}


def _along(probe: Probe, target: Target | None) -> tuple[str, Interval]:
    """Return the name of the first input, and the interval that the probe looked at."""
    box = target.box if target else {}
    name, interval = next(iter(box.items()), ("x1", (-1.0, 1.0)))
    return name, (isinstance(probe, LinearRegions) and probe.domain) or interval
