"""Cursors: the place where a list goes on, signed and bound to its filter and order."""

import hashlib
import json
from datetime import datetime
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from service.problems import ProblemError

Place = tuple[datetime, str]


def write_cursor(signer: URLSafeSerializer, place: Place, bound_to: Any) -> str:
    """Return the cursor behind which a list by time goes on; `bound_to` is the filter as JSON values."""
    moment, identifier = place
    return sign([moment.isoformat(), identifier], signer, bound_to)


def read_cursor(signer: URLSafeSerializer, cursor: str, bound_to: Any) -> Place:
    """Return the place that the cursor names; raise ProblemError unless we wrote it for this filter."""
    moment, identifier = unsign(cursor, signer, bound_to)
    return datetime.fromisoformat(moment), identifier


def sign(place: Any, signer: URLSafeSerializer, bound_to: Any) -> str:
    """Return the cursor of a place, both JSON values."""
    text = signer.dumps([place, _digest(bound_to)])
    return text if isinstance(text, str) else text.decode()


def unsign(cursor: str, signer: URLSafeSerializer, bound_to: Any) -> Any:
    """Return the place that `sign` was given; raise ProblemError unless it was for the same list."""
    try:
        place, digest = signer.loads(cursor)
    except (BadData, ValueError, TypeError):  # signed by an older version: not a pair
        raise ProblemError("invalid-cursor", "The cursor was not made by this server, or was changed.") from None
    if digest != _digest(bound_to):
        raise ProblemError("invalid-cursor", "The cursor belongs to a list with another filter or order.")
    return place


def _digest(bound_to: Any) -> str:
    # The filter itself may be longer than a cursor may be.
    return hashlib.sha256(json.dumps(bound_to, sort_keys=True).encode()).hexdigest()[:32]
