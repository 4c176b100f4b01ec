"""Full-batch gradient descent through the engine, and the same in closed form."""

from typing import Any

import numpy as np
from safetensors.numpy import load

from tests.catalogue.networks import Floats
from tests.engine.populations import alone, content, spec
from workers.catalogue.kinds import Network
from workers.experiments.codec import encode_component
from workers.experiments.spec import Approximation

FIVE = {f"x{i}": [-1, 1] for i in range(1, 6)}
WAVE = {"kind": "expression", "expression": "sin(3*x1) + x2*x3 + x4 - x5", "domain": FIVE}


def descent(network: Network, rate: float, steps: int, samples: int = 30, **more: Any) -> Any:
    """Return a spec of full-batch gradient descent in float64 on noisy samples of a function of five inputs."""
    optimizer = {"kind": "sgd", "learning_rate": rate}
    training = {"steps": steps, "batch_size": None, "evaluate_every": max(1, steps), "optimizer": optimizer}
    data = {"train_size": samples, "noise_sd": 0.3}
    fields: dict[str, Any] = {"architecture": encode_component(network), "target": WAVE, "dtype": "float64"}
    return spec(4, training=training, data=data, **fields | more)


def start_and_end(experiment: Approximation) -> tuple[Any, Any]:
    """Return the weights before and after training, by name."""
    assert isinstance(experiment.architecture, Network)
    sizes = experiment.sizes
    start = experiment.architecture.initial_state(sizes.inputs, sizes.outputs, experiment.seed)
    return start, load(content(alone(experiment), "model.safetensors"))


def iterate(rows: Floats, y: Floats, start: Floats, rate: float, steps: int) -> Floats:
    """Return where gradient descent on mean((rows w - y)**2) is after some steps, by the eigenvectors of its Hessian.

    rows (n, p), y (n,), start (p,). Along an eigenvector of the eigenvalue c the distance to a minimum is
    multiplied by 1 - rate c, along those of 0 nothing moves.
    """
    eigenvalues, vectors = np.linalg.eigh(2 / len(y) * rows.T @ rows)
    minimum = np.linalg.lstsq(rows, y, rcond=1e-12)[0]
    factors = (1 - rate * np.where(eigenvalues < 1e-12 * eigenvalues.max(), 0, eigenvalues)) ** steps
    return np.asarray(minimum + vectors @ (factors * (vectors.T @ (start - minimum))))


def with_one(rows: Floats) -> Floats:
    """Return rows with a column of ones, the input of the bias."""
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def flat(state: Any, layer: int) -> Floats:
    """Return the weights and the bias of a layer with one output as one vector."""
    parts = [state[name] for name in (f"layers.{layer}.weight", f"layers.{layer}.bias") if name in state]
    return np.concatenate([part.ravel() for part in parts])
