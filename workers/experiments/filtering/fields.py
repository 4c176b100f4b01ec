"""What can be asked about an experiment: every field with its type, in one table."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from workers.catalogue.problems import nearest
from workers.experiments.filtering.syntax import Fault, FilterError, Name, Path, written_name
from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.spec import TYPES

Part = Literal["first", "last", "min", "max", "mean", "n", "argmin_step"]
PARTS: tuple[Part, ...] = ("first", "last", "min", "max", "mean", "n", "argmin_step")
COUNTED = ("n", "argmin_step")
# What both databases find by a path inside JSON, whatever way they store its keys.
KEY = re.compile(r"[ !#-\[\]-~]{1,64}")
DEEPEST_PATH = 8
LONGEST_NAME = 255
LONGEST_KEY = 64
SHOWN = 80  # characters of a name that nobody knows


class Kind(Enum):
    """The type of a field's values."""

    WORD = "one of a few words"
    TEXT = "text"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    MOMENT = "a time"
    TAGS = "tags"
    METRIC = "a metric"  # which is there or not; its parts are numbers
    JSON = "text, a number or true or false"  # whatever stands in the spec

    @property
    def is_ordered(self) -> bool:
        """Say whether < and > compare its values."""
        return self in (Kind.INTEGER, Kind.NUMBER, Kind.MOMENT, Kind.JSON)

    @property
    def is_sortable(self) -> bool:
        """Say whether a list can be in its order."""
        return self not in (Kind.TAGS, Kind.METRIC)


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field as its name says it: from the table, or with the metric, the key or the path that the name holds."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    metric: str | None = None
    part: Part | None = None
    key: str | None = None  # of the metadata
    path: Path = ()  # inside the spec


def _words(enum: type[Status] | type[StatusReason] | type[Outcome]) -> tuple[str, ...]:
    return tuple(member.value for member in enum)


def _table() -> Iterator[Field]:
    yield Field(name="status", kind=Kind.WORD, choices=_words(Status))
    yield Field(name="status_reason", kind=Kind.WORD, choices=_words(StatusReason))
    yield Field(name="outcome", kind=Kind.WORD, choices=_words(Outcome))
    yield Field(name="type", kind=Kind.WORD, choices=tuple(TYPES))
    yield Field(name="dtype", kind=Kind.WORD, choices=("float32", "float64"))
    for name in ("created_at", "started_at", "finished_at"):
        yield Field(name=name, kind=Kind.MOMENT)
    for name in ("seed", "parameters", "architecture.width", "architecture.depth"):
        yield Field(name=name, kind=Kind.INTEGER)
    yield Field(name="training.optimizer.learning_rate", kind=Kind.NUMBER)
    yield Field(name="verified", kind=Kind.BOOLEAN)
    yield Field(name="tags", kind=Kind.TAGS)
    for name in ("id", "name", "created_by", "spec_hash", "sweep", "rerun_of"):
        yield Field(name=name, kind=Kind.TEXT)
    for part in ("target", "dataset", "architecture", "training.optimizer", "simulation"):
        yield Field(name=f"{part}.kind", kind=Kind.TEXT)


FIELDS: Mapping[str, Field] = {field.name: field for field in _table()}
OPEN = {  # what a name may begin with, and what follows
    "metrics": f"metrics.<name>.<{'|'.join(PARTS)}>",
    "metadata": "metadata.<key>",
    "spec": "spec.<path>",
    "config": "config.<path>",
}
SPEC_MEMBERS = ("target", "dataset", "architecture", "training", "simulation", "probes", "seeds")


def field_of(name: Name) -> Field:
    """Return the field of that name; raise FilterError with the nearest name that there is."""
    path = name.path
    found = FIELDS.get(".".join(map(str, path)))
    if found is not None:
        return found
    if path[0] in OPEN and len(path) == 1:
        raise _unknown(name, f"{path[0]} needs more: {OPEN[path[0]]}")
    if path[0] == "metrics":
        return _metric(name)
    if path[0] == "metadata":
        return _metadata(name)
    if path[0] in ("spec", "config"):
        return _inside_spec(name)
    raise _unknown(name, f"there is no field {written_name(path)[:SHOWN]}")


def _metric(name: Name) -> Field:
    path, text = name.path[1:], written_name(name.path)
    *front, last = path
    part = next((part for part in PARTS if part == last and front), None)
    metric = ".".join(map(str, front if part else path))
    if len(metric) > LONGEST_NAME:
        raise _unknown(name, f"the name of a metric has at most {LONGEST_NAME} characters")
    if part is None:
        return Field(name=text, kind=Kind.METRIC, metric=metric)
    kind = Kind.INTEGER if part in COUNTED else Kind.NUMBER
    return Field(name=text, kind=kind, metric=metric, part=part)


def _metadata(name: Name) -> Field:
    key = ".".join(map(str, name.path[1:]))
    if len(key) > LONGEST_KEY:
        raise _unknown(name, f"a key of the metadata has at most {LONGEST_KEY} characters")
    return Field(name=written_name(name.path), kind=Kind.TEXT, key=key)


def _inside_spec(name: Name) -> Field:
    path = name.path[1:] if name.path[0] == "spec" else name.path
    if len(path) > DEEPEST_PATH:
        raise _unknown(name, f"a path has at most {DEEPEST_PATH} parts")
    for part in path:
        if isinstance(part, str) and not KEY.fullmatch(part):
            raise _unknown(
                name, "the parts of a path are 1 to 64 ASCII characters, none of them a quote or a backslash"
            )
    return Field(name=written_name(name.path), kind=Kind.JSON, path=path)


def _unknown(name: Name, message: str) -> FilterError:
    text = written_name(name.path)[:SHOWN]
    hint = nearest(text, (*FIELDS, *OPEN.values()))
    if name.path[0] in SPEC_MEMBERS and len(name.path) > 1 and (hint is None or _rank(hint) != _rank(text)):
        hint = f"spec.{text}"
    shown = f"; did you mean {hint}?" if hint else ""
    return FilterError(
        Fault(
            code="unknown-filter-field",
            position=name.position,
            message=message + shown,
            did_you_mean=hint,
            allowed=(*FIELDS, *OPEN.values()),
        )
    )


def _rank(text: str) -> int:
    return text.count(".")
