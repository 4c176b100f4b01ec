"""What it takes before the first steps, apart from steady state, and one whole job with it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.training.formulations import FORMULATIONS
from benchmarks.training.processes import process

JOB_STEPS = 500
CALLS = 2  # the first compiles where something is compiled


def start_ups(names, problem):
    """Yield a record per formulation with an empty cache on disk, and, where it compiles, one with what this left."""
    for name in names:
        with TemporaryDirectory() as folder:
            for cache in ("cold", "warm") if FORMULATIONS[name].compiles else ("none",):
                yield {"record": "start-up", "formulation": name, "cache": cache, **_one(name, problem, Path(folder))}


def _one(name, problem, folder):
    """Start a process, prepare a problem, train about 500 steps in two calls; return wall seconds."""
    half = FORMULATIONS[name].whole(problem.shape, JOB_STEPS / CALLS)
    with process(name, folder) as (worker, loading):
        preparing = worker.call("prepare", "job", problem)
        calls = [worker.call("sample", "job", half)["wall_seconds"] for _ in range(CALLS)]
    return {
        "shape": problem.shape.name,
        "networks": problem.networks,
        "steps": CALLS * half,
        "import_seconds": loading,
        "prepare_seconds": preparing,
        "first_call_extra_seconds": max(0.0, calls[0] - calls[-1]),
        "whole_job_seconds": loading + preparing + sum(calls),
    }
