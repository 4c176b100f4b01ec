"""CUDA graphs without a device: the same calls, carried out by recording the operations of torch on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workers.engine.feed import Feed
from workers.engine.graphs import StepGraph
from workers.engine.program import StepProgram


class Recording(TorchDispatchMode):
    """Takes down each operation with the places that it reads and writes; `put_back` undoes what they changed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        for position, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                self._keep(args[position] if position < len(args) else named[argument.name])
        found = func(*args, **named)
        self.calls.append((func, args, named, found))
        return found

    def _keep(self, written: Tensor) -> None:
        storage = written.untyped_storage()
        if storage.data_ptr() not in self._before:
            self._before[storage.data_ptr()] = storage, storage.clone()

    def put_back(self) -> None:
        for storage, before in self._before.values():
            storage.copy_(before)


class RecordedGraph:
    """Repeats recorded operations on the places on which they were recorded."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, named, place in self.calls:
                _fill(place, func(*args, **named))


def _fill(place: Any, found: Any) -> None:
    """Put what is fresh where the recorded one lies; views, and what was written in place, lie there already."""
    if isinstance(place, list | tuple):
        for one, other in zip(place, found, strict=True):
            _fill(one, other)
    elif isinstance(place, Tensor) and found.data_ptr() != place.data_ptr():
        place.copy_(found)


@contextmanager
def recorded(graph: RecordedGraph, stream: Any) -> Iterator[None]:
    """Record what is called inside, as a device does: without computing it."""
    recording = Recording()
    with recording:
        yield
    recording.put_back()
    graph.calls = recording.calls


class Stream:
    """Does what it is told at once."""

    def wait_stream(self, other: "Stream") -> None:
        """Nothing is under way on the other."""


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what is above in the place of the calls of torch.cuda that a graph takes."""
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", RecordedGraph)
    monkeypatch.setattr(torch.cuda, "graph", recorded)


def as_on_a_gpu(program: StepProgram, live: Any, rows: int) -> None:
    """Let a program take its steps as it does on a GPU: from fixed places, by a graph."""
    program._feed = Feed(live, program.slots, rows, fixed=True)
    program._graph = StepGraph(program.memory)
