"""Measure the training of many small networks: the engine beside its peers, one thread each, in interleaved rounds.

Usage: python -m benchmarks.training [--rounds 7] [--shapes A-mini,B-full] [--only ours-written,jax] [--out FILE]
Peers beyond torch and scikit-learn are optional: pip install jax==0.10.2 optax==0.2.8
Exits 1 where a formulation fails its gate, 130 after Ctrl-C with the tables of what was measured until then.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.training.bitwise import bitwise
from benchmarks.training.formulations import FORMULATIONS, REFERENCE, engine, scaled_steps
from benchmarks.training.goals import Samples, is_noisy, verdicts
from benchmarks.training.problem import problem
from benchmarks.training.processes import WorkerError, process
from benchmarks.training.record import Journal, header
from benchmarks.training.shapes import SHAPES
from benchmarks.training.short_job import short_jobs
from benchmarks.training.speed import gate, rounds
from benchmarks.training.start_up import start_ups
from benchmarks.training.tables import gate_table, goals_table, speed_table, start_up_table

PARTS = ("speed", "networks", "start-up", "bitwise", "job")
OTHER_NETWORKS = (8, 128)


def arguments(given=None):
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--k", type=int, default=32, help="networks")
    parser.add_argument("--only", type=_names(FORMULATIONS), default=list(FORMULATIONS), metavar="NAMES")
    parser.add_argument("--shapes", type=_names(SHAPES), default=list(SHAPES), metavar="NAMES")
    parser.add_argument("--parts", type=_names(PARTS), default=list(PARTS), metavar="NAMES", help=",".join(PARTS))
    parser.add_argument("--steps-scale", type=float, default=1.0, help="factor on the steps of a sample")
    parser.add_argument("--bitwise-steps", type=int, default=5000)
    parser.add_argument("--out", type=Path, default=Path("build/benchmark-training.jsonl"), metavar="FILE")
    return parser.parse_args(given)


def _names(known):
    def read(text):
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(known)}")
        return names

    return read


def measure(options, names, journal):
    """Run the parts that are asked for."""
    ours = engine(names)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        processes = {}
        for name in ("peak", REFERENCE, *names):
            if name not in processes:
                processes[name], _ = stack.enter_context(process(name, folder))
        if "speed" in options.parts:
            for shape in options.shapes:
                measure_shape(SHAPES[shape], options, names, processes, journal)
        if "bitwise" in options.parts:
            small = [SHAPES[name] for name in options.shapes if SHAPES[name].batch_size]
            for name in [name for name in names if FORMULATIONS[name].module == "ours"]:
                journal.take(f"bitwise, {name}", bitwise(small, processes[name], options.bitwise_steps))
        if "job" in options.parts and ours is not None:
            journal.take("short job", short_jobs(SHAPES["A-mini"], options.k, processes[ours], options.rounds))
    if "start-up" in options.parts:
        journal.take("start-up", start_ups(names, problem(SHAPES[options.shapes[0]], options.k)))


def measure_shape(shape, options, names, processes, journal):
    """Check all formulations on one shape, then take the rounds of those that passed."""
    checks = journal.take(f"{shape.name}: gate", gate(shape, options.k, processes, names))
    failed = {each["formulation"] for each in checks if not each["passed"]}
    names = [name for name in names if name not in failed]
    if not names:
        return
    problems = {options.k: problem(shape, options.k)}
    entries = [(name, options.k, f"K={options.k}") for name in names]
    ours = engine(names)
    if "networks" in options.parts and ours is not None:
        for networks in OTHER_NETWORKS:
            problems[networks] = problem(shape, networks)
            entries.append((ours, networks, f"K={networks}"))
    processes["peak"].call("prepare", "peak", problems[options.k])
    processes["peak"].call("warm_up", "peak", 1)
    for name, networks, key in entries:
        processes[name].call("prepare", key, problems[networks])
    timed = [(*entry, scaled_steps(entry[0], shape, entry[1], options.steps_scale)) for entry in entries]
    journal.take(f"{shape.name}: sample", rounds(shape, timed, processes, options.rounds))
    for name, _, key in entries:
        processes[name].call("forget", key)


def report(options, journal, absent):
    """Print the tables; return whether every formulation passed its gate."""
    samples = Samples(journal.records)
    found = list(verdicts(samples, options.shapes))
    journal.close(found, noisy=is_noisy(samples))
    console = Console(width=None if sys.stdout.isatty() else 150)
    if samples.formulations or absent:
        console.print(speed_table(samples, options.shapes, absent))
    if samples.of("gate"):
        console.print(gate_table(samples))
    if samples.of("start-up"):
        console.print(start_up_table(samples))
    console.print(goals_table(found))
    if is_noisy(samples):
        console.print("NOISY: the rate of the probe changed by more than 1.3 during the run")
    console.print(f"samples: {options.out}")
    return all(each["passed"] for each in samples.of("gate"))


def main(given=None):
    """Measure, write and print; return the exit code."""
    options = arguments(given)
    absent = {name: missing for name in options.only if (missing := FORMULATIONS[name].missing())}
    names = [name for name in options.only if name not in absent]
    journal = Journal(options.out, header(options, absent))
    try:
        measure(options, names, journal)
        code = 0
    except KeyboardInterrupt:
        code = 130
    except WorkerError as error:
        print(error, file=sys.stderr)
        code = 1
    passed = report(options, journal, absent)
    return code or int(not passed)


if __name__ == "__main__":
    sys.exit(main())
