"""Where Celery meets the supervisor: the task, and the signals of a worker process's life."""

import logging
import os
from collections.abc import Mapping
from typing import Any, Literal

from celery.signals import celeryd_after_setup, worker_ready, worker_shutdown, worker_shutting_down

from workers.catalogue.registry import RegistrationError
from workers.messages import LOOK, QUEUES, celery
from workers.settings import Settings, SettingsError, read_settings
from workers.supervisor.worker import Worker

log = logging.getLogger(__name__)
STIR_SECONDS = (0.01, 0.1)  # the task counts as running until a moment after it has returned

_worker: Worker | None = None
_loop: Any = None


@celery.task(name=LOOK)
def look(*_ignored: object, **_also: object) -> None:
    """Do what the rows say is to be done; a message's content is never read."""
    if _worker is not None:
        _worker.supervise_next()
    _stir()


# Not `worker_ready`: that waits for the broker, and without one the rows are still there to be worked on.
@celeryd_after_setup.connect
def start_worker(instance: Any, **_: object) -> None:
    """Start the worker's threads; end the process where its settings or a component file are wrong."""
    global _worker
    try:
        _worker = Worker(served_queue(instance.app.amqp.queues.consume_from), read_settings(Settings))
    except (SettingsError, RegistrationError, ValueError) as error:
        raise SystemExit(f"whydeep worker: {error}") from error
    _worker.start()


@worker_shutting_down.connect
def stop_worker(**_: object) -> None:
    """Begin to give back what runs."""
    if _worker is not None:
        _worker.stop()


@worker_shutdown.connect
def leave(**_: object) -> None:
    """Wait until it is given back."""
    if _worker is not None:
        _worker.leave()


@worker_ready.connect
def remember_loop(sender: Any, **_: object) -> None:
    """Remember the event loop that waits for messages; each connection to the broker may have another."""
    global _loop
    _loop = sender.hub


def _stir() -> None:
    """Make the event loop turn soon after this task: without prefetch, it asks for the next message only then.

    Left alone it turns once a second: measured, a ring right after a task was heard 0.5 to 0.85 s late.
    """
    if _loop is not None:
        for seconds in STIR_SECONDS:
            _loop.call_soon(_loop.call_later, seconds, _nothing)


def _nothing() -> None:
    """Do nothing, in the event loop."""


def served_queue(
    consumed: Mapping[str, object], environment: Mapping[str, str] = os.environ
) -> Literal["cpu", "gpu", "inference"]:
    """Return the queue that this process serves: WHYDEEP_QUEUE, else the one that it consumes (-Q).

    A worker has one runner and serves one queue; raise ValueError for a name that is none.
    """
    named = environment.get("WHYDEEP_QUEUE")
    candidates = [named] if named else [name for name in QUEUES if name in consumed]
    if len(candidates) > 1:
        log.warning("a worker serves one queue: %s; choose another by -Q", candidates[0])
    match candidates[:1]:
        case ["cpu" | "gpu" | "inference" as queue]:
            return queue
    raise ValueError(f"WHYDEEP_QUEUE={named!r}: there are {', '.join(QUEUES)}")
