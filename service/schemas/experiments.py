"""What a client may say about experiments: bodies, query strings and headers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, post_load, pre_load

from service.schemas.fields import JsonChoice, JsonInteger, JsonList, JsonNumber, JsonText, JsonTexts, SpecField
from service.schemas.parameters import Count, IdempotencyKey, Waiting, Word, Words
from workers.catalogue.problems import Problem
from workers.database.values import NewExperiment
from workers.experiments.lifecycle import Status

PRIORITIES = ("low", "normal", "high")
SPEC_FIELDS = {"type", "target", "dataset", "architecture", "training", "simulation", "config"}
WEEK_SECONDS = 7 * 86_400.0
LONGEST_LIST = 500
LONGEST_CURSOR = 8_000  # four texts of 64 characters, every one outside ASCII
MOST_POINTS = 100_000


def absent() -> None:
    """Return None: a default that is called is not written into the documentation."""


tag = JsonText(most=64, without=",")


class Strict(Schema):
    """Fields that are not declared are refused, with the nearest name."""

    class Meta:
        unknown = RAISE


class Options(Strict):
    """What may stand beside a spec and never changes a result."""

    name = JsonText(most=255, allow_none=True, load_default=absent)
    tags = JsonList(tag, most=32, unique=True, load_default=tuple)
    metadata = JsonTexts(JsonText(most=64), JsonText(least=0, most=1_000), most=16, load_default=dict)
    priority = JsonChoice(*PRIORITIES, load_default="normal")
    timeout_seconds = JsonNumber(above=0.0, maximum=WEEK_SECONDS, allow_none=True, load_default=absent)
    queue_ttl_seconds = JsonNumber(above=0.0, maximum=WEEK_SECONDS, allow_none=True, load_default=absent)
    max_attempts = JsonInteger(minimum=1, maximum=100, load_default=3)


class SubmissionBody(Options):
    """A spec, and beside it what never changes a result."""

    spec = SpecField(required=True)
    reuse = JsonChoice("never", load_default="never")

    @pre_load
    def refuse_bare(self, data: Any, **_: Any) -> Any:
        """Raise a hint when the body is a spec that nobody wrapped."""
        if isinstance(data, Mapping) and "spec" not in data and SPEC_FIELDS & data.keys():
            detail = 'this looks like a bare spec: wrap it as {"spec": {...}}'
            raise ValidationError([Problem(path=("spec",), code="required", detail=detail)])
        return data

    @post_load
    def submission(self, data: dict[str, Any], **_: Any) -> NewExperiment:
        """Return the new experiment."""
        given = {name: value for name, value in data.items() if name not in ("reuse", "priority")}
        return NewExperiment(**given, priority=PRIORITIES.index(data["priority"]))


class SubmissionHeaders(Schema):
    """Headers of a submission."""

    key = IdempotencyKey(data_key="Idempotency-Key", load_default=absent)
    wait_seconds = Waiting(data_key="Prefer", load_default=int)


class WaitHeaders(Schema):
    """Headers of a long poll."""

    wait_seconds = Waiting(data_key="Prefer", load_default=int)


class ListQuery(Strict):
    """Which experiments, and how many at once."""

    status = Words(*(status.value for status in Status), load_default=tuple)
    tags = Words(longest=64, load_default=tuple)
    filter = Word(longest=4_000, load_default=absent)
    order_by = Word(longest=1_000, load_default=absent)
    members = Word(data_key="fields", longest=4_000, load_default=absent)
    limit = Count(minimum=1, lowered_to=LONGEST_LIST, load_default=50)
    cursor = Word(longest=LONGEST_CURSOR, load_default=absent)
    count = Word("exact", load_default=absent)


class FacetsQuery(Strict):
    """Which experiments, counted by what."""

    by = Word(longest=1_000, required=True)
    filter = Word(longest=4_000, load_default=absent)


class EventsQuery(Strict):
    """Which events."""

    after_version = Count(load_default=0)


class CurvesQuery(Strict):
    """Which curves, of which steps, with how many points."""

    names = Words(most=100, load_default=tuple)
    max_points = Count(minimum=4, lowered_to=MOST_POINTS, load_default=2_000)
    first_step = Count(data_key="from", load_default=absent)
    last_step = Count(data_key="to", load_default=absent)


class PredictionsBody(Strict):
    """Points at which the model is asked, one row each, in the units of the data."""

    inputs = JsonList(
        JsonList(JsonNumber(above=-1e30, maximum=1e30), least=1, most=10_000), least=1, most=10_000, required=True
    )
