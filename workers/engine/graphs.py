"""Steps as CUDA graphs: recorded once, then replayed without a word from Python in between."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UPS = 3  # libraries choose their algorithms and take their memory in the first calls


class StepGraph:
    """A step that reads from and writes to fixed places; `memory` is what it carries from step to step.

    It holds no step: a program that holds its graph and is held by it would keep the device's memory until
    a garbage collection.
    """

    def __init__(self, memory: Sequence[Tensor]) -> None:
        self._memory = memory
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self, step: Callable[[], None]) -> None:
        """Take the step, the same at every call, recording it at the first; after that nothing waits for the device."""
        if self._graph is None:
            self._graph = self._recorded(step)
        self._graph.replay()

    def _recorded(self, step: Callable[[], None]) -> torch.cuda.CUDAGraph:
        before = [each.clone() for each in self._memory]
        # One stream of its own for warm-up and recording. torch keeps the workspace of cuBLAS by stream, and what
        # ends one graph frees that of every graph recorded on the same (pytorch issue 193402); and nodes of
        # autograd that outlive the warm-up would draw its stream into the recording.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        for held, was in zip(self._memory, before, strict=True):
            held.copy_(was)
        graph = torch.cuda.CUDAGraph()
        # Not in inference mode: torch fills the generator's state, which all graphs share, in either mode.
        with torch.inference_mode(False), torch.cuda.graph(graph, stream=stream):
            step()
        return graph
