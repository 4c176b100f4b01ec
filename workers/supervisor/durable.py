"""Writes that survive an absent database: tried again until they are in or the worker stops."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from workers.database.session import UNAVAILABLE, Database

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class GivenUpError(RuntimeError):
    """The database did not come back before the worker had to stop."""


def until_written(database: Database, write: Callable[[Session], T], given_up: Callable[[], bool]) -> T:
    """Return the answer of `write`, run in a transaction that is tried again while the database is away.

    `write` must be conditional on a fence: a connection lost during COMMIT repeats what may be done already.
    Raise GivenUpError when `given_up` says so after a failure, and at once what is not the database's absence.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            with database.write() as session:
                return write(session)
        except SQLAlchemyError as error:
            if not is_passing(error):
                raise
            log.warning("database away, write is tried again: %s", brief(error))
            if given_up():
                raise GivenUpError(brief(error)) from error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def is_passing(error: SQLAlchemyError) -> bool:
    """Say whether the database is away, locked, full or restarting, rather than the statement or a value wrong."""
    return isinstance(error, UNAVAILABLE) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def brief(error: BaseException) -> str:
    """Return the first line of an error, without the statement that SQLAlchemy appends."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"


def now() -> datetime:
    """Return the wall clock, for columns; durations are never taken from it."""
    return datetime.now(UTC)
