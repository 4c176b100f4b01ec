"""Probes that look at a stack of dense layers along random lines."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Architecture, Network, Probe, Target
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, DenseStack, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**38  # of all lines together: some minutes on one core


@dataclass(frozen=True, kw_only=True)
class LineProbe(Probe):
    """Lines from one test sample to another, or through two uniform points of the target's domain from face to face.

    In one dimension a line of the domain is the interval itself, once. Abstract: a probe says what it looks at.
    """

    through: Literal["samples", "domain"] = parameter(
        "samples", "what the lines go through: pairs of test samples, or the target's domain"
    )
    lines: int = parameter(100, "number of lines", minimum=1, maximum=10_000)

    @abstractmethod
    def work(self, stack: DenseStack) -> int:
        """Return the multiplications that a line of this stack takes."""

    @abstractmethod
    def misfits_of_stack(self, stack: DenseStack | None) -> Iterable[Problem]:
        """Yield why the probe cannot look at this network."""

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield another architecture, nothing to draw lines through, and too much work."""
        stack = architecture.stack(sizes.inputs, sizes.outputs) if isinstance(architecture, Network) else None
        refusals = list(self.misfits_of_stack(stack))
        if refusals or stack is None:
            yield from refusals
            return
        if self.through == "domain" and target is None:
            yield Problem(path=("through",), detail='needs a target: use "samples" for data without one')
        if self.through == "samples" and sizes.test < 2:
            yield Problem(path=("through",), detail='needs 2 test samples: use "domain" or a larger test_size')
        most = LARGEST_WORK // self.work(stack)
        if most == 0:
            yield Problem(detail=f"a network of {stack.parameter_count} weights takes too long: use a smaller one")
        elif self.lines > most:
            detail = f"must be at most {most} for a network of {stack.parameter_count} weights"
            yield Problem(path=("lines",), code="range", detail=detail)

    def drawn(self, subject: Subject) -> "tuple[Floats, Floats]":
        """Return where the lines start and end, each (lines, d), in the units of the data."""
        from workers.engine.philox import Purpose, Stream
        from workers.engine.segments import between_points, chords

        stream = Stream(seed=subject.seed, purpose=Purpose.PROBE).child(self.kind)
        if self.through == "samples":
            return between_points(subject.split.test.inputs, self.lines, stream)
        assert subject.box is not None, "the spec refuses a domain without a target"
        return chords(subject.box, self.lines, stream)
