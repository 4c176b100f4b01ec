"""Fields that take exactly what JSON Schema says, and name each fault with its remedy."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from workers.catalogue.problems import InvalidError, Problem
from workers.experiments.codec import decode
from workers.experiments.spec import ExperimentSpec

REFUSED_TEXT = re.compile(r"[\x00-\x1f\x7f]")


class StrictField(fields.Field[Any]):
    """A field with its own JSON Schema, checked by `faults` before `taken` turns it into a value."""

    default_error_messages = {  # noqa: RUF012
        "required": [Problem(code="required", detail="is required")],
        "null": [Problem(code="type", detail="must not be null: leave it out")],
    }

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values that the field takes."""
        raise TypeError(f"{type(self).__name__} documents nothing")

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield what is wrong with the value."""
        raise TypeError(f"{type(self).__name__} checks nothing")

    def taken(self, value: Any) -> Any:
        """Return what a value without faults becomes."""
        return value

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        problems = list(self.faults(value))
        if problems:
            raise ValidationError(problems)
        return self.taken(value)


class JsonInteger(StrictField):
    """A whole number: 3 and 3.0, never "3", 3.7 or true."""

    def __init__(self, *, minimum: int, maximum: int, **options: Any) -> None:
        super().__init__(**options)
        self.minimum, self.maximum = minimum, maximum

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a wrong type or a broken bound."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            yield Problem(code="type", detail="must be an integer")
        elif not self.minimum <= value <= self.maximum:
            yield Problem(code="range", detail=f"must be between {self.minimum} and {self.maximum}; got {value:g}")

    def taken(self, value: Any) -> int:
        """Return it as an int."""
        return int(value)


class JsonNumber(StrictField):
    """A finite number, never "1.5" or true."""

    def __init__(self, *, above: float, maximum: float, **options: Any) -> None:
        super().__init__(**options)
        self.above, self.maximum = above, maximum

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "number", "exclusiveMinimum": self.above, "maximum": self.maximum}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a wrong type or a broken bound."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield Problem(code="type", detail="must be a finite number")
        elif not self.above < value <= self.maximum:
            detail = f"must be greater than {self.above:g} and at most {self.maximum:g}; got {value:g}"
            yield Problem(code="range", detail=detail)

    def taken(self, value: Any) -> float:
        """Return it as a float."""
        return float(value)


class JsonText(StrictField):
    """A string of bounded length without control characters."""

    def __init__(self, *, most: int, least: int = 1, without: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.least, self.most, self.without = least, most, without

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        refused = "".join(f"\\u{ord(character):04x}" for character in self.without)
        pattern = f"^[^\\u0000-\\u001f\\u007f{refused}]*$"
        return {"type": "string", "minLength": self.least, "maxLength": self.most, "pattern": pattern}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a wrong type, length or character."""
        if not isinstance(value, str):
            yield Problem(code="type", detail="must be a string")
        elif not self.least <= len(value) <= self.most:
            detail = f"must have {self.least} to {self.most} characters; got {len(value)}"
            yield Problem(code="length", detail=detail)
        elif REFUSED_TEXT.search(value) or set(self.without) & set(value):
            unwanted = f" and none of {self.without}" if self.without else ""
            yield Problem(code="character", detail=f"must have no control characters{unwanted}")


class JsonChoice(StrictField):
    """One of a few words."""

    def __init__(self, *choices: str, **options: Any) -> None:
        super().__init__(**options)
        self.choices = choices

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "string", "enum": list(self.choices)}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a word that is none of them."""
        if value not in self.choices:
            yield Problem(code="choice", detail=f"must be one of {', '.join(self.choices)}", allowed=self.choices)


class JsonList(StrictField):
    """A list of bounded length, each item checked by a field."""

    def __init__(self, item: StrictField, *, most: int, least: int = 0, unique: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.item, self.least, self.most, self.unique = item, least, most, unique

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        bounds = {"minItems": self.least, "maxItems": self.most, "uniqueItems": self.unique}
        return {"type": "array", "items": self.item.schema(), **bounds}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a wrong type, length or item."""
        if not isinstance(value, list):
            yield Problem(code="type", detail="must be a list")
        elif not self.least <= len(value) <= self.most:
            yield Problem(code="length", detail=f"must have {self.least} to {self.most} items; got {len(value)}")
        else:
            found = [problem.under(index) for index, item in enumerate(value) for problem in self.item.faults(item)]
            yield from found
            if self.unique and not found and len(set(value)) < len(value):
                yield Problem(code="duplicate", detail="must not name anything twice")

    def taken(self, value: Any) -> tuple[Any, ...]:
        """Return a tuple of the items."""
        return tuple(self.item.taken(item) for item in value)


class JsonTexts(StrictField):
    """An object of strings with a bounded number of members."""

    def __init__(self, key: JsonText, value: JsonText, *, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.key, self.value, self.most = key, value, most

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        members = {"propertyNames": self.key.schema(), "additionalProperties": self.value.schema()}
        return {"type": "object", "maxProperties": self.most, **members}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a wrong type, size, key or member."""
        if not isinstance(value, dict):
            yield Problem(code="type", detail="must be an object of strings")
        elif len(value) > self.most:
            yield Problem(code="length", detail=f"must have at most {self.most} members; got {len(value)}")
        else:
            for name, member in value.items():
                for problem in (*self.key.faults(name), *self.value.faults(member)):
                    yield problem.under(name)


class JsonObject(StrictField):
    """An object whose members are checked later, with what they mean."""

    def __init__(self, meaning: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.meaning = meaning

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "object", **self.meaning}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a value that is no object."""
        if not isinstance(value, Mapping):
            yield Problem(code="type", detail="must be an object")


class JsonFlag(StrictField):
    """True or false, never a word or a number."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "boolean"}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield what is neither."""
        if not isinstance(value, bool):
            yield Problem(code="type", detail="must be true or false")


class SpecField(StrictField):
    """An experiment spec, decoded by the decoder that the workers use."""

    def schema(self) -> dict[str, Any]:
        """Return a reference to the union of all specs."""
        return {"$ref": "#/components/schemas/ExperimentSpec"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> ExperimentSpec:
        try:
            return decode(value)
        except InvalidError as error:
            raise ValidationError(list(error.problems)) from None


def documented(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """Return the JSON Schema of one of these fields, for apispec; nothing for other fields."""
    if not isinstance(field, StrictField):
        return {}
    schema = field.schema()
    return {**schema, "type": [schema["type"], "null"]} if field.allow_none else schema
