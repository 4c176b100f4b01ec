"""One process that holds one framework on one device and computes when it is told.

Usage: python -m benchmarks.gpu.worker torch|jax cuda|cpu
"""

import importlib
import sys
import time

from benchmarks.gpu.formulations import formulations
from benchmarks.training.worker import Held, serve


class Worker:
    """Problems by formulation and key, each with what trains it."""

    def __init__(self, framework, device):
        self._device, self._formulations = device, formulations(device)
        self._held = {}
        self._cuda = None
        self._framework = framework

    def load(self):
        """Import the framework, and look for the device; torch is set for all as the engine sets it."""
        if self._framework == "jax":
            importlib.import_module("jax").devices()
            return
        torch = importlib.import_module("benchmarks.gpu.stacked").torch
        if self._device == "cuda":
            torch.cuda.init()
            self._cuda = torch.cuda

    def prepare(self, name, key, problem):
        """Hold a problem under a key, at its initial weights."""
        self._held[name, key] = Held(problem, self._formulations[name].load()(problem))

    def forget(self, name, key):
        """Hold a problem no longer."""
        del self._held[name, key]

    def replay(self, name, problem, steps):
        """Train from the initial weights on the minibatches of the problem; return the weights (K, p)."""
        trained = self._formulations[name].load()(problem)
        trained.advance(steps, None if problem.batches is None else problem.batches[:steps])
        return trained.weights()

    def warm_up(self, name, key, steps):
        """Train without taking the time."""
        held = self._held[name, key]
        held.advance(steps, held.draw(steps))

    def sample(self, name, key, steps):
        """Train and return seconds: by the device's own events, of wall time, and of CPU time of the host.

        Whoever does not draw its minibatches is given them before the clocks start.
        """
        held = self._held[name, key]
        batches = held.draw(steps)
        events = self._events()
        wall, cpu = time.perf_counter(), time.process_time()
        if events:
            events[0].record()
        held.advance(steps, batches)
        if events:
            events[1].record()
            events[1].synchronize()
        found = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
        return found | ({"device_seconds": 1e-3 * events[0].elapsed_time(events[1])} if events else {})

    def _events(self):
        if self._cuda is None:
            return None
        self._cuda.synchronize()
        return [self._cuda.Event(enable_timing=True) for _ in range(2)]

    def inside(self, module, function, *arguments):
        """Return what a function of this package returns on the device."""
        found = getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function)
        return found(self._device, *arguments)


if __name__ == "__main__":
    serve(Worker(*sys.argv[1:]))
