"""From a checked body to a queued row: limits, the model it may build on, the idempotency key."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from service.context import Context
from service.json_reply import strict_json
from service.problems import ProblemError, invalid_body
from service.schemas.experiment_replies import ExperimentReply, path_of
from service.settings import ServiceSettings
from workers import messages
from workers.catalogue.kinds import Estimator
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.trainings.fit import Fit
from workers.database import queries, submissions
from workers.database.submissions import KeyReusedError
from workers.database.values import ExperimentView, NewExperiment, StoredReply
from workers.experiments.codec import decode
from workers.experiments.costs import Estimate, estimate
from workers.experiments.lifecycle import Status
from workers.experiments.measurement import MODEL
from workers.experiments.spec import Approximation, ExperimentSpec

LONGEST_RETRY_SECONDS = 60
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """What makes a repeated request the same one."""

    key: str
    method: str
    path: str
    body: Any

    @property
    def body_hash(self) -> str:
        """Return the sha256 of the body as canonical JSON."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The reply of the commit, and the experiment it made; None when the reply is an earlier one's."""

    reply: StoredReply
    view: ExperimentView | None


def submit(context: Context, new: NewExperiment, request: Repeatable | None) -> Accepted:
    """Store the experiment and its reply in one transaction, then ring; a repeated request gets the first reply."""
    cost = admitted(context, new.spec)

    def store(session: Session, now: datetime) -> tuple[StoredReply, ExperimentView]:
        view = submissions.submitted(session, new, project_id=context.project_id, now=now)
        return _reply(view, cost), view

    reply, view = once(context, request, store)
    if view is not None and view.status is Status.QUEUED:
        messages.ring(view.queue)
    return Accepted(reply=reply, view=view)


def once(
    context: Context, request: Repeatable | None, store: Callable[[Session, datetime], tuple[StoredReply, T]]
) -> tuple[StoredReply, T | None]:
    """Return what `store` does and replies, kept in its transaction; for a repeated request the first reply and None.

    Raise ProblemError for a key that was used for another request.
    """
    now, project_id = datetime.now(UTC), context.project_id
    try:
        with context.database.write() as session:
            stored = _replayed(session, project_id, request)
            if stored is not None:
                return stored, None
            reply, made = store(session, now)
            if request is not None:
                submissions.store_reply(session, project_id=project_id, reply=reply, now=now, **_identity(request))
            return reply, made
    except KeyReusedError as error:
        raise ProblemError("idempotency-key-reused", "The key was used for another body.") from error


def admitted(context: Context, spec: ExperimentSpec) -> Estimate:
    """Return what a submitted spec costs; raise ProblemError when this server does not take it."""
    try:
        return check_limits(context.settings, merged(context, spec))
    except InvalidError as error:
        raise invalid_body(problem.under("spec") for problem in error.problems) from None


def merged(context: Context, spec: ExperimentSpec) -> ExperimentSpec:
    """Return the spec with the architecture of the model that it measures; raise InvalidError when it cannot."""
    if not isinstance(spec, Approximation) or spec.model_of is None:
        return spec
    source = _source(context, spec.model_of)
    assert source.architecture is not None, "an experiment with a model has an architecture"
    if (source.sizes.inputs, source.sizes.outputs) != (spec.sizes.inputs, spec.sizes.outputs):
        detail = (
            f"the model of {spec.model_of} has {source.sizes.inputs} inputs and {source.sizes.outputs} outputs, "
            f"these data {spec.sizes.inputs} and {spec.sizes.outputs}"
        )
        raise InvalidError([Problem(path=("dataset",), detail=detail)])
    training = Fit() if isinstance(source.architecture, Estimator) else None
    return replace(spec, architecture=source.architecture, training=training, model_of=None)


def check_limits(settings: ServiceSettings, spec: ExperimentSpec) -> Estimate:
    """Return what the spec costs; raise InvalidError when it is more than this server takes."""
    cost = estimate(spec)
    problems = [problem.under("architecture") for problem in _excesses(settings, cost)]
    if problems:
        raise InvalidError(problems)
    return cost


def _source(context: Context, experiment_id: str) -> Approximation:
    project_id = context.project_id
    with context.database.read() as session:
        view = queries.experiment(session, project_id, experiment_id)
        names = [artifact.name for artifact in queries.artifacts_of(session, experiment_id)] if view else []
    if view is None:
        detail = f"there is no experiment {experiment_id!r}: give the id of a succeeded one"
    elif view.status is not Status.SUCCEEDED:
        detail = f"the experiment is {view.status}: give the id of a succeeded one"
    elif MODEL not in names:
        detail = "the experiment has left no model: give the id of one that has trained an architecture"
    else:
        spec = decode(view.spec)
        if isinstance(spec, Approximation) and spec.architecture is not None:
            return spec
        detail = "the experiment measures another one's model: give the id of that one"
    raise InvalidError([Problem(path=("model_of",), code="model-of", detail=detail)])


def _excesses(settings: ServiceSettings, cost: Estimate) -> Iterator[Problem]:
    limits = (
        ("parameters", cost.parameters, settings.max_parameters, "reduce width or depth"),
        ("bytes of memory", cost.memory_bytes, settings.max_memory_bytes, "reduce the architecture or the batch size"),
        ("floating point operations", cost.flops, settings.max_flops, "reduce the architecture or the steps"),
    )
    for unit, value, limit, remedy in limits:
        if value > limit:
            detail = f"needs about {value:.3g} {unit}, this server takes at most {limit:.3g}: {remedy}"
            yield Problem(code="too-large", detail=detail)


def retry_after(seconds: float) -> str:
    """Return when to ask again for what takes so many seconds."""
    return str(max(1, min(LONGEST_RETRY_SECONDS, math.ceil(seconds))))


def _replayed(session: Session, project_id: str, request: Repeatable | None) -> StoredReply | None:
    if request is None:
        return None
    return submissions.replay(session, project_id=project_id, **_identity(request))


def _reply(view: ExperimentView, cost: Estimate) -> StoredReply:
    headers = {"Location": path_of(view.id)}
    if not view.status.is_terminal:
        headers["Retry-After"] = retry_after(cost.seconds)
    status = 200 if view.status.is_terminal else 202
    return StoredReply(status=status, body=strict_json(_schema().dump(view)), headers=headers)


@cache
def _schema() -> ExperimentReply:
    """Return the schema; making one copies its forty fields."""
    return ExperimentReply()


def _identity(request: Repeatable) -> dict[str, str]:
    return {"key": request.key, "method": request.method, "path": request.path, "body_hash": request.body_hash}
