"""The runner as a child process: started warm, spoken to by frames, watched, killed with its whole group."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import psutil

from workers import frames
from workers.supervisor import cgroup

START_SECONDS = 180.0  # importing torch from a cold disk
TAIL_BYTES = 4_000  # end of the log that a failure's detail quotes
LONGEST_LINE_BYTES = 2_000
LOG_BYTES = 10_000_000  # a runner that prints more goes on unheard
LARGEST_RESIDENT_BYTES = 8 * 2**30  # an idle runner above it has leaked
# What a library, the loader or a GPU needs to be found; no database URL, no broker URL, no key.
PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV",
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
    "WHYDEEP_COMPONENTS", "WHYDEEP_KERNELS", "WHYDEEP_REPORT_SECONDS", "CXX", "XDG_CACHE_HOME",
)  # fmt: skip
PINNED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}

log = logging.getLogger(__name__)


class RunnerGoneError(RuntimeError):
    """The runner ended, or its pipe broke."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One message of the runner."""

    header: Mapping[str, Any]
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a runner ended: its exit, the end of its log, and whether the kernel killed it for memory."""

    exit_status: int
    out_of_memory: bool
    log_tail: str

    @property
    def on_request(self) -> bool:
        """Say whether someone asked it to end: a service manager signals a worker and its runner at once."""
        return self.exit_status == -signal.SIGTERM

    @property
    def detail(self) -> str:
        """Return the sentence for the experiment that ran alone."""
        if self.exit_status < 0:
            with suppress(ValueError):
                name = signal.Signals(-self.exit_status).name
                return f"the runner was ended by {name}\n{self.log_tail}".strip()
        return f"the runner ended with exit status {self.exit_status}\n{self.log_tail}".strip()


def runner_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a runner: a whitelist of ours, and one thread each."""
    return {name: environment[name] for name in PASSED_ON if name in environment} | PINNED


class RunnerProcess:
    """A running `python -m workers.runner`; frames go in by `send` and come out by `receive`."""

    def __init__(self) -> None:
        self._oom_kills = cgroup.oom_kills()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=runner_environment(),
            start_new_session=True,  # a Ctrl-C at the terminal is the supervisor's to answer
        )
        self._forbid_core_dumps()
        self._sending = threading.Lock()
        self._received: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._tail: deque[bytes] = deque()
        self._log_thread = threading.Thread(target=self._copy_log, name="runner-log", daemon=True)
        self._log_thread.start()
        threading.Thread(target=self._read, name="runner-frames", daemon=True).start()
        self._fingerprint: Mapping[str, Any] | None = None

    @property
    def pid(self) -> int:
        """Return the process id, which is that of its process group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    @property
    def has_leaked(self) -> bool:
        """Say whether it holds more memory than an idle runner may."""
        try:
            return psutil.Process(self.pid).memory_info().rss > LARGEST_RESIDENT_BYTES
        except psutil.NoSuchProcess:
            return False

    def fingerprint(self, given_up: threading.Event) -> Mapping[str, Any]:
        """Return what decides the bits of its results, once it is ready; raise RunnerGoneError when it never is."""
        deadline = time.monotonic() + START_SECONDS
        while self._fingerprint is None:
            frame = self.receive(0.1)
            if frame is not None and frame.header.get("say") == "ready":
                self._fingerprint = frame.header["fingerprint"]
            elif time.monotonic() > deadline or given_up.is_set():
                raise RunnerGoneError("the runner was not ready in time")
        return self._fingerprint

    def send(self, header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Write a frame; raise RunnerGoneError when nobody reads it any more."""
        try:
            with self._sending:
                frames.write(cast(BinaryIO, self._process.stdin), header, blobs)
        except (OSError, ValueError) as error:  # ValueError: closed by `kill`
            raise RunnerGoneError(str(error)) from error

    def receive(self, timeout_seconds: float) -> Frame | None:
        """Return the next frame, None after the time; raise RunnerGoneError at the end of the runner."""
        try:
            frame = self._received.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if frame is None:
            self._received.put(None)  # for whoever asks again
            raise RunnerGoneError("the runner ended")
        return frame

    def kill(self) -> Death:
        """End it and all that it started; return how it ended, also when it was dead before."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait()
        with suppress(OSError):
            cast(BinaryIO, self._process.stdin).close()
        self._log_thread.join(timeout=1.0)
        killed_for_memory = status == -signal.SIGKILL and cgroup.oom_kills() > self._oom_kills
        return Death(exit_status=status, out_of_memory=killed_for_memory, log_tail=self.log_tail)

    @property
    def log_tail(self) -> str:
        """Return the end of what it wrote to its log."""
        tail = b"".join(self._tail)[-TAIL_BYTES:].decode(errors="replace")
        return tail.replace("\0", "").strip()  # PostgreSQL stores no NUL

    def _read(self) -> None:
        try:
            with cast(BinaryIO, self._process.stdout) as source:
                while (message := frames.read(source)) is not None:
                    header, blobs = message
                    self._received.put(Frame(header=header, blobs=tuple(blobs)))
        except (OSError, ValueError, EOFError) as error:
            log.error("runner's pipe broke: %s", error)
        self._received.put(None)

    def _copy_log(self) -> None:
        written = size = 0
        with cast(BinaryIO, self._process.stderr) as source:
            while line := source.readline(LONGEST_LINE_BYTES):
                self._tail.append(line)
                size += len(line)
                while size - len(self._tail[0]) >= TAIL_BYTES:
                    size -= len(self._tail.popleft())
                if written < LOG_BYTES:
                    written += len(line)
                    log.info("runner: %s", _printable(line), extra={"runner": self.pid})

    def _forbid_core_dumps(self) -> None:
        # A crash of a process that holds gigabytes must not write them to the disk.
        with suppress(ImportError, AttributeError, OSError, ValueError):
            import resource

            resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))


def _printable(line: bytes) -> str:
    """Return the line without control characters, which could forge other lines of the log."""
    return "".join(c if c.isprintable() else " " for c in line.decode(errors="replace").rstrip())
