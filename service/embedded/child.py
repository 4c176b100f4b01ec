"""One long-lived child process: started in its own session, restarted when it dies, stopped with its group."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0  # a child that lived so long starts with the first pause again
LARGEST_LOG_BYTES = 10_000_000


@dataclass(kw_only=True)
class Child:
    """A command that shall run until told otherwise."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Start the command; what it prints goes to its log."""
        rotate(self.log)
        # A session of its own: Ctrl-C in the terminal reaches the parent alone, which stops children in order.
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    def revive(self) -> bool:
        """Start the command again when it has died and its pause is over; say whether it was started."""
        if self.process is None or self.process.poll() is None:
            return False
        lived = time.monotonic() - self.started
        if lived > HEALTHY_SECONDS:
            self.pause = FIRST_PAUSE_SECONDS
        if lived < self.pause:
            return False
        self.pause = min(2 * self.pause, LONGEST_PAUSE_SECONDS)
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, which stops its own children."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for the end; after `seconds` kill the whole group."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        # Whatever the process left in its session goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kill the process and its group at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""


def rotate(log: Path) -> None:
    """Keep one older log when the current one has grown large."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
