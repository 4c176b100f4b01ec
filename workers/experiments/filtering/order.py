"""Orders of a list: fields, each up or down, and the id where all of them are equal."""

from dataclasses import dataclass

from workers.experiments.filtering.fields import FIELDS, Field, Kind, field_of
from workers.experiments.filtering.parser import parse_order
from workers.experiments.filtering.syntax import Fault, FilterError


@dataclass(frozen=True, kw_only=True)
class Key:
    """One field of an order."""

    field: Field
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Order:
    """The keys; missing and NaN come last both ways, and ties go by the id in the direction of the last key."""

    keys: tuple[Key, ...]

    @property
    def written(self) -> str:
        """Return the order as a client writes it."""
        return ", ".join(f"{key.field.name} {'desc' if key.descending else 'asc'}" for key in self.keys)


NEWEST = Order(keys=(Key(field=FIELDS["created_at"], descending=True),))


def order_of(text: str) -> Order:
    """Return the order that the text states; raise FilterError."""
    keys: dict[str, Key] = {}
    for name, descending in parse_order(text):
        field = field_of(name)
        if not field.kind.is_sortable:
            part = f": name a part, as in {field.name}.last" if field.kind is Kind.METRIC else ""
            raise FilterError(
                Fault(code="filter-type", position=name.position, message=f"{field.name} gives no order{part}")
            )
        keys.setdefault(field.name, Key(field=field, descending=descending))
    return Order(keys=tuple(keys.values()))
