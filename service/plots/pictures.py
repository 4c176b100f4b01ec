"""Which picture of an experiment can be drawn, from what is stored of it."""

import io
import json
from typing import TYPE_CHECKING, Literal

from service.context import Context
from service.plots.drawing import Format, shorten
from service.plots.fit import Fit, fit_plot
from service.plots.loss import ACCURACIES, LOSSES, MOST, Course, loss_plot
from service.plots.parts import Parts, parts_of
from service.plots.probes import DRAWN, probes_plot
from service.plots.readings import panels, telling
from service.problems import ProblemError
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Task
from workers.database import queries
from workers.database.values import ExperimentView
from workers.experiments.codec import decode
from workers.experiments.lifecycle import Outcome, Status
from workers.experiments.spec import Approximation, ExperimentSpec

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

PREDICTIONS = "predictions.npz"
Name = Literal["loss", "fit", "probes"]


def picture(context: Context, view: ExperimentView, name: Name, form: Format) -> bytes:
    """Return the picture; raise ProblemError 404 when the experiment has nothing to show by this name."""
    return {"loss": _loss, "fit": _fit, "probes": _probes}[name](context, view, form)


def drawable(view: ExperimentView) -> tuple[Name, ...]:
    """Return the pictures that the experiment has, as far as its summary tells."""
    found: list[Name] = ["loss"] if any(name in view.metrics for name in LOSSES) else []
    if view.status is Status.SUCCEEDED:
        parts = parts_of(view)
        found += ["fit"] if _why_no_fit(parts) is None else []
        found += ["probes"] if telling(parts, view.metrics) else []
    return tuple(found)


def ending(view: ExperimentView) -> str:
    """Return the word for a training that ended before its last step."""
    return "diverged" if view.outcome is Outcome.DIVERGED else "stopped early"


def _loss(context: Context, view: ExperimentView, form: Format) -> bytes:
    with context.database.read() as session:
        found = {curve.name: curve for curve in queries.curves_of(session, view.id, (*LOSSES, *ACCURACIES))}
    losses, accuracies = ([found[name] for name in names if name in found] for names in (LOSSES, ACCURACIES))
    if not losses:
        spec = _spec(view)
        why = "or none yet" if isinstance(spec, Approximation) else f"since it is a {view.spec.get('type')}"
        raise ProblemError("not-found", f"The experiment has no loss curve, {why}.")
    what = "Loss and accuracy" if accuracies else "Loss"
    stopped = None if view.stopped_at_step is None else (view.stopped_at_step, ending(view))
    course = Course(
        losses=losses,
        accuracies=accuracies,
        title=f"{what} of {_title(view)}",
        unit=_loss_unit(view),
        stopped=stopped,
    )
    return loss_plot(course, form)


def _fit(context: Context, view: ExperimentView, form: Format) -> bytes:
    parts = parts_of(view)
    why = _why_no_fit(parts)
    if parts is None or why is not None:
        raise ProblemError("not-found", f"A fit is drawn for regressions of one or two inputs; {why}.")
    with context.database.read() as session:
        content = queries.named_content(session, view.id, PREDICTIONS)
        manifest = queries.named_content(session, view.id, "manifest.json")
    if content is None:
        raise ProblemError("not-found", "The experiment has no predictions, or none yet.")
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        regular = "grid_inputs" in arrays
        part = "grid" if regular else "test"
        inputs, outputs, truth = (_matrix(arrays[f"{part}_{what}"]) for what in ("inputs", "outputs", "truth"))
    names = tuple(parts.target.box) if parts.target else tuple(f"x{column + 1}" for column in range(inputs.shape[1]))
    note = " (first output)" if outputs.shape[1] > 1 else ""
    return fit_plot(
        Fit(
            inputs=inputs,
            outputs=outputs[:, 0],
            truth=truth[:, 0],
            names=names,
            title=f"Fit of {_title(view)}{note}",
            subtitle=_weights_note(view, manifest),
            regular=regular,
        ),
        form,
    )


def _probes(context: Context, view: ExperimentView, form: Format) -> bytes:
    parts = parts_of(view)
    probes = telling(parts, view.metrics)
    if parts is None or not probes:
        detail = f"Pictures are drawn of the probes {', '.join(DRAWN)}; {_why_no_probes(view, parts)}."
        raise ProblemError("not-found", detail)
    with context.database.read() as session:
        found = list(panels(session, view, probes, parts.target, _loss_unit(view)))
        manifest = queries.named_content(session, view.id, "manifest.json")
    if not found:
        raise ProblemError("not-found", "The arrays that the probes of this experiment left are no longer here.")
    heading = shorten(f"Probes of {_title(view)}")
    note = _weights_note(view, manifest) if any(probe.at == "end" for probe in probes.values()) else ""
    return probes_plot(found, f"{heading}\n{note}" if note else heading, form)


def _matrix(values: "Floats") -> "Floats":
    import numpy as np

    flat = values.reshape(len(values), -1).astype("float64")
    return np.where(np.abs(flat) <= MOST, flat, np.nan)  # a gap, as in the loss


def _title(view: ExperimentView) -> str:
    return view.name or view.id


def _weights_note(view: ExperimentView, manifest: bytes | None) -> str:
    """Say which weights are drawn where they are not those of the last step; "" otherwise."""
    if view.stopped_at_step is None:
        return ""
    step = json.loads(manifest).get("model_step") if manifest else None
    drawn = "" if step is None else f"; drawn with the weights of step {step:,}"
    return f"{ending(view)} at step {view.stopped_at_step:,}{drawn}"


def _spec(view: ExperimentView) -> ExperimentSpec | None:
    """Return the spec, or None when a component that it names is no longer here."""
    try:
        return decode(view.spec)
    except InvalidError:
        return None


def _why_no_fit(parts: Parts | None) -> str | None:
    if parts is None:
        return "this is another kind of experiment"
    inputs = parts.dataset.sizes(parts.target).inputs
    if parts.dataset.task is not Task.REGRESSION:
        return f"this is a classification of {inputs} inputs, whose accuracies are in the picture of the loss"
    return f"this one has {inputs} inputs" if inputs > 2 else None


def _why_no_probes(view: ExperimentView, parts: Parts | None) -> str:
    if parts is None:
        return "this is another kind of experiment"
    if not any(probe.kind in DRAWN for probe in parts.probes):
        return "this experiment has none of them"
    if view.status is Status.SUCCEEDED:
        return "those of this experiment left no finite number"
    return "those of this experiment have not measured" + ("" if view.status.is_terminal else " yet")


def _loss_unit(view: ExperimentView) -> str:
    spec = _spec(view)
    if not isinstance(spec, Approximation):
        return "as reported"
    units = {"mse": "mean squared error of scaled outputs", "cross-entropy": "cross-entropy [nats]"}
    return units.get(spec.loss.kind, spec.loss.kind)
