"""Many short experiments through HTTP on two workers, beside the engine alone on the same specs.

Usage: python -m benchmarks.throughput [--experiments 256] [--rounds 3] [--sqlite] [--out FILE]
Rounds are interleaved: engine, service, engine, service, ... The engine's time is that of `run_population` in two
warm processes with half of the specs each. The service's is that from the first request to the answer which tells
the client that nothing is queued or running any more. Each round waits for a quiet machine, up to a minute. One in
which other programs took more than 5 % of the processors' time on either side is kept in the file, and repeated:
they slow down two processes more than many.
Exits 1 where an experiment failed or ran twice, and where the ratio of the medians is above 1.25.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
from sqlalchemy import text

from benchmarks.deployment import URL, WORKERS, by_url, embedded, processes, wait_until_ready
from benchmarks.engine_alone import engines
from benchmarks.processor_time import ProcessorTime, await_quiet
from benchmarks.served_round import serve
from benchmarks.training.record import Journal, header
from workers.database.session import Database

GOAL = 1.25
WARM_UP = 32  # experiments
QUIET = 0.05  # of the machine's time, that others may take
QUIET_SECONDS = 60.0  # to wait for a quiet machine before a round
PATIENCE = 4  # times the rounds that are asked for, until enough were quiet
PACKAGES = ("sqlalchemy", "psycopg", "flask", "marshmallow", "gunicorn", "celery", "redis", "httpx")


def spec(seed):
    """Return an experiment of the goal: data and evaluation as they are by default."""
    return {
        "type": "approximation",
        "target": {"kind": "sine-sum"},
        "dataset": {"kind": "sampled"},
        "architecture": {"kind": "mlp", "width": 64, "depth": 2, "activation": "tanh"},
        "training": {"kind": "gradient", "steps": 1000, "batch_size": 64},
        "seed": seed,
    }


def warm_up(url, engine):
    """Train a few on both sides until each worker has taken some: the first population loads and connects."""
    seeds = iter(range(10**6, 2 * 10**6))
    engine.run([spec(next(seeds)) for _ in range(WARM_UP)])
    for _ in range(20):
        if len(serve(url, [spec(next(seeds)) for _ in range(WARM_UP)])["workers"]) == WORKERS:
            return
    raise SystemExit(f"{WORKERS} workers never took part")


def rounds(url, engine, options):
    """Yield a record per side and round, until enough rounds were quiet; the seeds of a round are its own."""
    quiet = 0
    for number in range(PATIENCE * options.rounds):
        if quiet == options.rounds:
            return
        first = number * options.experiments
        specs = [spec(seed) for seed in range(first, first + options.experiments)]
        await_quiet(QUIET, QUIET_SECONDS)
        pair = []
        for side, act in (("engine", engine.run), ("service", lambda specs: serve(url, specs))):
            time = ProcessorTime()
            figures = act(specs)
            used = time.read()
            others = used.get("others", 0.0) / (figures["seconds"] * os.cpu_count())
            pair.append({"record": side, "round": number, **figures, "cpu_seconds": used, "share_of_others": others})
        is_quiet = all(each["share_of_others"] <= QUIET for each in pair)
        quiet += is_quiet
        yield from ({**each, "quiet": is_quiet} for each in pair)


def summary(samples, time):
    """Return min, median and max of both sides, and the ratio of the medians; `time` names the service's figure."""
    found = {}
    for side, name in (("engine", "seconds"), ("service", time)):
        values = [each[name] for each in samples if each["record"] == side]
        found[side] = {
            "n": len(values),
            "min": min(values),
            "median": statistics.median(values),
            "max": max(values),
        }
    return found | {"ratio": found["service"]["median"] / found["engine"]["median"]}


@contextlib.contextmanager
def served(options):
    """Yield the address of the service that is asked for, and what it runs on."""
    if options.sqlite:
        with embedded() as url:
            yield url, {"database": f"SQLite {sqlite3.sqlite_version}"}
        return
    with by_url() as environment, processes(environment):
        with httpx.Client(base_url=URL, timeout=60) as client:
            wait_until_ready(client)
        database = Database(environment["WHYDEEP_DATABASE_URL"])
        with database.read() as session:
            settings = {name: session.scalar(text(f"SHOW {name}")) for name in ("server_version", "fsync")}
        database.dispose()
        yield URL, {"database": f"PostgreSQL {settings['server_version']}, fsync {settings['fsync']}"}


def main(given=None):
    """Measure, write and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true", help="the embedded service instead of PostgreSQL by URL")
    parser.add_argument("--out", type=Path, default=Path("build/benchmark-throughput.jsonl"), metavar="FILE")
    options = parser.parse_args(given)
    journal = Journal(options.out, header(options, {}))
    with engines() as engine, served(options) as (url, ground):
        journal.add({"record": "service-header", **ground, "versions": {name: version(name) for name in PACKAGES}})
        warm_up(url, engine)
        samples = journal.take("sample", rounds(url, engine, options))
    quiet = [each for each in samples if each["quiet"]]
    for name in ("seconds", "row_seconds"):
        record = {"record": "summary", "service_time": name, "goal": GOAL, "all": summary(samples, name)}
        journal.add(record | {"quiet": summary(quiet, name) if quiet else None})
    for record in (*journal.records[:2], *journal.records[-2:]):
        print(json.dumps(record))
    return 0 if quiet and journal.records[-2]["quiet"]["ratio"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
