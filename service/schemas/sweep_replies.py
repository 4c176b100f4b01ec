"""What replies about sweeps look like."""

from typing import Any

from marshmallow import Schema, fields

from service.schemas.experiment_replies import OBJECT, TEXTS, EstimateReply, ExperimentReply
from service.schemas.replies import NON_FINITE, Moment, Plain, noun, shown
from workers.database.sweep_values import SweepView
from workers.database.sweeps import MISSING
from workers.experiments.lifecycle import Status, SweepStatus

COUNTED = (*(status.value for status in Status), MISSING)
COUNTS = {
    "type": "object",
    "properties": {name: {"type": "integer", "minimum": 0} for name in COUNTED},
    "required": list(COUNTED),
    "additionalProperties": False,
}


def sweep_path(sweep_id: str) -> str:
    """Return the path of a sweep."""
    return f"/v1/sweeps/{sweep_id}"


class SweepReply(Schema):
    """One sweep: a base spec, axes, and the experiments of their grid."""

    object = noun("sweep")
    id = shown(fields.String, "its id")
    name = shown(fields.String, "what the client calls it", allow_none=True)
    tags = shown(fields.List, "the tags of its experiments", fields.String())
    metadata = shown(Plain, "what else the client says of it", TEXTS)
    status = shown(
        Plain, "what follows from its cells", {"type": "string", "enum": [status.value for status in SweepStatus]}
    )
    is_terminal = fields.Function(
        lambda view: view.status.is_terminal, required=True, metadata={"type": "boolean", "description": "it has ended"}
    )
    base = shown(Plain, "the spec that the axes vary", OBJECT)
    axes = shown(Plain, "dotted path to the values that it takes", OBJECT)
    zip = shown(Plain, "paths that advance together", {"type": "array", "items": {"type": "array"}})
    cells_total = shown(fields.Integer, "how many cells it has")
    cells_reused = shown(fields.Integer, "how many of them took an experiment that was there already")
    counts = shown(Plain, "cells by the status of their experiment; they add up to cells_total", COUNTS)
    max_parallel = shown(fields.Integer, "how many of its experiments may run at once", allow_none=True)
    created_by = shown(fields.String, "who submitted it", allow_none=True)
    created_at = shown(Moment, "when it was accepted")
    cancelled_at = shown(Moment, "when it was last cancelled", allow_none=True)
    links = shown(Plain, "where more of it is", TEXTS)

    def get_attribute(self, obj: SweepView, attr: str, default: Any) -> Any:
        """Return what the reply shows under a name."""
        if attr in ("base", "axes", "zip"):
            return obj.plan[attr]
        if attr == "links":
            path = sweep_path(obj.id)
            return {"self": path, **{page: f"{path}/{page}" for page in ("cells", "export", "cancel", "retry")}}
        return super().get_attribute(obj, attr, default)


class CellReply(Schema):
    """A cell of a sweep."""

    object = noun("cell")
    number = shown(fields.Integer, "counts from 0, the last axis fastest")
    coordinates = shown(Plain, "path to the value that it has here", OBJECT)
    reused = shown(fields.Boolean, "its experiment was there before the sweep")
    experiment = shown(fields.Nested, "its experiment; null where that was deleted", ExperimentReply, allow_none=True)


NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "enum": NON_FINITE}, {"type": "null"}]}
NUMBERS = ("mean", "median", "iqm", "sd", "se", "min", "max", "ci_low", "ci_high")
COUNTED_RUNS = ("n", "n_open", "n_failed", "n_diverged", "n_non_finite")
GROUP = {
    "type": "object",
    "properties": {
        "coordinates": OBJECT,
        **{name: {"type": "integer", "minimum": 0} for name in COUNTED_RUNS},
        **dict.fromkeys(NUMBERS, NUMBER),
        "level": {"type": "number"},
        "method": {"type": "string", "description": "how the interval was made"},
        "rests_on": {"type": "string", "description": "which runs the numbers rest on, and which they leave out"},
        "values": {"type": "array", "items": NUMBER},
        "tuned": {"type": ["object", "null"], "description": "what best_over chose, and from what"},
    },
    "required": ["coordinates", *COUNTED_RUNS, *NUMBERS, "method", "rests_on", "values", "tuned"],
}


class AggregateReply(Schema):
    """A metric of a sweep, group by group."""

    object = noun("aggregate")
    sweep = shown(fields.String, "the sweep's id")
    metric = shown(fields.String, "what is aggregated")
    group_by = shown(fields.List, "the axes of the groups", fields.String())
    over = shown(fields.List, "the axes of the replicates", fields.String())
    best_over = shown(fields.List, "the axes that are tuned", fields.String())
    groups = shown(Plain, "the groups, in the order of their first cells", {"type": "array", "items": GROUP})
    fit = shown(Plain, "what was fitted to the groups, where that was asked", {"type": ["object", "null"]})
    inputs_hash = shown(fields.String, "sha256 of all that the numbers follow from")


class SweepValidationReply(Schema):
    """What a sweep means and costs; nothing was stored."""

    object = noun("sweep_validation")
    cells_total = shown(fields.Integer, "how many cells the axes make")
    cells_existing = shown(fields.Integer, "how many of them have an equal experiment that has succeeded")
    populations = shown(fields.Integer, "how many kinds of experiment can be trained together among them")
    estimate = shown(fields.Nested, "what the cells take that do not exist yet", EstimateReply)
    example = shown(Plain, "the spec of the first cell, every default written out", OBJECT)
