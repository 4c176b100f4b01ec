"""Which picture of an experiment can be drawn, from what is stored of it."""

import io
import json
from typing import TYPE_CHECKING, Literal

from service.context import Context
from service.plots.drawing import Format
from service.plots.fit import Fit, fit_plot
from service.plots.loss import ACCURACIES, LOSSES, MOST, Course, loss_plot
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
Name = Literal["loss", "fit"]


def picture(context: Context, view: ExperimentView, name: Name, form: Format) -> bytes:
    """Return the picture; raise ProblemError 404 when the experiment has nothing to show by this name."""
    return (_loss if name == "loss" else _fit)(context, view, form)


def drawable(view: ExperimentView) -> tuple[Name, ...]:
    """Return the pictures that the experiment has, as far as its summary tells."""
    loss: tuple[Name, ...] = ("loss",) if any(name in view.metrics for name in LOSSES) else ()
    return (*loss, "fit") if view.status is Status.SUCCEEDED and _why_no_fit(_spec(view)) is None else loss


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
    spec = _spec(view)
    why = _why_no_fit(spec)
    if why is not None:
        raise ProblemError("not-found", f"A fit is drawn for regressions of one or two inputs; {why}.")
    assert isinstance(spec, Approximation)
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
    names = tuple(spec.target.box) if spec.target else tuple(f"x{column + 1}" for column in range(inputs.shape[1]))
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


def _why_no_fit(spec: ExperimentSpec | None) -> str | None:
    if not isinstance(spec, Approximation):
        return "this is another kind of experiment"
    inputs = spec.sizes.inputs
    if spec.dataset.task is not Task.REGRESSION:
        return f"this is a classification of {inputs} inputs, whose accuracies are in the picture of the loss"
    return f"this one has {inputs} inputs" if inputs > 2 else None


def _loss_unit(view: ExperimentView) -> str:
    spec = _spec(view)
    if not isinstance(spec, Approximation):
        return "as reported"
    units = {"mse": "mean squared error of scaled outputs", "cross-entropy": "cross-entropy [nats]"}
    return units.get(spec.loss.kind, spec.loss.kind)
