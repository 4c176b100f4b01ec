"""A worker from its start to its end: one step at a time, rung by messages or found by polling."""

import logging
import os
import threading
import time
from typing import Literal, Protocol

from sqlalchemy.exc import SQLAlchemyError

from workers.catalogue.load import load
from workers.database import claims
from workers.database.session import Database
from workers.settings import Settings
from workers.supervisor.chores import Chores
from workers.supervisor.durable import GivenUpError, brief, now
from workers.supervisor.identity import this_worker
from workers.supervisor.inference import Answering
from workers.supervisor.training import Training
from workers.supervisor.warm_runner import WarmRunner

LEAVE_SECONDS = 2.0  # how long the end of the process waits for its threads

log = logging.getLogger(__name__)


class Duty(Protocol):
    """What a worker of a queue does."""

    runner: WarmRunner

    def start(self) -> None:
        """Prepare."""

    def step(self) -> bool:
        """Do the next piece; return False when there was none."""


class Worker:
    """Owns the threads of a worker process; `supervise_next` may be called from any of them."""

    def __init__(self, queue: Literal["cpu", "gpu", "inference"], settings: Settings) -> None:
        load(settings.components or None)  # a component that does not import stops the start, with its file's name
        self._settings = settings
        self._database = Database(settings.resolved_database_url)
        self._identity = this_worker(queue)
        self._stopping = threading.Event()
        self._rung = threading.Event()
        self._busy = threading.Lock()
        self._registered = False
        self._duty: Duty = (
            Answering(database=self._database, worker=self._identity, stopping=self._stopping)
            if queue == "inference"
            else Training(
                database=self._database, worker=self._identity, queue=queue, settings=settings, stopping=self._stopping
            )
        )
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Warm up and begin to look for work, with or without a broker."""
        self._duty.start()
        poll = threading.Thread(target=self._poll, name="poll", daemon=True)
        poll.start()
        chores = Chores(
            database=self._database,
            worker=self._identity,
            settings=self._settings,
            stopping=self._stopping,
            woken=self._rung.set,
        )
        self._threads = [poll, chores.start()]

    def supervise_next(self) -> None:
        """Do what there is to do, one piece after the other, until nothing is left.

        While another thread is at it, this only makes that one look once more before it stops.
        """
        self._rung.set()
        if os.getpid() != self._identity.pid:  # a pool that forks: the child has neither our threads nor our runner
            return
        while self._rung.is_set() and not self._stopping.is_set() and self._busy.acquire(blocking=False):
            try:
                self._rung.clear()
                while not self._stopping.is_set() and self._step():
                    self._rung.clear()
            finally:
                self._busy.release()

    def stop(self) -> None:
        """Begin to end; called in a signal handler, so nothing is done here but to say so."""
        self._stopping.set()

    def leave(self) -> None:
        """Wait for the threads to give back what runs, and end the runner."""
        self.stop()
        deadline = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._duty.runner.discard()

    def _poll(self) -> None:
        while True:
            self.supervise_next()
            if self._stopping.wait(self._settings.poll_seconds):
                break
        if self._registered:
            try:
                with self._busy, self._database.write() as session:
                    claims.forget_worker(session, self._identity.id)
            except SQLAlchemyError as error:
                log.warning("worker not signed off: %s", brief(error))

    def _step(self) -> bool:
        """Do one piece of work; False when there was none or it failed, so that a fault is tried at polling pace."""
        try:
            if not self._registered:
                with self._database.write() as session:
                    claims.register_worker(session, self._identity, now())
                self._registered = True
            return self._duty.step()
        except GivenUpError as error:
            log.warning("left to be taken back: %s", error)
        except SQLAlchemyError as error:
            log.warning("database away: %s", brief(error))
        except Exception:
            log.exception("step failed")
        return False
