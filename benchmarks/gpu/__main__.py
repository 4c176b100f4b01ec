"""Measure the training of many small networks on a GPU: the engine, stacked and by CUDA graphs, beside plain torch.

Usage: python -m benchmarks.gpu [--quick] [--shapes A-mini,B-full] [--parts speed,bits] [--out FILE]
Needs torch, numpy, scipy and safetensors; with jax and optax JAX is compared too. All of it takes less than 8 minutes,
--quick less than 90 seconds: what the time does not suffice for is left out and named. Without a CUDA device nothing is
measured, nothing passes, and the exit code is 0; it is 1 where a part broke, a formulation computes something else
than plain torch on the CPU, bits differ within one number of slots, or a step waits for the device; 130 after Ctrl-C.
--smoke runs the same program at sizes that mean nothing, with --device cpu also where there is no GPU.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.gpu import parts
from benchmarks.gpu.bits import bits
from benchmarks.gpu.formulations import COMPARED, FRAMEWORKS, formulations
from benchmarks.gpu.goals import WATCHING, broken, verdicts
from benchmarks.gpu.pool import Pool
from benchmarks.gpu.tables import (
    around_table,
    bits_table,
    device_lines,
    gate_table,
    goals_table,
    memory_table,
    speed_table,
)
from benchmarks.training.goals import Samples, is_noisy
from benchmarks.training.processes import WorkerError
from benchmarks.training.record import Journal, header
from benchmarks.training.shapes import SHAPES

PARTS = ("around", "speed", "bits", "memory", "job", "calls")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of a run; `most` are the slots of a chunk of many members, `seconds` those after which no part begins.

    JAX, which compiles for each K, is compared at `compiled` alone.
    """

    shapes: tuple[str, ...]
    networks: tuple[int, ...]
    compiled: tuple[int, ...]
    most: int
    rounds: int
    steps: int
    seconds: float
    scale: float = 1.0


EVERY = tuple(SHAPES)
FULL = Plan(shapes=EVERY, networks=(1, 8, 32, 64), compiled=(32, 64), most=512, rounds=7, steps=1000, seconds=400.0)
QUICK = Plan(shapes=("A-mini",), networks=(8, 64), compiled=(64,), most=512, rounds=3, steps=300, seconds=60.0)
SMOKE = Plan(
    shapes=("A-mini", "A-full"), networks=(1, 3), compiled=(3,), most=4, rounds=1, steps=6, seconds=300.0, scale=0.01
)


def arguments(given=None):
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one shape, few rounds")
    parser.add_argument("--smoke", action="store_true", help="sizes that mean nothing")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--shapes", type=_names(SHAPES), metavar="NAMES", help=",".join(SHAPES))
    parser.add_argument("--parts", type=_names(PARTS), default=PARTS, metavar="NAMES", help=",".join(PARTS))
    parser.add_argument("--only", type=_names(COMPARED), default=COMPARED, metavar="NAMES", help=",".join(COMPARED))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--out", type=Path, default=Path("build/benchmark-gpu.jsonl"), metavar="FILE")
    options = parser.parse_args(given)
    if options.device == "cpu" and not options.smoke:
        parser.error("on a CPU only --smoke: its times say nothing about a GPU")
    return options


def _names(known):
    def read(text):
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(known)}")
        return names

    return read


def plan_of(options):
    """Return the sizes that are asked for."""
    plan = SMOKE if options.smoke else QUICK if options.quick else FULL
    changes = {"shapes": options.shapes, "rounds": options.rounds}
    return Plan(**{**vars(plan), **{name: value for name, value in changes.items() if value is not None}})


class Run:
    """Takes parts until the time is up; one that breaks leaves the others alone."""

    def __init__(self, journal, pool, seconds):
        self._journal, self._pool = journal, pool
        self._end = time.monotonic() + seconds

    def take(self, part, make, *given):
        """Write the records that `make` yields for the part."""
        if time.monotonic() > self._end:
            self._journal.add({"record": "left-out", "part": part})
            return
        try:
            self._journal.take(part, make(*given))
        except WorkerError as error:
            self._journal.add({"record": "failure", "part": part, "error": str(error)})
            self._journal.say(str(error))
            self._pool.close()


def measure(options, plan, names, run, pool):
    """Take all parts, the short ones first."""
    shapes = [SHAPES[name] for name in plan.shapes]
    first, most, steps = shapes[0], plan.most, plan.steps
    run.take("device", lambda: [pool.inside("stacked", "facts")])
    if "around" in options.parts:
        for slots in (64, most) if most > 64 else (most,):
            run.take(f"around {slots}", parts.around, first, pool, slots, steps)
    if "speed" in options.parts:
        for shape in shapes:
            run.take(f"gate {shape.name}", parts.gates, shape, pool, names, options.device)
            run.take(f"speed {shape.name}", parts.speeds, shape, pool, names, plan)
    if "bits" in options.parts:
        for shape in shapes:
            for dtype in ("float32", "float64") if shape.batch_size else ("float32",):
                run.take(f"bits {shape.name} {dtype}", bits, [(shape, dtype)], pool, steps, most)
    if "memory" in options.parts:
        for shape in shapes:
            slots = sorted({2, min(64, most), most})
            run.take(f"memory {shape.name}", parts.memories, shape, pool, slots, min(steps, 300))
    if "job" in options.parts:
        run.take("job", parts.jobs, first, pool, 64 if most > 64 else 3, steps)
    if "calls" in options.parts:  # the profiler last: should it fail, it spoils nothing
        run.take(WATCHING, parts.calls, first, pool, 64 if most > 64 else most, 50)


def report(options, plan, journal, absent):
    """Print the tables; return whether nothing is broken."""
    records, wrong = journal.records, broken(journal.records)
    counts = options.device == "cuda" and not options.smoke
    found = list(verdicts(records, plan, counts))
    clocks = ("device", "wall") if options.device == "cuda" else ("wall",)
    speed = [speed_table(records, plan.shapes, clock) for clock in clocks]
    others = [each(records) for each in (gate_table, bits_table, memory_table, around_table)]
    print("\n".join([device_lines(records), *speed, *others, goals_table(found)]))
    noisy = is_noisy(Samples(records))
    print(*_remarks(options, records, absent, noisy), *(f"BROKEN: {each}" for each in wrong), sep="\n")
    journal.close(found, noisy=noisy)
    return not wrong


def _remarks(options, records, absent, noisy):
    for name, why in absent.items():
        yield f"{name}: {why}"
    for each in records:
        if each["record"] == "left-out":
            yield f"left out, no time: {each['part']}"
        if each["record"] == "failure" and each["part"] == WATCHING:
            yield f"the profiler saw nothing: {each['error'].splitlines()[-1]}"
    if noisy:
        yield "NOISY: the rate of the probe changed by more than 1.3 during the run"
    if options.smoke:
        yield "smoke: the sizes mean nothing, and on a CPU nothing here is a result for a GPU"
    yield f"samples: {options.out}"


def main(given=None):
    """Measure, write and print; return the exit code."""
    options = arguments(given)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("skipped: no CUDA device")
        return 0
    plan = plan_of(options)
    code = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Pool(options.device, Path(folder))) as pool:
        absent = dict(absences(options, pool))
        journal = Journal(options.out, header(options, absent))
        names = [name for name in options.only if name not in absent]
        try:
            measure(options, plan, names, Run(journal, pool, plan.seconds), pool)
        except KeyboardInterrupt:
            code = 130
    return code or int(not report(options, plan, journal, absent))


def absences(options, pool):
    """Yield the formulations that cannot be compared, each with the reason."""
    known = formulations(options.device)
    for name in options.only:
        if missing := known[name].missing():
            yield name, f"not installed: {', '.join(missing)}"
        elif name in FRAMEWORKS:
            try:
                pool.process(FRAMEWORKS[name])
            except WorkerError as error:
                yield name, f"cannot use the device: {str(error).splitlines()[-1]}"
                pool.close()


if __name__ == "__main__":
    sys.exit(main())
