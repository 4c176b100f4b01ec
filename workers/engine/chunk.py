"""Chunks: the members of a population that train in one tensor program, step by step together."""

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Network
from workers.catalogue.trainings.gradient import Gradient
from workers.engine.course import Course
from workers.engine.program import Program
from workers.engine.reports import Bulletin
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import State

FEWEST_SLOTS = 2


class Chunk:
    """A program with its members in slots; members that ended stay as ballast, their results taken."""

    def __init__(self, courses: Sequence[Course], program: Program) -> None:
        self.program = program
        self.live = dict(enumerate(courses))
        program.begin(self.live, rows_of(courses[0].spec, courses[0].training))
        self.step = 0

    def start(self) -> None:
        """Fill the slots with initial weights."""
        for slot, course in self.live.items():
            self.program.load(slot, initial_state(course.spec))

    def follow(self, other: "Chunk") -> None:
        """Take over the live members of another chunk where they are, in their order."""
        for slot, source in enumerate(other.live):
            for held, given in zip(self.program.memory, other.program.memory, strict=True):
                held[slot].copy_(given[source])
        self.step = other.step

    def observe(self) -> list[Course]:
        """Let the courses that are due look; return those that ended, which leave."""
        ended = []
        if self.program.losses is not None:
            for slot, course in self.live.items():
                course.hear(self.program.losses[slot], self.step)
        for slot, course in list(self.live.items()):
            if course.due == self.step:
                with self.program.context():
                    course.observe(self.program.state(slot), lambda x, slot=slot: self.program.outputs(slot, x))  # type: ignore[misc]
                if course.ending is not None:
                    self._leave(slot)
                    ended.append(course)
        return ended

    def keep(self, job_ids: Set[str]) -> None:
        """Let all members leave but the named ones."""
        for slot in [slot for slot, course in self.live.items() if course.job_id not in job_ids]:
            self._leave(slot)

    def _leave(self, slot: int) -> None:
        del self.live[slot]
        self.program.forget(slot)

    def advance(self, is_interrupted: Callable[[], bool]) -> None:
        """Train until a course is due or `is_interrupted` says so, asked before every call into the program."""
        due = min(course.due for course in self.live.values())
        with self.program.context():
            while self.step < due and not is_interrupted():
                last = min(due, self.program.reach(self.live, self.step))
                self.program.advance(self.live, self.step, last)
                self.step = last


def train(
    courses: Sequence[Course],
    slots: int,
    build: Callable[[Course, int], Program],
    bulletin: Bulletin,
    settle: Callable[[Course], None],
) -> None:
    """Train the members to their ends; `settle` each as it ends, with its companions still under way.

    `build` makes the program for a number of slots. Raise StoppedError when the population is given up.
    """
    chunk = Chunk(courses, build(courses[0], slots))
    chunk.start()
    bulletin.begin()
    while chunk.live:
        for course in chunk.observe():
            settle(course)
        if not chunk.live:
            return
        if _may_shrink(chunk.program) and len(chunk.live) <= FEWEST_SLOTS < chunk.program.slots:
            chunk = _shrunk(chunk, build)
        chunk.advance(lambda chunk=chunk: _listen(chunk, bulletin))  # type: ignore[misc]


def _listen(chunk: Chunk, bulletin: Bulletin) -> bool:
    """Report when it is time; let cancelled members leave; say whether none is left."""
    bulletin.hear()
    if not all(course.job_id in bulletin.open for course in chunk.live.values()):
        chunk.keep(bulletin.open)
    if bulletin.is_due():
        _tell(chunk, bulletin)
    return not chunk.live


def _tell(chunk: Chunk, bulletin: Bulletin) -> None:
    for course in chunk.live.values():
        bulletin.tell(course.job_id, "training", chunk.step, course.training.steps, "steps", course.curves)


def _may_shrink(program: Program) -> bool:
    # On a GPU the library may choose another product for another number of slots: there is but one.
    return program.stacked and not program.memory[0].is_cuda


def _shrunk(chunk: Chunk, build: Callable[[Course, int], Program]) -> Chunk:
    """Return the last members in the smallest chunk: no bit of theirs depends on the number of slots."""
    courses = list(chunk.live.values())
    smaller = Chunk(courses, build(courses[0], FEWEST_SLOTS))
    smaller.follow(chunk)
    return smaller


def rows_of(spec: Approximation, training: Gradient) -> int:
    """Return the number of samples that one step takes."""
    return training.batch_size or spec.sizes.train


def initial_state(spec: Approximation) -> "State":
    """Return the initial weights of the spec's network."""
    assert isinstance(spec.architecture, Network)
    return spec.architecture.initial_state(spec.sizes.inputs, spec.sizes.outputs, spec.seed_of("init"))
