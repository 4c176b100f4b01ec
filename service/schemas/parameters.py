"""Fields of query strings and headers: text in, values out, each fault named."""

import re
from collections.abc import Iterator
from typing import Any

from service.schemas.fields import REFUSED_TEXT, StrictField
from workers.catalogue.problems import Problem, nearest

WHOLE = re.compile(r"\d{1,18}")
DECIMAL = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)


class Count(StrictField):
    """A whole number written in digits; above `lowered_to` it counts as that."""

    def __init__(self, *, minimum: int = 0, lowered_to: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.minimum, self.lowered_to = minimum, lowered_to

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "integer", "minimum": self.minimum, "maximum": 10**18 - 1}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield what is no whole number, or too small a one."""
        if not WHOLE.fullmatch(value):
            yield Problem(code="type", detail="must be a whole number of at most 18 digits")
        elif int(value) < self.minimum:
            yield Problem(code="range", detail=f"must be at least {self.minimum}; got {value}")

    def taken(self, value: Any) -> int:
        """Return the number, lowered where it is too large."""
        return int(value) if self.lowered_to is None else min(int(value), self.lowered_to)


class Amount(StrictField):
    """A finite number above `above` and below `below`."""

    def __init__(self, *, above: float, below: float, **options: Any) -> None:
        super().__init__(**options)
        self.above, self.below = above, below

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "number", "exclusiveMinimum": self.above, "exclusiveMaximum": self.below}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield what is no number, or out of bounds."""
        if not DECIMAL.fullmatch(value):
            yield Problem(code="type", detail="must be a number, as 0.95 or 1e-7")
        elif not self.above < float(value) < self.below:
            detail = f"must be greater than {self.above:g} and less than {self.below:g}; got {value[:40]}"
            yield Problem(code="range", detail=detail)

    def taken(self, value: Any) -> float:
        """Return the number."""
        return float(value)


class Words(StrictField):
    """Words separated by commas; with `choices`, only those."""

    def __init__(self, *choices: str, most: int = 32, longest: int = 255, **options: Any) -> None:
        super().__init__(**options)
        self.choices, self.most, self.longest = choices, most, longest

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        free = {"minLength": 1, "maxLength": self.longest, "pattern": "^[^,\\u0000-\\u001f\\u007f]+$"}
        word = {"enum": list(self.choices)} if self.choices else free
        return {"type": "array", "items": {"type": "string", **word}, "minItems": 1, "maxItems": self.most}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield too many words and those that are none of the choices."""
        words = value.split(",")
        if len(words) > self.most:
            yield Problem(code="length", detail=f"must have at most {self.most} words; got {len(words)}")
            return
        if REFUSED_TEXT.search(value) or any(not 0 < len(word) <= self.longest for word in words):
            yield Problem(code="length", detail=f"each word must have 1 to {self.longest} characters, none of control")
            return
        for word in (word for word in words if self.choices and word not in self.choices):
            hint = nearest(word, self.choices)
            detail = f"{word!r} is none of {', '.join(self.choices)}"
            yield Problem(code="choice", detail=detail, did_you_mean=hint, allowed=self.choices)

    def taken(self, value: Any) -> tuple[str, ...]:
        """Return the words."""
        return tuple(value.split(","))


class Word(StrictField):
    """Bounded text; with `choices`, one of those."""

    def __init__(self, *choices: str, longest: int = 2_000, **options: Any) -> None:
        super().__init__(**options)
        self.choices, self.longest = choices, longest

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "string", **({"enum": list(self.choices)} if self.choices else {"maxLength": self.longest})}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield a word that is none of the choices, or too long."""
        if self.choices and value not in self.choices:
            yield Problem(code="choice", detail=f"must be {' or '.join(self.choices)}", allowed=self.choices)
        elif len(value) > self.longest:
            yield Problem(code="length", detail=f"must have at most {self.longest} characters")


class IdempotencyKey(StrictField):
    """At most 255 printable ASCII characters."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$", "maxLength": 255}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield what is longer or not ASCII."""
        if not re.fullmatch(r"[\x20-\x7e]{1,255}", value):
            yield Problem(code="idempotency-key", detail="must be 1 to 255 printable ASCII characters")


class Waiting(StrictField):
    """The header Prefer: `wait=n` becomes n seconds, at most 60; other preferences are ignored, as RFC 7240 asks."""

    LONGEST = 60

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "string", "examples": ["wait=30"]}

    def faults(self, value: Any) -> Iterator[Problem]:
        """Yield nothing: a preference that cannot be met is ignored."""
        return iter(())

    def taken(self, value: Any) -> int:
        """Return the seconds."""
        found = re.search(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", value)
        return min(int(found.group(1)), self.LONGEST) if found else 0


def documented_style(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """Return how a list stands in a query string, for apispec; nothing for other fields."""
    return {"style": "form", "explode": False} if isinstance(field, Words) else {}
