"""Whole populations by the engine, from the specs to the last result."""

import time

from benchmarks.training import ours  # noqa: F401 - prepares the process
from workers.engine import programs
from workers.engine.population import Job, run_population
from workers.experiments.codec import decode
from workers.experiments.shape import most_slots


class Silent:
    """Counts last words, and tells nobody."""

    def __init__(self):
        self.finished, self.failed = 0, []

    def progress(self, job_id, **news):
        """Where a job is interests nobody."""

    def finish(self, job_id, measurement):
        """Count a result."""
        self.finished += 1

    def fail(self, job_id, reason, detail):
        """Keep why there is none."""
        self.failed.append(f"{reason}: {detail}")

    def cancelled(self, job_id):
        """Nothing is cancelled here."""

    def stopping(self):
        """Go on."""
        return False

    def cancel_requested(self):
        """Cancel nothing."""
        return frozenset()


def population(device, specs, in_one_chunk):
    """Run a population; return the wall seconds, the sizes of its chunks and what failed.

    `in_one_chunk` gives it a chunk of the most slots even where the engine would take pairs.
    """
    decoded = [decode(each | {"device": device}) for each in specs]
    jobs = [Job(id=str(index), spec=spec) for index, spec in enumerate(decoded)]
    chosen = programs._chunk_size
    if in_one_chunk:
        programs._chunk_size = lambda spec, waiting: most_slots(spec)
    try:
        sizes = [len(members) for members in programs.chunks_of(jobs)]
        heard, started = Silent(), time.perf_counter()
        run_population(jobs, heard)
        seconds = time.perf_counter() - started
    finally:
        programs._chunk_size = chosen
    return {"seconds": seconds, "chunks": sizes, "finished": heard.finished, "failed": heard.failed[:3]}
