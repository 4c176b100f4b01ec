"""Worker processes as seen by the one that tells them what to do."""

import contextlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.training.formulations import ONE_THREAD

ROOT = Path(__file__).parents[2]


class WorkerError(RuntimeError):
    """A formulation failed; the message is the traceback of its process."""


class Process:
    """A worker process; every method of `Worker` can be called on it."""

    def __init__(self, name, cache, words, environment):
        self.name = name
        caches = {"JAX_COMPILATION_CACHE_DIR": str(cache / "jax"), "WHYDEEP_KERNELS": str(cache / "kernels")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, **caches},
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers in order
        )

    def call(self, method, *arguments):
        """Return what the worker's method returns; raise WorkerError where it fails."""
        try:
            pickle.dump((method, arguments), self._process.stdin)
            self._process.stdin.flush()
            succeeded, answer = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise WorkerError(f"{self.name} ended with exit code {self._process.wait()}") from error
        if not succeeded:
            raise WorkerError(f"{self.name}:\n{answer}")
        return answer

    def close(self):
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()


@contextlib.contextmanager
def process(name, cache, words=("benchmarks.training.worker",), environment=ONE_THREAD):
    """Yield a loaded worker process and the seconds from its start until it was loaded.

    It runs the module that is the first of the words, which are given the name and the others.
    """
    started = time.perf_counter()
    module, *others = words
    worker = Process(name, cache, [module, name, *others], environment)
    try:
        worker.call("load")
        yield worker, time.perf_counter() - started
    finally:
        worker.close()
