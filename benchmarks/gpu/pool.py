"""The worker processes of a run."""

from benchmarks.gpu.formulations import FRAMEWORKS, environment
from benchmarks.training.processes import Process


class Pool:
    """Processes by framework, each started when it is first asked."""

    def __init__(self, device, folder):
        self._device, self._folder = device, folder
        self._open = {}

    def process(self, framework):
        """Return the process of a framework; raise WorkerError where it cannot start."""
        if framework not in self._open:
            words = ["benchmarks.gpu.worker", framework, self._device]
            started = Process(framework, self._folder, words, environment(self._device))
            self._open[framework] = started
            started.call("load")
        return self._open[framework]

    def close(self):
        """End all processes: after an error on the device nothing more can be had from its context."""
        while self._open:
            self._open.popitem()[1].close()

    def inside(self, module, function, *arguments):
        """Return what a function of this package returns in the process of torch."""
        return self.process("torch").call("inside", module, function, *arguments)

    def __getitem__(self, name):
        return Named(self, name)


class Named:
    """One formulation in its process."""

    def __init__(self, pool, name):
        self._pool, self._name = pool, name

    def call(self, method, *arguments):
        """Return what the worker's method returns for the formulation."""
        process = self._pool.process(FRAMEWORKS.get(self._name, "torch"))
        return process.call(method, self._name, *arguments)
