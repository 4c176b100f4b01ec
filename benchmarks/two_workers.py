"""The whole path on PostgreSQL and Redis by URL: two worker processes, many experiments, each run exactly once.

Usage: python -m benchmarks.two_workers [--experiments 200]
Takes WHYDEEP_DATABASE_URL and WHYDEEP_BROKER_URL, or starts private servers as the tests do.
Exits 0 only if all succeeded, none ran twice, and both workers took part.
"""

import argparse
import collections
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.servers import find_postgres, postgres_server, valkey_server

WHYDEEP = str(Path(sys.executable).with_name("whydeep"))
PORT = 8901
URL = f"http://127.0.0.1:{PORT}"
ACTIVATIONS = ("tanh", "relu", "gelu", "sigmoid")


def spec(number):
    """Return one of four shapes with a seed of its own."""
    return {
        "type": "approximation",
        "target": {"kind": "sine-sum"},
        "dataset": {"kind": "sampled", "train_size": 256, "validation_size": 32, "test_size": 128},
        "architecture": {"kind": "mlp", "width": 32, "depth": 2, "activation": ACTIVATIONS[number % 4]},
        "training": {"kind": "gradient", "steps": 500, "batch_size": 64},
        "seed": number,
    }


@contextlib.contextmanager
def processes(environment):
    """Run the API, two training workers and nothing else."""
    commands = [["api", "--port", str(PORT)], *(["worker", "--queue", "cpu", "--name", f"w{n}"] for n in range(2))]
    running = [
        subprocess.Popen([WHYDEEP, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=30)


def wait_until_ready(client):
    """Return when the API answers."""
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the API did not start")


def run(count):
    """Submit, follow and judge."""
    with httpx.Client(base_url=URL, timeout=60) as client:
        wait_until_ready(client)
        started = time.perf_counter()
        identifiers = []
        for number in range(count):
            reply = client.post("/v1/experiments", json={"spec": spec(number)})
            identifiers.append(reply.raise_for_status().json()["id"])
        submitted = time.perf_counter() - started
        while client.get("/v1/experiments?status=queued,running&limit=1").json()["data"]:
            time.sleep(0.5)
        seconds = time.perf_counter() - started
        found = [client.get(f"/v1/experiments/{identifier}").json() for identifier in identifiers]
        attempts = [client.get(f"/v1/experiments/{identifier}/attempts").json()["data"] for identifier in identifiers]
    statuses = collections.Counter(experiment["status"] for experiment in found)
    workers = collections.Counter(attempt["worker"] for each in attempts for attempt in each)
    figures = {
        "experiments": count,
        "statuses": statuses,
        "most_attempts": max(len(each) for each in attempts),
        "workers": workers,
        "populations": collections.Counter(each[0]["population_size"] for each in attempts),
        "submit_seconds": round(submitted, 2),
        "total_seconds": round(seconds, 2),
    }
    print(json.dumps(figures))
    return statuses["succeeded"] == count and figures["most_attempts"] == 1 and len(workers) == 2


def main():
    """Provide the servers, migrate, run."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--experiments", type=int, default=200)
    count = arguments.parse_args().experiments
    with contextlib.ExitStack() as stack:
        database = os.environ.get("WHYDEEP_DATABASE_URL") or stack.enter_context(postgres_server(find_postgres()))
        broker = os.environ.get("WHYDEEP_BROKER_URL") or stack.enter_context(valkey_server())
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = {**os.environ, **threads, "WHYDEEP_DATABASE_URL": database, "WHYDEEP_BROKER_URL": broker}
        subprocess.run([WHYDEEP, "migrate"], env=environment, check=True)
        with processes(environment):
            succeeded = run(count)
    sys.exit(not succeeded)


if __name__ == "__main__":
    main()
