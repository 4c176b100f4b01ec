"""Filters, orders and names of fields as clients write them, and the refusal of what cannot be used."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from service.problems import ProblemError
from workers.experiments.filtering.facets import facets_of
from workers.experiments.filtering.fields import FIELDS, Field, field_of
from workers.experiments.filtering.order import NEWEST, Order, order_of
from workers.experiments.filtering.parser import parse_names
from workers.experiments.filtering.syntax import Fault, FilterError
from workers.experiments.filtering.typed import All, Compared, Condition, Tagged, filter_of

T = TypeVar("T")
Location = Literal["parameter", "pointer"]


def condition_from(text: str | None, location: Location = "parameter") -> Condition:
    """Return the condition of the member `filter`; raise ProblemError."""
    return read(filter_of, text, "filter", location) if text is not None else All()


def order_from(text: str | None, location: Location = "parameter") -> Order:
    """Return the order of the member `order_by`, by default the newest first; raise ProblemError."""
    return read(order_of, text, "order_by", location) if text is not None else NEWEST


def facets_from(text: str) -> tuple[Field, ...]:
    """Return the fields of the parameter `by`; raise ProblemError."""
    return read(facets_of, text, "by", "parameter")


def metric_part_from(text: str, name: str, location: Location = "parameter") -> Field:
    """Return the part of a metric, as metrics.test_loss.last, that the member `name` names; raise ProblemError."""
    return read(_metric_part, text, name, location)


def conditions_of(query: Mapping[str, Any]) -> Condition:
    """Return the condition of a list's parameters: its filter, one of its statuses, all of its tags."""
    conditions = [condition_from(query["filter"])]
    if query["status"]:
        conditions.append(Compared(field=FIELDS["status"], operator="=", values=tuple(sorted(set(query["status"])))))
    conditions += [Tagged(values=(tag,)) for tag in sorted(set(query["tags"]))]
    return All(conditions=tuple(conditions))


def read(parse: Callable[[str], T], text: str, name: str, location: Location) -> T:
    """Return what the text says; raise ProblemError with every fault, named after the member that had it."""
    try:
        return parse(text)
    except FilterError as error:
        place = name if location == "parameter" else f"/{name}"
        errors = [_described(fault, location, place) for fault in error.faults]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ProblemError(error.faults[0].code, f"{name}: {errors[0]['detail']}{more}", errors=errors) from None


def _metric_part(text: str) -> Field:
    names = parse_names(text)
    field = field_of(names[0])
    if len(names) > 1 or field.metric is None or field.part is None:
        message = f"must name one part of one metric, as metrics.test_loss.last; got {text!r}"
        raise FilterError(Fault(code="unknown-filter-field", position=1, message=message))
    return field


def _described(fault: Fault, location: Location, place: str) -> dict[str, Any]:
    described: dict[str, Any] = {location: place, "code": fault.code, "detail": fault.detail}
    if fault.did_you_mean is not None:
        described["did_you_mean"] = fault.did_you_mean
    if fault.allowed:
        described["allowed"] = list(fault.allowed)
    return described
