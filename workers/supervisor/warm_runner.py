"""The one runner that a worker keeps warm: started again when it died, leaked or was discarded."""

import logging
import threading
import time

from workers.supervisor.runner_process import Death, RunnerGoneError, RunnerProcess

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


class WarmRunner:
    """Holds the runner; used by one thread at a time, but `RunnerProcess.kill` may come from any."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._runner: RunnerProcess | None = None
        self._announced: RunnerProcess | None = None
        self._pause = 0.0
        self._not_before = 0.0

    def start(self) -> None:
        """Start a runner unless one lives, without waiting until it is ready."""
        if (self._runner is None or not self._runner.alive) and not self._stopping.is_set():
            self._runner = RunnerProcess()

    def ready(self) -> RunnerProcess | None:
        """Return a runner that is ready, waiting for it; None when it does not start, now or a while after that."""
        if time.monotonic() < self._not_before:
            return None
        self.start()
        runner = self._runner
        if runner is None:
            return None
        try:
            runner.fingerprint(self._stopping)
        except RunnerGoneError as error:
            self._hold_off(runner.kill(), error)
            return None
        if runner is not self._announced:
            self._announced = runner
            log.info("runner ready", extra={"runner": runner.pid})
        self._pause = 0.0
        return runner

    def discard(self) -> Death | None:
        """End the runner, if there is one, and say how it ended."""
        runner, self._runner = self._runner, None
        return runner.kill() if runner is not None else None

    def discard_leaking(self) -> None:
        """End the runner if it holds more memory than an idle one should."""
        if self._runner is not None and self._runner.alive and self._runner.has_leaked:
            log.warning("runner holds too much memory, it is replaced")
            self.discard()

    def _hold_off(self, death: Death, error: RunnerGoneError) -> None:
        if self._stopping.is_set():
            return
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._not_before = time.monotonic() + self._pause
        log.error("runner does not start (%s), next try in %g s: %s", error, self._pause, death.detail)
