"""What every worker does beside its work, also while it trains: each chore a function, run by one small thread."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from workers.database import chores, claims
from workers.database.session import Database
from workers.database.values import LeaseView, WorkerIdentity
from workers.settings import Settings
from workers.supervisor.durable import brief, now
from workers.supervisor.identity import provably_dead

LOOK_SECONDS = 1.0  # at most; a short beat makes it shorter
SELDOM_SECONDS = 60.0
RARELY_SECONDS = 600.0

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Chore:
    """A function with how often it is due."""

    name: str
    do: Callable[[], object]
    every_seconds: float
    due: float = 0.0


class Chores:
    """The thread of chores; `woken` is called when experiments came back into the queue."""

    def __init__(
        self,
        *,
        database: Database,
        worker: WorkerIdentity,
        settings: Settings,
        stopping: threading.Event,
        woken: Callable[[], object],
    ) -> None:
        self._stopping = stopping
        self._look_seconds = min(LOOK_SECONDS, settings.beat_seconds)
        reaper = Reaper(database, lease_seconds=settings.lease_seconds, longest_gap_seconds=5 * self._look_seconds)
        often, beat = self._look_seconds, settings.beat_seconds

        def chore(name: str, function: Callable[[Session], object], every: float) -> Chore:
            return Chore(name=name, do=partial(_in_transaction, database, function), every_seconds=every)

        self._chores = [
            Chore(name="take back", do=lambda: reaper.look() and woken(), every_seconds=often),
            chore("end cancelled", lambda session: chores.cancel_overdue(session, now()), often),
            chore("expire queued", lambda session: chores.expire_queued(session, now()), often),
            chore("show presence", lambda session: _show_presence(session, worker), beat),
            chore("expire inferences", lambda session: chores.expire_inferences(session, now()), SELDOM_SECONDS),
            chore("expire replies", lambda session: chores.expire_replies(session, now()), RARELY_SECONDS),
            chore("forget workers", lambda session: chores.forget_lost_workers(session, now()), RARELY_SECONDS),
            chore("drop unused blobs", chores.drop_unused_blobs, RARELY_SECONDS),
        ]

    def start(self) -> threading.Thread:
        """Start the thread and return it."""
        thread = threading.Thread(target=self._run, name="chores", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            for chore in self._chores:
                if time.monotonic() >= chore.due and not self._stopping.is_set():
                    _do(chore)


class Reaper:
    """Takes back the experiments of leases whose owner shows no life.

    It remembers each lease's beat and how long it saw no other, on its own monotonic clock, counted only
    between two successful looks: neither a wrong clock nor an absent database makes a live owner look dead.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float,
        longest_gap_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._clock = database, clock
        self._lease_seconds, self._longest_gap_seconds = lease_seconds, longest_gap_seconds
        self._seen: dict[str, tuple[int, float]] = {}  # lease id to (beat, seconds without another)
        self._looked: float | None = None

    def look(self) -> int:
        """Look at all leases once; return how many experiments were taken back."""
        before, self._looked = self._looked, None  # stays None when the look fails
        with self._database.read() as session:
            leases = chores.leases(session)
        self._looked = self._clock()
        # A gap longer than our own rhythm means that we slept, and the owner perhaps with us.
        gap = 0.0 if before is None else min(self._looked - before, self._longest_gap_seconds)
        self._seen = {lease.id: (lease.beat, self._silence(lease, gap)) for lease in leases}
        return sum(self._take_back(lease) for lease in leases if self._is_dead(lease))

    def _silence(self, lease: LeaseView, gap: float) -> float:
        beat, silence = self._seen.get(lease.id, (None, 0.0))
        return silence + gap if beat == lease.beat else 0.0

    def _is_dead(self, lease: LeaseView) -> bool:
        return self._seen[lease.id][1] >= self._lease_seconds or provably_dead(lease.worker)

    def _take_back(self, lease: LeaseView) -> int:
        with self._database.write() as session:
            count = chores.take_back(session, lease.id, lease.beat, now())
        log.warning("took back %d experiments of a lost worker", count, extra={"lease": lease.id})
        return count


def _in_transaction(database: Database, function: Callable[[Session], Any]) -> Any:
    with database.write() as session:
        return function(session)


def _show_presence(session: Session, worker: WorkerIdentity) -> None:
    if not claims.touch_worker(session, worker.id, now()):
        claims.register_worker(session, worker, now())


def _do(chore: Chore) -> None:
    chore.due = time.monotonic() + chore.every_seconds
    try:
        chore.do()
    except SQLAlchemyError as error:
        log.warning("chore %s failed: %s", chore.name, brief(error))
    except Exception:
        log.exception("chore %s failed", chore.name)  # the thread goes on: the other chores do not depend on it
