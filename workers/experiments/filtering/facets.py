"""Fields by which experiments can be counted."""

from workers.experiments.filtering.fields import Field, Kind, field_of
from workers.experiments.filtering.parser import parse_names
from workers.experiments.filtering.syntax import Fault, FilterError


def facets_of(text: str) -> tuple[Field, ...]:
    """Return the fields by which experiments are counted; raise FilterError."""
    found: dict[str, Field] = {}
    for name in parse_names(text):
        field = field_of(name)
        if field.kind in (Kind.METRIC, Kind.MOMENT, Kind.JSON) or field.metric is not None:
            message = f"experiments are not counted by {field.name}: take a field of few values, as status or a kind"
            raise FilterError(Fault(code="filter-type", position=name.position, message=message))
        found.setdefault(field.name, field)
    return tuple(found.values())
