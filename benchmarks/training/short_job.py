"""Goal T8: a short job through HTTP on a running embedded service, against the training alone."""

import contextlib
import itertools
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import httpx

from benchmarks.latency import timed
from benchmarks.training.problem import problem, spec
from benchmarks.training.processes import WorkerError
from benchmarks.two_workers import WHYDEEP, wait_until_ready

STEPS = 500
START_SECONDS = 60


def short_jobs(shape, networks, process, count):
    """Yield a record per round: the wall seconds of a job from submission to its last result, and of training alone.

    The networks are evaluated before the first and after the last step, on 256 test samples.
    """
    process.call("prepare", "alone", problem(shape, networks))
    with _service() as client:
        seeds = itertools.count(10**6, networks)
        _submit(client, shape, next(seeds), networks)  # the worker warms up
        for number in range(count):
            alone = process.call("sample", "alone", STEPS)["wall_seconds"]
            seconds, (submitting, experiments) = timed(lambda: _submit(client, shape, next(seeds), networks))
            attempts = [client.get(f"/v1/experiments/{each['id']}/attempts").json()["data"][0] for each in experiments]
            yield {
                "record": "short-job",
                "shape": shape.name,
                "networks": networks,
                "round": number,
                "steps": STEPS,
                "seconds": seconds,
                "training_seconds": alone,
                "submit_seconds": submitting,
                "start_seconds": _waited(experiments[0]),
                "populations": dict(Counter(str(each["population_size"]) for each in attempts)),
            }
    process.call("forget", "alone")


def _submit(client, shape, first_seed, networks):
    """Post the networks one by one; return the seconds of that, and them when the last one has succeeded."""
    ids, started = [], time.perf_counter()
    for seed in range(first_seed, first_seed + networks):
        body = {"spec": spec(shape, seed, STEPS, test_size=256)}
        ids.append(client.post("/v1/experiments", json=body).raise_for_status().json()["id"])
    submitting = time.perf_counter() - started
    while client.get("/v1/experiments?status=queued,running&limit=1").raise_for_status().json()["data"]:
        time.sleep(0.02)
    found = [client.get(f"/v1/experiments/{each}").raise_for_status().json() for each in ids]
    statuses = Counter(each["status"] for each in found)
    if statuses["succeeded"] != networks:
        raise WorkerError(f"of {networks} short experiments: {dict(statuses)}")
    return submitting, found


def _waited(experiment):
    """Return the seconds from submission to the claim by a worker."""
    created, started = (datetime.fromisoformat(experiment[name]) for name in ("created_at", "started_at"))
    return (started - created).total_seconds()


@contextlib.contextmanager
def _service():
    """Yield a client of an embedded service in a folder of its own."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
    with tempfile.TemporaryDirectory(prefix="wd-") as folder, Path(folder, "log").open("w+b") as log:
        service = subprocess.Popen(
            [WHYDEEP, "up", "--port", "0"],
            env=inherited
            | {"WHYDEEP_HOME": f"{folder}/home", "WHYDEEP_KERNELS": f"{folder}/kernels", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with httpx.Client(base_url=_address(service, Path(folder, "log")), timeout=60) as client:
                wait_until_ready(client)
                yield client
        finally:
            service.terminate()
            service.wait(timeout=60)


def _address(service, log):
    """Return the address once the service has printed it."""
    deadline = time.monotonic() + START_SECONDS
    while service.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"serves (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise WorkerError(f"the service did not start:\n{log.read_text()}")
