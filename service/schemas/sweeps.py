"""What a client may say about sweeps."""

from typing import Any

from marshmallow import ValidationError, post_load

from service.schemas.experiments import PRIORITIES, Options, Strict, absent
from service.schemas.fields import JsonChoice, JsonInteger, JsonList, JsonObject, JsonText
from service.schemas.parameters import Amount, Count, Word, Words
from workers.catalogue.problems import InvalidError, Problem
from workers.database.sweep_values import NewSweep
from workers.database.values import NewExperiment
from workers.experiments.axes import FORMS, MOST_VALUES
from workers.experiments.lifecycle import Status
from workers.experiments.spec import Recorded
from workers.experiments.sweep import MOST_AXES, MOST_CELLS, expand, grid_of

OF_EXPERIMENTS = ("tags", "metadata", "timeout_seconds", "queue_ttl_seconds", "max_attempts")
LONGEST_PAGE = 500
POLICIES = ("completed", "finite", "worst")  # of workers.analysis.aggregates, which the API imports only to compute
AXIS_FORMS = ("range", "log_range", "count")


def axis_schema() -> dict[str, Any]:
    """Return the JSON Schema of one axis."""
    three = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    values = {"type": "array", "items": {}, "minItems": 1, "maxItems": MOST_VALUES}
    count = {"type": "integer", "minimum": 1, "maximum": MOST_VALUES}
    forms = [
        {"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": False}
        for name, inner in zip(AXIS_FORMS, (three, three, count), strict=True)
    ]
    return {"description": FORMS, "anyOf": [values, *forms]}


class SweepBody(Options):
    """A base spec and axes; every cell of their grid becomes an experiment."""

    base = JsonObject(
        {"description": "a spec; what an axis varies may be left out", "additionalProperties": True}, required=True
    )
    axes = JsonObject(
        {
            "description": "dotted path in the spec to the values that it takes",
            "maxProperties": MOST_AXES,
            "additionalProperties": axis_schema(),
        },
        required=True,
    )
    zip = JsonList(JsonList(JsonText(most=255), least=2, most=MOST_AXES), most=MOST_AXES, load_default=tuple)
    max_parallel = JsonInteger(minimum=1, maximum=MOST_CELLS, allow_none=True, load_default=absent)
    reuse = JsonChoice("never", "succeeded", load_default="never")

    @post_load
    def sweep(self, data: dict[str, Any], **_: Any) -> NewSweep:
        """Return the new sweep with all its cells; raise ValidationError for axes or cells that break a rule."""
        base, axes, groups = data["base"], data["axes"], data["zip"]
        try:
            cells = expand(base, grid_of(base, axes, groups))
        except InvalidError as error:
            raise ValidationError(list(error.problems)) from None
        if isinstance(cells[0].spec, Recorded):
            detail = "recorded results are not run: post each of them, or sweep an approximation or a simulation"
            raise ValidationError([Problem(path=("base", "type"), detail=detail)])
        options = {name: data[name] for name in OF_EXPERIMENTS} | {"priority": PRIORITIES.index(data["priority"])}
        return NewSweep(
            plan={"base": base, "axes": axes, "zip": [list(group) for group in groups], "options": options},
            cells=tuple(NewExperiment(spec=cell.spec, **options) for cell in cells),
            name=data["name"],
            tags=data["tags"],
            metadata=data["metadata"],
            max_parallel=data["max_parallel"],
            reuse=data["reuse"] == "succeeded",
        )


class SweepsQuery(Strict):
    """How many sweeps at once."""

    limit = Count(minimum=1, lowered_to=LONGEST_PAGE, load_default=50)
    cursor = Word(load_default=absent)


class CellsQuery(Strict):
    """Which cells, and how many at once."""

    status = Words(*(status.value for status in Status), load_default=tuple)
    limit = Count(minimum=1, lowered_to=LONGEST_PAGE, load_default=50)
    cursor = Word(load_default=absent)


class AggregateQuery(Strict):
    """Which metric, over which replicates, in which groups, and what is fitted to them."""

    metric = Word(longest=300, required=True)
    group_by = Words(most=MOST_AXES, load_default=tuple)
    over = Words(most=MOST_AXES, load_default=tuple)
    best_over = Words(most=MOST_AXES, load_default=tuple)
    best_by = Word(longest=300, load_default=absent)
    best = Word("min", "max", load_default=lambda: "min")
    policy = Word(*POLICIES, load_default=lambda: "completed")
    ci = Amount(above=0.0, below=1.0, load_default=lambda: 0.95)
    fit = Word("linear", "power_law", "exponential", load_default=absent)
    floor = Amount(above=0.0, below=1e300, load_default=absent)


class ExportQuery(Strict):
    """In which form."""

    format = Word("csv", "ndjson", load_default=lambda: "csv")
