"""The whole path on PostgreSQL and Redis by URL: two worker processes, many experiments, each run exactly once.

Usage: python -m benchmarks.two_workers [--experiments 200]
Takes WHYDEEP_DATABASE_URL and WHYDEEP_BROKER_URL, or starts private servers as the tests do.
Exits 0 only if all succeeded, none ran twice, and both workers took part.
"""

import argparse
import collections
import json
import sys
import time

import httpx

from benchmarks.deployment import URL, WHYDEEP, by_url, processes, wait_until_ready

__all__ = ["WHYDEEP", "wait_until_ready"]
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
    with by_url() as environment, processes(environment):
        succeeded = run(count)
    sys.exit(not succeeded)


if __name__ == "__main__":
    main()
