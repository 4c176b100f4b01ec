"""Numbers, times and sizes as a page shows them."""

import math
from datetime import datetime

from service.json_reply import number

SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))
UNITS = ("B", "kB", "MB", "GB")


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago it was, in its largest unit."""
    return f"{span((now - moment).total_seconds())} ago"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, below one second to two figures."""
    for length, unit in SPANS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0.0, seconds):.2g} s" if seconds < 1 else f"{int(seconds)} s"


def figure(value: float) -> str:
    """Return a measured value to four figures; NaN and infinities by name."""
    return f"{value:.4g}" if math.isfinite(value) else str(number(value))


def size(count: int) -> str:
    """Return a number of bytes to three figures."""
    value, power = float(count), 0
    while value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g} {UNITS[power]}"
