"""What a client waits for: a result from a warm worker, a prediction beside a long training, the API's start.

Usage: python -m benchmarks.latency http://127.0.0.1:8080 [--rounds 10]
Prints one JSON line per figure with min, median and max in seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import httpx
import psutil

SHORT = {
    "type": "approximation",
    "target": {"kind": "sine-sum"},
    "dataset": {"kind": "sampled", "train_size": 256, "validation_size": 64, "test_size": 256},
    "architecture": {"kind": "mlp", "width": 64, "depth": 2, "activation": "tanh"},
    "training": {"kind": "gradient", "steps": 500, "batch_size": 64},
}


def timed(action):
    """Return the seconds that the action took, and its result."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def report(name, seconds, **more):
    """Print one figure."""
    figures = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
    print(
        json.dumps({"figure": name, "n": len(seconds), **{k: round(v, 3) for k, v in figures.items()}, **more}),
        flush=True,
    )


def result(client, seed):
    """Post a short experiment and return it when it has succeeded."""
    reply = client.post("/v1/experiments", json={"spec": {**SHORT, "seed": seed}}, headers={"Prefer": "wait=30"})
    experiment = reply.raise_for_status().json()
    assert experiment["status"] == "succeeded", experiment["status"]
    return experiment


def start_up():
    """Return seconds from start to the API's first answer, and its resident megabytes."""
    port = 8900
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "service.app:create_app()",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
    ]
    process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        started = time.perf_counter()
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.01)
        seconds = time.perf_counter() - started
        children = psutil.Process(process.pid).children()
        return seconds, max(child.memory_info().rss for child in children) / 1e6
    finally:
        process.terminate()
        process.wait()


def main():
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("url")
    arguments.add_argument("--rounds", type=int, default=10)
    options = arguments.parse_args()
    with httpx.Client(base_url=options.url, timeout=60) as client:
        result(client, 10**6)
        runs = [timed(lambda seed=seed: result(client, seed)) for seed in range(options.rounds)]
        report("POST to result, 500 steps of one network", [seconds for seconds, _ in runs])
        model = runs[-1][1]["id"]
        long = {**SHORT, "training": {**SHORT["training"], "steps": 100_000}}
        posted = [client.post("/v1/experiments", json={"spec": {**long, "seed": s}}).json()["id"] for s in range(16)]
        while client.get(f"/v1/experiments/{posted[0]}").json()["status"] == "queued":
            time.sleep(0.1)
        body = {"inputs": [[0.1], [0.2], [0.3]]}
        url = f"/v1/experiments/{model}/predictions"
        client.post(url, json=body).raise_for_status()
        answers = [timed(lambda: client.post(url, json=body).raise_for_status())[0] for _ in range(options.rounds)]
        report("prediction while a population of 16 trains", answers)
        for identifier in posted:
            client.post(f"/v1/experiments/{identifier}/cancel")
    starts = [start_up() for _ in range(3)]
    report(
        "API start to first answer", [seconds for seconds, _ in starts], resident_mb=round(max(mb for _, mb in starts))
    )


if __name__ == "__main__":
    main()
