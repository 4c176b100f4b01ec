"""Asking a finished experiment's model, by way of an inference worker."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from service.context import Context
from service.problems import ProblemError, invalid_body
from service.waiting import place
from workers import messages
from workers.catalogue.problems import Problem
from workers.database import inferences, queries
from workers.database.values import ExperimentView, Inference
from workers.experiments.codec import decode
from workers.experiments.lifecycle import Status
from workers.experiments.measurement import MODEL
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.01
Rows = Sequence[Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Outputs (n, m) of a model, and where the target is known its values and how far off each row is."""

    experiment: str
    outputs: Rows
    truth: Rows | None = None
    errors: Sequence[float] | None = None
    l2_error: float | None = None
    sup_error: float | None = None


def predict(context: Context, view: ExperimentView, inputs: Rows) -> Predictions:
    """Return what the model says at inputs (n, d); raise ProblemError 409, 422 or 503."""
    spec = _modelled(context, view)
    _refuse_misshapen(spec, inputs)
    with place(context.predictions) as free:
        if not free:
            raise _unavailable("Too many predictions are being made at once.")
        answer = _asked(context, view, inputs)
    if answer.outputs is None:
        raise ProblemError("internal", f"The model could not be run: {answer.detail}")
    return _compared(view.id, spec, inputs, answer.outputs)


def _modelled(context: Context, view: ExperimentView) -> Approximation:
    spec = decode(view.spec)
    if isinstance(spec, Approximation) and view.status is Status.SUCCEEDED:
        if spec.model_of is not None:
            raise ProblemError("no-model", f"The model is that of {spec.model_of}: ask there.")
        with context.database.read() as session:
            if any(artifact.name == MODEL for artifact in queries.artifacts_of(session, view.id)):
                return spec
    raise ProblemError("no-model", f"The experiment is {view.status} and has left no model.")


def _refuse_misshapen(spec: Approximation, inputs: Rows) -> None:
    width = spec.sizes.inputs
    problems = [
        Problem(
            path=("inputs", row), code="length", detail=f"must have {width} numbers, one per input; got {len(point)}"
        )
        for row, point in enumerate(inputs)
        if len(point) != width
    ]
    if problems:
        raise invalid_body(problems)


def _asked(context: Context, view: ExperimentView, inputs: Rows) -> Inference:
    with context.database.write() as session:
        question = inferences.ask(session, view.project_id, view.id, [list(row) for row in inputs], datetime.now(UTC))
    messages.ring("inference")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with context.database.read() as session:
            found = inferences.inference(session, question)
        if found is not None and found.status in ("succeeded", "failed"):
            return found
        time.sleep(PAUSE_SECONDS)
    raise _unavailable(f"No inference worker answered within {PATIENCE_SECONDS:g} seconds.")


def _unavailable(detail: str) -> ProblemError:
    return ProblemError("unavailable", detail, headers={"Retry-After": "5"})


def _compared(experiment: str, spec: Approximation, inputs: Rows, outputs: Rows) -> Predictions:
    if spec.target is None:
        return Predictions(experiment=experiment, outputs=outputs)
    import numpy as np

    points: Floats = np.asarray(inputs, dtype=np.float64)
    # Outside the target's domain the function may overflow or be undefined there: NaN is the answer.
    with np.errstate(all="ignore"):
        truth = np.asarray(spec.target.function(spec.seed_of("data"))(points), dtype=np.float64)
        errors = np.linalg.norm(np.asarray(outputs, dtype=np.float64) - truth, axis=1)
        mean_square = float((errors**2).mean())
    return Predictions(
        experiment=experiment,
        outputs=outputs,
        truth=truth.tolist(),
        errors=errors.tolist(),
        l2_error=math.sqrt(mean_square),
        sup_error=float(errors.max()),
    )
