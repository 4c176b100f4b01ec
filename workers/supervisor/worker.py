"""A worker from its start to its end: one thread does piece after piece, rung by messages or by its own clock."""

import gc
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
    """Owns the threads of a worker process. Only one of them works; the others ask it to look."""

    def __init__(self, queue: Literal["cpu", "gpu", "inference"], settings: Settings) -> None:
        load(settings.components or None)  # a component that does not import stops the start, with its file's name
        self._settings = settings
        self._database = Database(settings.resolved_database_url)
        self._identity = this_worker(queue)
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._asked = self._answered = 0  # looks at the queue that were asked for, and done
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
        work = threading.Thread(target=self._work, name="work", daemon=True)
        work.start()
        chores = Chores(
            database=self._database,
            worker=self._identity,
            settings=self._settings,
            stopping=self._stopping,
            woken=self.ask,
        )
        self._threads = [work, chores.start()]
        gc.freeze()  # what is loaded now stays

    def ask(self) -> int:
        """Ask for a look at the queue; return the number of the request."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def supervise_next(self) -> None:
        """Ask for a look, and wait until what it finds is done.

        A busy worker so holds the one message that it has taken, and takes no other: those wake idle workers.
        """
        if os.getpid() != self._identity.pid:  # a pool that forks: the child has neither our thread nor our runner
            return
        request = self.ask()
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= request or self._stopping.is_set())

    def stop(self) -> None:
        """Begin to end; called in a signal handler, so nothing is done here but to say so."""
        self._stopping.set()
        with self._changed:  # the main thread, in which handlers run, holds it nowhere else
            self._changed.notify_all()

    def leave(self) -> None:
        """Wait for the threads to give back what runs, and end the runner."""
        self.stop()
        deadline = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._duty.runner.discard()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                request = self._asked
            while self._step() and not self._stopping.is_set():
                pass
            with self._changed:
                self._answered = request
                self._changed.notify_all()
                self._changed.wait_for(self._is_called, timeout=self._settings.poll_seconds)
        self._sign_off()

    def _is_called(self) -> bool:
        return self._asked > self._answered or self._stopping.is_set()

    def _sign_off(self) -> None:
        if not self._registered:
            return
        try:
            with self._database.write() as session:
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
