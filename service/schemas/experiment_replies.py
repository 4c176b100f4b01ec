"""What replies about experiments look like."""

from typing import Any

from marshmallow import Schema, fields

from service.plots.pictures import drawable
from service.schemas.experiments import PRIORITIES
from service.schemas.replies import Measured, Moment, Plain, noun, shown
from workers.database.values import ArtifactView, ExperimentView
from workers.experiments.lifecycle import Outcome, Status, StatusReason

OBJECT = {"type": "object", "additionalProperties": True}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
SPEC = {"$ref": "#/components/schemas/ExperimentSpec"}
PAGES = ("progress", "cancel", "events", "attempts", "curves", "artifacts", "manifest", "predictions")


def path_of(experiment_id: str) -> str:
    """Return the path of an experiment."""
    return f"/v1/experiments/{experiment_id}"


def _words(enum: type[Any], *, nullable: bool = False) -> dict[str, Any]:
    values = [member.value for member in enum]
    return {"type": ["string", "null"], "enum": [*values, None]} if nullable else {"type": "string", "enum": values}


class MetricReply(Schema):
    """A metric over its steps; values that are not finite take no part in min, max and mean."""

    first = shown(Measured, "the value at the first step")
    last = shown(Measured, "the value at the last step")
    min = shown(Measured, "the least finite value")
    max = shown(Measured, "the greatest finite value")
    mean = shown(Measured, "the mean of the finite values")
    argmin_step = shown(fields.Integer, "the step of the least finite value", allow_none=True)
    n = shown(fields.Integer, "how many values there are")


class AttemptReply(Schema):
    """One time that a worker held the experiment."""

    number = shown(fields.Integer, "counts from 1")
    worker = shown(fields.String, "who held it")
    device = shown(fields.String, "what it ran on")
    population_size = shown(fields.Integer, "how many experiments were trained together")
    fence = shown(fields.Integer, "the number of the claim: a write under an older one changes nothing")
    started_at = shown(Moment, "when it was claimed")
    ended_at = shown(Moment, "when it was let go", allow_none=True)
    ending = shown(fields.String, "how it ended", allow_none=True)
    detail = shown(fields.String, "what else is known about the end", allow_none=True)


class ExperimentReply(Schema):
    """One experiment: one spec with one seed, one model or one simulation, one row, one id."""

    object = noun("experiment")
    id = shown(fields.String, "its id")
    version = shown(fields.Integer, "counts its events; also its ETag")
    name = shown(fields.String, "what the client calls it", allow_none=True)
    tags = shown(fields.List, "what the client finds it by", fields.String())
    metadata = shown(Plain, "what else the client says of it", TEXTS)
    priority = shown(Plain, "among queued experiments", {"type": "string", "enum": list(PRIORITIES)})
    status = shown(Plain, "where it is", _words(Status))
    status_reason = shown(Plain, "why it is there", _words(StatusReason))
    status_detail = shown(fields.String, "what else is known about the reason", allow_none=True)
    outcome = shown(Plain, "how it succeeded", _words(Outcome, nullable=True))
    is_terminal = fields.Function(
        lambda view: view.status.is_terminal, required=True, metadata={"type": "boolean", "description": "it has ended"}
    )
    cancelling = shown(fields.Boolean, "it runs and has been asked to stop")
    verified = shown(fields.Boolean, "it was computed here, not reported by a client")
    nondeterministic = shown(fields.Boolean, "a repeated attempt gave other bits")
    spec = shown(Plain, "what was asked, every default written out", SPEC)
    spec_hash = shown(fields.String, "sha256 of the canonical spec")
    reused = shown(fields.Boolean, "it stands for an equal one that had succeeded")
    rerun_of = shown(fields.String, "the experiment that it repeats", allow_none=True)
    sweep = shown(fields.String, "the sweep that submitted it", allow_none=True)
    created_by = shown(fields.String, "who submitted it", allow_none=True)
    parameters = shown(fields.Integer, "free parameters of the model", allow_none=True)
    shape_key = shown(fields.String, "equal for experiments that can be trained together")
    queue = shown(Plain, "which workers take it", {"type": "string", "enum": ["cpu", "gpu"]})
    attempt = shown(fields.Nested, "the latest attempt", AttemptReply, allow_none=True)
    metrics = shown(
        fields.Dict, "summaries, once it has ended", keys=fields.String(), values=fields.Nested(MetricReply)
    )
    stopped_at_step = shown(fields.Integer, "where it stopped early or diverged", allow_none=True)
    diverged_at_step = shown(fields.Integer, "where it diverged", allow_none=True)
    created_at = shown(Moment, "when it was accepted")
    started_at = shown(Moment, "when a worker took it", allow_none=True)
    finished_at = shown(Moment, "when it ended", allow_none=True)
    queued_seconds = shown(fields.Float, "from acceptance to start", allow_none=True)
    duration_seconds = shown(fields.Float, "from start to end", allow_none=True)
    links = shown(Plain, "where more of it is; its pictures once it has ended, those that there are", TEXTS)

    def get_attribute(self, obj: ExperimentView, attr: str, default: Any) -> Any:
        """Return what the reply shows under a name, derived where the view has no such attribute."""
        derived = DERIVED.get(attr)
        return derived(obj) if derived else super().get_attribute(obj, attr, default)


def _metrics(view: ExperimentView) -> Any:
    # The ETag is the version, which reports do not raise: figures that move with them stand in /curves.
    return view.metrics if view.status.is_terminal else {}


def _queued_seconds(view: ExperimentView) -> float | None:
    return (view.started_at - view.created_at).total_seconds() if view.started_at else None


def _duration_seconds(view: ExperimentView) -> float | None:
    if view.started_at is None or view.finished_at is None:
        return None
    return (view.finished_at - view.started_at).total_seconds()


def _links(view: ExperimentView) -> dict[str, str]:
    path = path_of(view.id)
    # The ETag is the version: a picture that appears with a report, which raises none, is not named before the end.
    drawn = drawable(view) if view.status.is_terminal else ()
    plots = {f"{name}_plot": f"{path}/plots/{name}.svg" for name in drawn}
    sweep = {"sweep": f"/v1/sweeps/{view.sweep_id}"} if view.sweep_id else {}
    return {"self": path, **{page: f"{path}/{page}" for page in PAGES}, **sweep, **plots}


DERIVED: dict[str, Any] = {
    "sweep": lambda view: view.sweep_id,
    "priority": lambda view: PRIORITIES[view.priority],
    "metrics": _metrics,
    "diverged_at_step": lambda view: view.stopped_at_step if view.outcome is Outcome.DIVERGED else None,
    "queued_seconds": _queued_seconds,
    "duration_seconds": _duration_seconds,
    "links": _links,
}


class ProgressReply(Schema):
    """How far an experiment is; it has no ETag."""

    object = noun("progress")
    status = shown(Plain, "where the experiment is", _words(Status))
    phase = shown(fields.String, "what the runner does", allow_none=True)
    completed = shown(fields.Integer, "units done in this phase", allow_none=True)
    total = shown(fields.Integer, "units of this phase", allow_none=True)
    unit = shown(fields.String, "what is counted", allow_none=True)
    eta_seconds = shown(fields.Float, "until the phase ends, at the rate so far", allow_none=True)
    jobs_ahead = shown(fields.Integer, "queued experiments that come first")
    waiting_for = shown(
        Plain,
        "what a queued experiment lacks; matching_worker: none that lives serves its queue, or none that can "
        "compile, which the back end `compiled` needs",
        {"type": "string", "enum": ["none", "capacity", "gpu_worker", "matching_worker"]},
    )


class EventReply(Schema):
    """One change of an experiment."""

    version = shown(fields.Integer, "the experiment's version after it")
    kind = shown(fields.String, "what happened")
    data = shown(Plain, "more about it", OBJECT)
    at = shown(Moment, "when")


class ArtifactReply(Schema):
    """A file that an experiment left."""

    object = noun("artifact")
    id = shown(fields.String, "its id")
    name = shown(fields.String, "its file name")
    media_type = shown(fields.String, "what kind of file it is")
    size_bytes = shown(fields.Integer, "its size")
    sha256 = shown(fields.String, "its digest; also the ETag of its content")
    created_at = shown(Moment, "when it was stored")
    links = shown(Plain, "where its content is", TEXTS)

    def get_attribute(self, obj: ArtifactView, attr: str, default: Any) -> Any:
        """Return what the reply shows under a name."""
        if attr != "links":
            return super().get_attribute(obj, attr, default)
        path = f"/v1/artifacts/{obj.id}"
        return {"self": path, "content": f"{path}/content", "experiment": path_of(obj.experiment_id)}


class CurveReply(Schema):
    """A metric over steps."""

    name = shown(fields.String, "the metric")
    steps = shown(fields.List, "at which it was measured", fields.Integer())
    values = shown(fields.List, "what was measured", Measured())
    downsampled = shown(fields.Boolean, "points were left out: of each stretch the extremes were kept")
    n_raw = shown(fields.Integer, "how many points there are between from and to")


class CurvesReply(Schema):
    """Curves of one experiment."""

    object = noun("curves")
    experiment = shown(fields.String, "the experiment's id")
    data = shown(fields.List, "the curves", fields.Nested(CurveReply))
    missing = shown(fields.List, "asked-for names that have no points", fields.String())


class EstimateReply(Schema):
    """What an experiment will take, to the order of magnitude."""

    flops = shown(fields.Float, "floating point operations")
    memory_bytes = shown(fields.Integer, "memory")
    seconds = shown(fields.Float, "seconds on one core")


class ValidationReply(Schema):
    """What a spec means and costs; nothing was stored."""

    object = noun("validation")
    spec = shown(Plain, "the spec with every default written out", SPEC)
    spec_hash = shown(fields.String, "sha256 of the canonical spec")
    parameters = shown(fields.Integer, "free parameters of the model")
    estimate = shown(fields.Nested, "what it will take", EstimateReply)
    backend = shown(fields.String, "the code that will run it")
    shape_key = shown(fields.String, "equal for experiments that can be trained together")
    queue = shown(Plain, "which workers take it", {"type": "string", "enum": ["cpu", "gpu"]})


class PredictionsReply(Schema):
    """What a model answers."""

    object = noun("predictions")
    experiment = shown(fields.String, "the experiment whose model answered")
    outputs = shown(fields.List, "one row for each row of inputs", fields.List(Measured()))
    truth = shown(fields.List, "the target there, where it is known", fields.List(Measured()), allow_none=True)
    errors = shown(fields.List, "the distance of each output from the truth", Measured(), allow_none=True)
    l2_error = shown(Measured, "root mean square of errors", allow_none=True)
    sup_error = shown(Measured, "the largest of errors", allow_none=True)
