"""Who used the processors: the parts of a benchmark's service, and everything else on the machine."""

import collections
import contextlib
import time

import psutil

PARTS = {  # by a word of the command
    "engine": "benchmarks.engine_alone",
    "runner": "workers.runner",
    "worker": "celery",
    "api": "gunicorn",
    "postgres": "postgres",
    "broker": "valkey",
}


class ProcessorTime:
    """CPU seconds since it was made, of this process, of those that it started, and of all others together."""

    def __init__(self):
        self._used_before, self._busy_before = _used(), _busy()

    def read(self):
        """Return seconds by part; those of a process that ended in between are counted to the others."""
        used = {part: seconds - self._used_before.get(part, 0.0) for part, seconds in _used().items()}
        others = max(0.0, _busy() - self._busy_before - sum(used.values()))
        return {part: round(seconds, 2) for part, seconds in (used | {"others": others}).items() if seconds >= 0.005}


def await_quiet(share, seconds):
    """Return when all processors together were busy for less than `share` of a second, or after the seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and psutil.cpu_percent(1.0) >= 100 * share:
        pass


def _busy():
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def _used():
    found = collections.Counter({"client": sum(psutil.Process().cpu_times()[:2])})
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found[_part(process)] += sum(process.cpu_times()[:2])
    return found


def _part(process):
    command = " ".join(process.cmdline())
    return next((part for part, sign in PARTS.items() if sign in command), "rest")
