"""One process that holds one formulation and computes when it is told.

Usage: python -m benchmarks.training.worker FORMULATION
It takes pickled requests (method, arguments) on standard input and answers each on standard output.
"""

import os
import pickle
import sys
import time
import traceback

from benchmarks.training.formulations import FORMULATIONS, PEAK
from benchmarks.training.shapes import Orders


class Worker:
    """Problems by key, each with what trains it."""

    def __init__(self, name):
        self._formulation = PEAK if name == "peak" else FORMULATIONS[name]
        self._held = {}

    def load(self):
        """Import the libraries; return the seconds."""
        started = time.perf_counter()
        self._make = self._formulation.load()
        return time.perf_counter() - started

    def prepare(self, key, problem):
        """Hold a problem under a key, at its initial weights; return the seconds."""
        started = time.perf_counter()
        self._held[key] = Held(problem, self._make(problem))
        return time.perf_counter() - started

    def forget(self, key):
        """Hold a problem no longer."""
        del self._held[key]

    def replay(self, problem, steps):
        """Train from the initial weights on the minibatches of the problem; return the weights (K, p)."""
        trained = self._make(problem)
        trained.advance(steps, None if problem.batches is None else problem.batches[:steps])
        return trained.weights()

    def warm_up(self, key, steps):
        """Train without taking the time."""
        held = self._held[key]
        held.advance(steps, held.draw(steps))

    def sample(self, key, steps):
        """Train and return the seconds of CPU time, of all threads, and of wall time."""
        held = self._held[key]
        wall, cpu = time.perf_counter(), time.process_time()
        held.advance(steps, held.draw(steps))
        return {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}

    def digests(self, problem, steps):
        """Train from the initial weights by the engine; return a digest of the weights of each network."""
        from benchmarks.training.ours import digests

        return digests(self._make(problem), steps)


class Held:
    """A problem's training, with the minibatches of those that do not draw their own."""

    def __init__(self, problem, trained):
        self._trained = trained
        size = problem.shape.batch_size
        drawn = size is not None and not trained.draws_itself
        self._orders = Orders(problem.networks, size) if drawn else None

    def draw(self, steps):
        """Return the minibatches of so many steps, or None."""
        return None if self._orders is None else self._orders.draw(steps)

    def advance(self, steps, batches):
        """Take so many steps on the minibatches drawn for them."""
        self._trained.advance(steps, batches)


def serve(worker):
    """Answer requests for a worker's methods until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not fall among the answers
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = True, getattr(worker, method)(*arguments)
        except Exception:  # noqa: BLE001 - the error is the answer
            answer = False, traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve(Worker(sys.argv[1]))
