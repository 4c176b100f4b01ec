"""What clients may ask of many experiments at once, and what they read."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from service.schemas.experiment_replies import CurveReply, MetricReply
from service.schemas.experiments import LONGEST_CURSOR, LONGEST_LIST, Strict, absent
from service.schemas.fields import JsonInteger, JsonList, JsonText
from service.schemas.replies import Plain, noun, shown
from workers.catalogue.problems import Problem
from workers.experiments.lifecycle import Status
from workers.experiments.spec import LARGEST_STEP

MOST_POINTS = 1_000_000  # in one reply
LONGEST_CURVE = 10_000
MOST_CURVES = 20
MOST_SUMMARIES = 100
FEWEST_POINTS = 4

EXPERIMENT = {"$ref": "#/components/schemas/ExperimentReply"}
# With `fields`, a part of an experiment; nothing else is said of it, so that a whole one fits both.
PART = {"type": "object", "additionalProperties": True, "description": "the members that `fields` names"}
SCALAR = {"type": ["string", "number", "boolean", "null"]}


class ExperimentsReply(Schema):
    """A list of experiments, whole or, with `fields`, in part."""

    object = noun("list")
    data = shown(fields.List, "the experiments", Plain({"anyOf": [EXPERIMENT, PART]}))
    has_more = shown(fields.Boolean, "whether more follows")
    next_cursor = shown(fields.String, "what continues the list", allow_none=True)
    total = fields.Integer(metadata={"description": "how many there are in all, where that was asked"})


class FacetValueReply(Schema):
    """One value of a field, and how many experiments have it."""

    value = shown(Plain, "the value; null counts those without one", SCALAR)
    count = shown(fields.Integer, "how many experiments have it")


class FacetReply(Schema):
    """Experiments counted by one field."""

    field = shown(fields.String, "what they are counted by")
    values = shown(fields.List, "the most frequent first, at most 100", fields.Nested(FacetValueReply))
    has_more = shown(fields.Boolean, "whether there are other values")


class FacetsReply(Schema):
    """Experiments counted by several fields, each by itself."""

    object = noun("facets")
    total = shown(fields.Integer, "how many experiments meet the filter")
    data = shown(fields.List, "one for each field", fields.Nested(FacetReply))


name = JsonText(most=255)


class MetricsQueryBody(Strict):
    """Which metrics of which experiments: those named, or a page of those that meet a filter."""

    experiments = JsonList(JsonText(most=40), least=1, most=LONGEST_LIST, unique=True, load_default=absent)
    filter = JsonText(least=0, most=4_000, load_default=absent)
    order_by = JsonText(most=1_000, load_default=absent)
    limit = JsonInteger(minimum=1, maximum=LONGEST_LIST, load_default=50)
    cursor = JsonText(most=LONGEST_CURSOR, load_default=absent)
    summaries = JsonList(name, most=MOST_SUMMARIES, unique=True, allow_none=True, load_default=absent)
    curves = JsonList(name, most=MOST_CURVES, unique=True, load_default=tuple)
    max_points = JsonInteger(minimum=FEWEST_POINTS, maximum=LONGEST_CURVE, load_default=200)
    first_step = JsonInteger(data_key="from", minimum=0, maximum=LARGEST_STEP, load_default=absent)
    last_step = JsonInteger(data_key="to", minimum=0, maximum=LARGEST_STEP, load_default=absent)

    @validates_schema
    def refuse_much(self, data: Mapping[str, Any], **_: Any) -> None:
        """Raise ValidationError for what contradicts itself or asks for more than one reply holds."""
        named = data["experiments"]
        problems = []
        if named is not None:
            others = [other for other in ("filter", "order_by", "cursor") if data[other] is not None]
            detail = "does not go with experiments: name them, or give a filter"
            problems += [Problem(path=(other,), detail=detail) for other in others]
        asked = (data["limit"] if named is None else len(named)) * len(data["curves"]) * data["max_points"]
        if asked > MOST_POINTS:
            detail = f"experiments x curves x max_points is {asked}, at most {MOST_POINTS} are sent: lower one of them"
            problems.append(Problem(path=("max_points",), code="range", detail=detail))
        if problems:
            raise ValidationError(problems)


class MeasuredReply(Schema):
    """What is known of one experiment."""

    experiment = shown(fields.String, "its id")
    name = shown(fields.String, "what the client calls it", allow_none=True)
    status = shown(Plain, "where it is", {"type": "string", "enum": [status.value for status in Status]})
    summaries = shown(
        fields.Dict, "by metric; running totals until it has ended", keys=fields.String(),
        values=fields.Nested(MetricReply),
    )  # fmt: skip
    curves = shown(fields.List, "the curves that it has of those asked for", fields.Nested(CurveReply))


class MetricsReply(Schema):
    """Metrics of many experiments."""

    object = noun("metrics")
    data = shown(fields.List, "one for each experiment", fields.Nested(MeasuredReply))
    missing = shown(fields.List, "ids that were named and that the project has not", fields.String())
    has_more = shown(fields.Boolean, "whether more experiments meet the filter")
    next_cursor = shown(fields.String, "what continues with them", allow_none=True)
