"""Steps as CUDA graphs: recorded once, then replayed without a word from Python in between."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UPS = 3  # libraries choose their algorithms and take their memory in the first calls


class StepGraph:
    """A step that reads from and writes to fixed places; `memory` is what it carries from step to step."""

    def __init__(self, step: Callable[[], None], memory: Sequence[Tensor]) -> None:
        self._step, self._memory = step, memory
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self) -> None:
        """Take the step, recording it at the first call; nothing waits for the device."""
        if self._graph is None:
            self._graph = self._recorded()
        self._graph.replay()

    def _recorded(self) -> torch.cuda.CUDAGraph:
        before = [each.clone() for each in self._memory]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        for held, was in zip(self._memory, before, strict=True):
            held.copy_(was)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        return graph
