"""The heartbeat of a lease, and the fence: who cannot show that it lives stops its own runner in time."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from workers.database import claims
from workers.database.session import Database
from workers.supervisor.durable import brief, now

log = logging.getLogger(__name__)


class Heart:
    """Beats for one lease until it is stopped; calls `on_lost` once when the lease is lost or no beat gets through.

    Two threads: a beat that hangs in a dead connection must not keep the fence from closing.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease_id: str,
        worker_id: str,
        beat_seconds: float,
        fence_seconds: float,
        on_lost: Callable[[], object],
    ) -> None:
        self._database = database
        self._lease_id, self._worker_id = lease_id, worker_id
        self._beat_seconds, self._fence_seconds = beat_seconds, fence_seconds
        self._on_lost = on_lost
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._last_beat = elapsed()
        self.lost = threading.Event()

    def start(self) -> None:
        """Begin; the claim counts as the first beat."""
        for part in (self._beat, self._watch):
            threading.Thread(target=part, name=f"heart-{part.__name__.strip('_')}", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(self._beat_seconds):
            begun = elapsed()
            try:
                with self._database.write() as session:
                    held = claims.beat(session, self._lease_id, self._worker_id, now())
            except SQLAlchemyError as error:
                log.warning("no beat: %s", brief(error), extra={"lease": self._lease_id})
                continue
            if not held:
                self._lose("the lease was taken back")
                return
            self._last_beat = begun  # counted from before the write: a reaper sees it no earlier

    def _watch(self) -> None:
        while not self._stopped.is_set():
            left = self._last_beat + self._fence_seconds - elapsed()
            if left <= 0:
                self._lose(f"no beat for {self._fence_seconds:g} seconds")
                return
            self._stopped.wait(min(left, 1.0))

    def _lose(self, why: str) -> None:
        with self._lock:
            if self.lost.is_set() or self._stopped.is_set():
                return
            self.lost.set()
        log.error("lease lost, runner is stopped: %s", why, extra={"lease": self._lease_id})
        self._on_lost()


def elapsed() -> float:
    """Return seconds that also pass while the machine is suspended, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
