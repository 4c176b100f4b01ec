"""Strict JSON out: every reply can be read by a parser that knows no NaN."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictProvider(DefaultJSONProvider):
    """Writes non-finite numbers as the strings "NaN", "Infinity" and "-Infinity"."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return compact JSON, the members in the order given."""
        return strict_json(obj)


def strict_json(value: Any) -> str:
    """Return the value as JSON without NaN and Infinity."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def number(value: float) -> float | str:
    """Return a finite number as it is, another as its name."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def instant(moment: datetime) -> str:
    """Return an RFC 3339 time in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
