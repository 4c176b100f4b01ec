"""The engine of whydeep: everything that this benchmark knows of its inside."""

import hashlib

import numpy as np

from benchmarks.training.shapes import flat
from workers.catalogue.load import load
from workers.engine.chunk import Chunk
from workers.engine.material import Draws
from workers.engine.numerics import prepare_process
from workers.engine.population import _course
from workers.engine.programs import chunks_of, program_of, slots_for
from workers.engine.reports import Job
from workers.experiments.codec import decode

load()
prepare_process()

STEPS = 100_000  # more than a benchmark takes, and the most whose batch losses can be kept


class Ours:
    """The chunks that the engine makes of K experiments, advanced one after the other; with `slots` one chunk.

    Without `graph` a GPU is told each operation of each step.
    """

    draws_itself = True

    def __init__(self, problem, backend, recording=False, device="cpu", slots=None, graph=True):
        training = {**problem.specs[0]["training"], "steps": STEPS, "record_batch_loss": recording}
        changes = {"backend": backend, "training": training, "device": device}
        jobs = [Job(id=str(index), spec=decode(spec | changes)) for index, spec in enumerate(problem.specs)]
        self._layers = len(problem.shape.sizes) - 1
        draws = Draws()
        self.chunks = []
        for members in chunks_of(jobs) if slots is None else [jobs]:
            courses = [_course(job, draws) for job in members]
            chunk = Chunk(courses, program_of(courses[0], slots or slots_for(courses[0].spec, len(courses))))
            if not graph:
                chunk.program._graph = None
            chunk.start()
            self.chunks.append(chunk)

    def advance(self, steps, batches):
        """Train all networks for so many steps, minibatches drawn by the engine; as `Chunk.advance` does."""
        for chunk in self.chunks:
            program, last = chunk.program, chunk.step + steps
            with program.context():
                while chunk.step < last:
                    reached = min(last, program.reach(chunk.live, chunk.step))
                    program.advance(chunk.live, chunk.step, reached)
                    chunk.step = reached
            if program.losses is not None:
                for slot, course in chunk.live.items():
                    course.hear(program.losses[slot], chunk.step)

    def weights(self):
        """Return the numbers of each network (K, p)."""
        states = dict(self._states())
        ordered = [states[str(index)] for index in range(len(states))]
        stacked = {name: np.stack([state[name] for state in ordered]) for name in ordered[0]}
        return flat([(stacked[f"layers.{i}.weight"], stacked[f"layers.{i}.bias"]) for i in range(self._layers)])

    def _states(self):
        for chunk in self.chunks:
            for slot, course in chunk.live.items():
                yield course.job_id, chunk.program.state(slot)


def digests(trained, steps):
    """Train from the start; return sha256 of the weights of each network."""
    trained.advance(steps, None)
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in trained.weights()]
