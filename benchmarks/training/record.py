"""Records as JSON lines: a header, one line per sample, verdicts at the end; progress on standard error."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.training.formulations import ONE_THREAD
from benchmarks.training.processes import ROOT

SAY_SECONDS = 10.0
PACKAGES = ("whydeep", "torch", "numpy", "scipy", "scikit-learn", "jax", "jaxlib", "optax")


class Journal:
    """Writes each record at once, so that an interrupted run keeps what it had."""

    def __init__(self, path, header):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w")
        self.records = []
        self.add(header)

    def add(self, record):
        """Write one record."""
        self.records.append(record)
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def take(self, what, records):
        """Write records as they come, and say now and then how many came; return them."""
        taken, said = [], time.monotonic()
        for record in records:
            self.add(record)
            taken.append(record)
            if time.monotonic() - said > SAY_SECONDS:
                self.say(f"{what} {len(taken)}")
                said = time.monotonic()
        self.say(f"{what} {len(taken)}: done")
        return taken

    def say(self, text):
        """Print one line of progress."""
        print(text, file=sys.stderr, flush=True)

    def close(self, verdicts, *, noisy):
        """Write the verdicts and the end."""
        for each in verdicts:
            self.add({"record": "goal", **asdict(each), "verdict": each.word})
        self.add({"record": "end", "noisy": noisy, "load_average": os.getloadavg(), "date": _now()})
        self._file.close()


def header(options, absent):
    """Return what the figures depend on beside the code of the formulations."""
    return {
        "record": "header",
        "date": _now(),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()},
        "not_installed": absent,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": 1,
        "environment": ONE_THREAD,
        "load_average": os.getloadavg(),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": len((_git("status", "--porcelain") or "").splitlines()),
    }


def _now():
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu():
    """Return the model of the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor()


def _git(*words):
    """Return what git says, or None outside a repository."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
