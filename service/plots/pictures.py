"""Which picture of an experiment can be drawn, from what is stored of it."""

import io
from typing import TYPE_CHECKING, Literal

from service.context import Context
from service.plots.drawing import Format
from service.plots.fit import Fit, fit_plot
from service.plots.loss import LOSSES, MOST, loss_plot
from service.problems import ProblemError
from workers.catalogue.values import Task
from workers.database import queries
from workers.database.values import ExperimentView
from workers.experiments.codec import decode
from workers.experiments.lifecycle import Outcome
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

PREDICTIONS = "predictions.npz"
Name = Literal["loss", "fit"]


def picture(context: Context, view: ExperimentView, name: Name, form: Format) -> bytes:
    """Return the picture; raise ProblemError 404 when the experiment has nothing to show by this name."""
    return (_loss if name == "loss" else _fit)(context, view, form)


def _loss(context: Context, view: ExperimentView, form: Format) -> bytes:
    with context.database.read() as session:
        curves = [curve for curve in queries.curves_of(session, view.id, LOSSES) if curve.steps]
    if not curves:
        raise ProblemError("not-found", "The experiment has no loss curve, or none yet.")
    curves.sort(key=lambda curve: LOSSES.index(curve.name))
    stopped = None
    if view.stopped_at_step is not None:
        word = "diverged" if view.outcome is Outcome.DIVERGED else "stopped early"
        stopped = (view.stopped_at_step, word)
    return loss_plot(curves, form, title=f"Loss of {_title(view)}", unit=_loss_unit(view), stopped=stopped)


def _fit(context: Context, view: ExperimentView, form: Format) -> bytes:
    spec = decode(view.spec)
    if not isinstance(spec, Approximation) or spec.dataset.task is not Task.REGRESSION or spec.sizes.inputs > 2:
        raise ProblemError("not-found", "A fit is drawn for regressions of one or two inputs.")
    with context.database.read() as session:
        content = queries.named_content(session, view.id, PREDICTIONS)
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


def _loss_unit(view: ExperimentView) -> str:
    spec = decode(view.spec)
    if not isinstance(spec, Approximation):
        return "as reported"
    units = {"mse": "mean squared error of scaled outputs", "cross-entropy": "cross-entropy [nats]"}
    return units.get(spec.loss.kind, spec.loss.kind)
