"""Waiting for an experiment to change, on behalf of a client that prefers not to poll."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from service.context import Context
from workers.database import queries
from workers.database.values import ExperimentView

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.25


@contextmanager
def place(semaphore: BoundedSemaphore) -> Iterator[bool]:
    """Yield whether a place was free, and give it back afterwards."""
    taken = semaphore.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            semaphore.release()


def await_change(context: Context, view: ExperimentView, until: Callable[[ExperimentView], bool], seconds: int) -> bool:
    """Return after `until` holds or the seconds have passed; False at once when all places are taken."""
    if seconds <= 0 or until(view):
        return seconds > 0
    with place(context.waiters) as taken:
        if taken:
            _poll(context, view, until, time.monotonic() + seconds)
        return taken


def _poll(context: Context, view: ExperimentView, until: Callable[[ExperimentView], bool], deadline: float) -> None:
    pause = FIRST_PAUSE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        with context.database.read() as session:
            if queries.version_of(session, view.project_id, view.id) == view.version:
                continue
            found = queries.experiment(session, view.project_id, view.id)
        if found is None or until(found):
            return
        view = found
