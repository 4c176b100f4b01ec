"""The parts of a stored approximation that decide which pictures it has, without the rest of its spec."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workers.catalogue.kinds import Component, Dataset, Probe, Target
from workers.catalogue.problems import InvalidError
from workers.database.values import ExperimentView
from workers.experiments.codec import decode_component
from workers.experiments.spec import Approximation

MOST_KEPT = 1024


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Where the samples come from, and what was measured beyond the losses."""

    target: Target | None
    dataset: Dataset
    probes: tuple[Probe, ...]


def parts_of(view: ExperimentView) -> Parts | None:
    """Return the parts; None for what is no approximation, or when a component that it names is no longer here."""
    spec = view.spec
    if spec.get("type") != Approximation.type:
        return None
    try:
        return Parts(
            target=_component(Target, spec["target"]) if spec.get("target") is not None else None,
            dataset=_component(Dataset, spec["dataset"]),
            probes=tuple(_component(Probe, probe) for probe in spec.get("probes", ())),
        )
    except InvalidError:
        return None


def _component(base: type[Component], stored: Any) -> Any:
    return _decoded(base, json.dumps(stored))


@lru_cache(maxsize=MOST_KEPT)
def _decoded(base: type[Component], text: str) -> Any:
    # A list shows hundreds that share theirs; to decode each whole spec would take longer than the rest of the reply.
    return decode_component(base, json.loads(text))
