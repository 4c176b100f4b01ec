"""Cursors: the place where a list goes on, signed and bound to its filter."""

from datetime import datetime
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from service.problems import ProblemError

Place = tuple[datetime, str]


def write_cursor(signer: URLSafeSerializer, place: Place, bound_to: Any) -> str:
    """Return the cursor behind which the list goes on; `bound_to` is the filter as JSON values."""
    moment, identifier = place
    text = signer.dumps([moment.isoformat(), identifier, bound_to])
    return text if isinstance(text, str) else text.decode()


def read_cursor(signer: URLSafeSerializer, cursor: str, bound_to: Any) -> Place:
    """Return the place that the cursor names; raise ProblemError unless we wrote it for this filter."""
    try:
        moment, identifier, filtered = signer.loads(cursor)
    except BadData:
        raise ProblemError("invalid-cursor", "The cursor was not made by this server, or was changed.") from None
    if filtered != bound_to:
        raise ProblemError("invalid-cursor", "The cursor belongs to a list with another filter.")
    return datetime.fromisoformat(moment), identifier
