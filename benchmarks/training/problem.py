"""Specs of the shapes, and the numbers that whydeep draws for them, for formulations that know no specs."""

import numpy as np

from benchmarks.training.shapes import BATCH_SIZE, EPSILON, GATE_STEPS, LEARNING_RATE, SAMPLES, Problem
from workers.catalogue.load import load
from workers.engine.philox import Purpose, Stream, minibatch_indices
from workers.experiments.codec import decode

TARGETS = {
    1: {"kind": "sine-sum", "frequencies": [1.0, 2.0]},
    8: {
        "kind": "expression",
        "expression": "sin(2*x1) + cos(3*x2) + x3*x4 + sin(x5 + x6) + x7*x8",
        "domain": {f"x{index}": [-1, 1] for index in range(1, 9)},
    },
}


def spec(shape, seed, steps, *, dtype="float32", epsilon=EPSILON, test_size=1):
    """Return the spec of one network as JSON, evaluated at its first and last step alone."""
    return {
        "type": "approximation",
        "target": TARGETS[shape.sizes[0]],
        "dataset": {"kind": "sampled", "train_size": SAMPLES, "validation_size": 0, "test_size": test_size},
        "architecture": {"kind": "mlp", "width": list(shape.sizes[1:-1]), "activation": shape.activation},
        "training": {
            "kind": "gradient",
            "optimizer": {"kind": "adam", "learning_rate": LEARNING_RATE, "epsilon": epsilon},
            "steps": steps,
            "batch_size": shape.batch_size,
            "evaluate_every": 10**8,
        },
        "seed": seed,
        "dtype": dtype,
    }


def problem(shape, networks, dtype="float32", epsilon=EPSILON):
    """Draw K networks with data, initial weights and order of their own."""
    load()
    specs = [spec(shape, seed, GATE_STEPS, dtype=dtype, epsilon=epsilon) for seed in range(networks)]
    decoded = [decode(each) for each in specs]
    trains = [each.dataset.split(each.target, each.seed_of("data")).train for each in decoded]
    sizes = shape.sizes[0], shape.sizes[-1]
    states = [each.architecture.initial_state(*sizes, each.seed_of("init")) for each in decoded]
    layers = [
        tuple(np.stack([state[f"layers.{index}.{name}"] for state in states]).astype(dtype) for name in WEIGHTS)
        for index in range(len(shape.sizes) - 1)
    ]
    return Problem(
        shape=shape,
        inputs=np.stack([train.inputs for train in trains]).astype(dtype),
        targets=np.stack([train.outputs for train in trains]).astype(dtype),
        layers=layers,
        batches=_batches(decoded) if shape.batch_size else None,
        specs=specs,
        epsilon=epsilon,
    )


WEIGHTS = ("weight", "bias")


def _batches(specs):
    streams = [Stream(seed=each.seed_of("order"), purpose=Purpose.ORDER) for each in specs]
    return np.stack([minibatch_indices(stream, SAMPLES, BATCH_SIZE, 0, GATE_STEPS) for stream in streams], axis=1)
