"""Results that the runner has told and the database has not: several go into one transaction, a faulty one alone."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from workers.database import results
from workers.database.session import Database
from workers.database.values import Claimed
from workers.experiments.measurement import from_message
from workers.supervisor.durable import brief, now, until_written

WAIT_SECONDS = 0.2  # a chunk's members end within about so long, one after the other
MOST_TOGETHER = 32  # results; more save no time, and hold their rows, or a whole SQLite database, longer
MOST_BYTES = 2**24  # of the files of one transaction
FAULTS = (SQLAlchemyError, KeyError, TypeError, ValueError)  # of a result; the database's absence is none of them

log = logging.getLogger(__name__)


class Finishing:
    """Holds results until they are due; its owner calls `write` then, and before it lets go of the experiments.

    `settle(id, held)` hears of a result that is written, `refuse(id, error)` of one that cannot be.
    """

    def __init__(
        self,
        database: Database,
        *,
        given_up: Callable[[], bool],
        settle: Callable[[str, bool], None],
        refuse: Callable[[str, Exception], None],
    ) -> None:
        self._database, self._given_up = database, given_up
        self._settle, self._refuse = settle, refuse
        self._waiting: list[results.Result] = []
        self._bytes = 0
        self._due = math.inf

    def take(self, claimed: Claimed, message: Any, contents: Sequence[bytes]) -> None:
        """Take what the runner said of an experiment's end; refuse what is no result."""
        try:
            measurement = from_message(message, contents)
        except FAULTS as error:
            self._refuse(claimed.id, error)
            return
        self._waiting.append(results.Result(id=claimed.id, fence=claimed.fence, measurement=measurement))
        self._bytes += sum(map(len, contents))
        self._due = min(self._due, time.monotonic() + WAIT_SECONDS)

    @property
    def seconds_left(self) -> float:
        """Return how long nothing has to be written; infinite while there is nothing."""
        full = len(self._waiting) >= MOST_TOGETHER or self._bytes >= MOST_BYTES
        return 0.0 if full else max(0.0, self._due - time.monotonic())

    def write(self) -> None:
        """Write everything; raise GivenUpError when the database is away and the worker stops."""
        waiting, self._waiting = self._waiting, []
        self._bytes, self._due = 0, math.inf
        if len(waiting) > 1:
            try:
                self._store(waiting)
            except FAULTS as error:
                log.warning("results are written one by one: %s", brief(error))
            else:
                return
        for result in waiting:
            try:
                self._store([result])
            except FAULTS as error:
                self._refuse(result.id, error)

    def _store(self, waiting: Sequence[results.Result]) -> None:
        # A lost lease is no reason to give up: while a row was not taken back, its fence still lets us finish it.
        held = until_written(
            self._database, lambda session: results.finish_all(session, waiting, now()), self._given_up
        )
        for result in waiting:
            self._settle(result.id, result.id in held)
