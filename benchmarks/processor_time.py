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
}
SERVERS = {"postgres": "postgres", "valkey-server": "broker", "redis-server": "broker"}  # by the name of the process


class ProcessorTime:
    """CPU seconds since it was made, of this process, those that it started, the servers, and of all others together.

    A server that is named by URL is no child of ours: all databases and brokers of the machine count as the service's.
    """

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
    started = {process.pid for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            if (part := SERVERS.get(process.info["name"])) or process.pid in started:
                found[part or _part(process)] += sum(process.cpu_times()[:2])
    return found


def _part(process):
    command = " ".join(process.cmdline())
    return next((part for part, sign in PARTS.items() if sign in command), "rest")
