"""Test accuracies on MNIST-1D beside those published with the data set, seed by seed.

Usage: python -m benchmarks.mnist1d [URL] [--seeds 10] [--models logistic mlp ...] [--shuffled] [--plain-torch]
Trains in this process, or through the service at URL. Prints one JSON line per model and seed, then a table with
means and 95 % Student intervals in percent, after the last step and of the best evaluation. Exits 0 only if, of every
model in the published table, our mean after the last step lies within two points of the published figure.

Published figures: README of github.com/greydanus/mnist1d, and an abstract of arXiv:2011.14439. They come without a
protocol; that of the repository's notebooks/mnist1d-classification.ipynb and notebooks/train.py is taken: Adam with
learning rate 0.01, batches of 100, 6,000 steps, evaluated every 250, on one draw, seed 42. That notebook itself
prints 31.5, 65.1 and 92.3 % after the last step (shuffled 31.5, 66.0 and 58.7 %), quickstart.ipynb 31.7, 64.6 and
92.5 %, and neither picks a step; issue 17 of the repository, open, asks how 68 % come about. MLPBase of
notebooks/models.py has two hidden layers of 100 units and adds the first to the second: `mlp-skip` here, `mlp`
without.
"""

import os

# Before torch is loaded: two threads on shared cores spin on each other.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import argparse
import json
import statistics
import sys

import httpx
import torch
from scipy.stats import t as student
from torch import nn

from benchmarks.real_data import finished
from workers.catalogue.kinds import datasets
from workers.catalogue.load import load
from workers.engine.population import Job, run_population
from workers.experiments.codec import decode
from workers.experiments.measurement import summarise

MLP = {"kind": "mlp", "width": 100, "depth": 2, "activation": "relu"}
MODELS = {
    "logistic": {"kind": "linear"},
    "mlp": MLP,
    "mlp-skip": MLP | {"residual": True},
    "cnn": {
        "kind": "cnn",
        "dimensions": 1,
        "channels": 25,
        "kernel_size": [5, 3, 3],
        "stride": 2,
        "padding_width": 1,
        "head": "flatten",
    },
}
PUBLISHED = {False: {"logistic": 32, "mlp": 68, "cnn": 94}, True: {"logistic": 32, "mlp": 68, "cnn": 56}}  # percent
MARGIN = 2.0  # points
LEARNING_RATE, BATCH_SIZE, STEPS, EVALUATE_EVERY = 0.01, 100, 6000, 250


def spec(model, seed, shuffled):
    """Return the experiment's spec; the published set has no validation samples."""
    return {
        "type": "approximation",
        "dataset": {"kind": "mnist1d", "validation_size": 0, "shuffled": shuffled},
        "architecture": MODELS[model],
        "training": {
            "kind": "gradient",
            "optimizer": {"kind": "adam", "learning_rate": LEARNING_RATE},
            "steps": STEPS,
            "batch_size": BATCH_SIZE,
            "evaluate_every": EVALUATE_EVERY,
        },
        "seed": seed,
    }


class Listener:
    """Hears the accuracies of a population; a failure ends the benchmark."""

    def __init__(self):
        self.found = {}

    def progress(self, job_id, **report):
        """Hear nothing of interest."""

    def finish(self, job_id, measurement):
        """Keep the last and the best test accuracy and the last training accuracy."""
        summaries = {curve.name: summarise(curve) for curve in measurement.curves}
        test, train = summaries["test_accuracy"], summaries["train_accuracy"]
        self.found[job_id] = {"last": test.last, "best": test.max, "train": train.last}

    def fail(self, job_id, reason, detail):
        """Give up."""
        raise SystemExit(f"{job_id} failed: {detail}")

    def cancelled(self, job_id):
        """Give up."""
        raise SystemExit(f"{job_id} was cancelled")

    def stopping(self):
        """Go on."""
        return False

    def cancel_requested(self):
        """Give nothing up."""
        return frozenset()


def trained_here(model, seeds, shuffled):
    """Return the accuracies of each seed, trained as one population in this process."""
    listener = Listener()
    jobs = [Job(id=str(seed), spec=decode(spec(model, seed, shuffled))) for seed in seeds]
    run_population(jobs, listener)
    return [listener.found[str(seed)] for seed in seeds]


def trained_by_the_service(url, model, seeds, shuffled):
    """Return the accuracies of each seed, trained by the service."""
    with httpx.Client(base_url=url, timeout=60) as client:
        bodies = [{"spec": spec(model, seed, shuffled), "tags": ["mnist1d"]} for seed in seeds]
        replies = [client.post("/v1/experiments", json=body).raise_for_status() for body in bodies]
        metrics = [finished(client, reply.json()["id"])["metrics"] for reply in replies]
    return [
        {
            "last": each["test_accuracy"]["last"],
            "best": each["test_accuracy"]["max"],
            "train": each["train_accuracy"]["last"],
        }
        for each in metrics
    ]


class Skip(nn.Sequential):
    """Adds its input to its output."""

    def forward(self, inputs):
        """Map (n, d) to (n, d)."""
        return inputs + super().forward(inputs)


def plain_network(model):
    """Return the model in torch's own layers with torch's own initial weights."""
    hidden = {"mlp": nn.Sequential, "mlp-skip": Skip}
    if model == "logistic":
        return nn.Linear(40, 10)
    if model in hidden:
        second = hidden[model](nn.Linear(100, 100), nn.ReLU())
        return nn.Sequential(nn.Linear(40, 100), nn.ReLU(), second, nn.Linear(100, 10))
    sizes = ((1, 5), (25, 3), (25, 3))
    layers = [part for size, k in sizes for part in (nn.Conv1d(size, 25, k, stride=2, padding=1), nn.ReLU())]
    return nn.Sequential(nn.Unflatten(1, (1, 40)), *layers, nn.Flatten(), nn.Linear(125, 10))


def trained_by_plain_torch(model, seed, shuffled):
    """Return the accuracies of the repository's training loop, written anew, on the same samples.

    Like there, batches come in the same order in every epoch.
    """
    split = datasets.get("mnist1d")(validation_size=0, shuffled=shuffled).split(None, seed)

    def tensors(part):
        scaled = (part.inputs - split.scaling.input_mean) / split.scaling.input_scale
        return torch.tensor(scaled, dtype=torch.float32), torch.tensor(part.outputs.argmax(axis=1))

    (inputs, answers), (test, truth) = tensors(split.train), tensors(split.test)
    torch.manual_seed(seed)
    network, loss_of = plain_network(model), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def accuracy(points, labels):
        with torch.no_grad():
            return float((network(points).argmax(dim=1) == labels).double().mean())

    accuracies = [accuracy(test, truth)]
    for step in range(STEPS):
        first = step * BATCH_SIZE % len(inputs)
        optimizer.zero_grad()
        loss_of(network(inputs[first : first + BATCH_SIZE]), answers[first : first + BATCH_SIZE]).backward()
        optimizer.step()
        if (step + 1) % EVALUATE_EVERY == 0:
            accuracies.append(accuracy(test, truth))
    return {"last": accuracies[-1], "best": max(accuracies), "train": accuracy(inputs, answers)}


def interval(values):
    """Return the half width of the 95 % Student interval of the mean."""
    return float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5


def row(model, by, found, published):
    """Print a line of the table; return whether the mean after the last step lies in the margin."""
    columns = [[100 * each[name] for each in found] for name in ("last", "best", "train")]
    cells = "".join(f"{statistics.fmean(column):10.2f} ± {interval(column):5.2f}" for column in columns)
    if published is None:
        print(f"{model:10} {by:12}{cells}")
        return True
    difference = statistics.fmean(columns[0]) - published
    print(f"{model:10} {by:12}{cells} {published:10} {difference:+11.2f}")
    return abs(difference) <= MARGIN


def accuracies(model, seeds, options):
    """Return, by who trained, the accuracies of each seed; ours come first."""
    if options.url is None:
        ways = {"engine": trained_here(model, seeds, options.shuffled)}
    else:
        ways = {"service": trained_by_the_service(options.url, model, seeds, options.shuffled)}
    if options.plain_torch:
        ways["plain torch"] = [trained_by_plain_torch(model, seed, options.shuffled) for seed in seeds]
    return ways


def main():
    """Train all models and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("url", nargs="?")
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    arguments.add_argument("--shuffled", action="store_true")
    arguments.add_argument("--plain-torch", action="store_true", help="train by the repository's loop as well")
    options = arguments.parse_args()
    if options.seeds < 2:
        arguments.error("an interval takes at least two seeds")
    load()
    torch.set_num_threads(1)
    seeds, found = range(options.seeds), {}
    for model in options.models:
        found[model] = accuracies(model, seeds, options)
        for by, each in found[model].items():
            for seed, numbers in zip(seeds, each, strict=True):
                line = {"model": model, "by": by, "shuffled": options.shuffled, "seed": seed} | numbers
                print(json.dumps(line), flush=True)
    heads = "".join(f"{head:>18}" for head in ("last", "best", "train"))
    print(f"\n{'model':10} {'by':12}{heads} {'published':>10} {'last - pub.':>11}")
    within = []
    for model, ways in found.items():
        ours, *_ = [row(model, by, each, PUBLISHED[options.shuffled].get(model)) for by, each in ways.items()]
        within.append(ours)
    sys.exit(0 if all(within) else 1)


if __name__ == "__main__":
    main()
