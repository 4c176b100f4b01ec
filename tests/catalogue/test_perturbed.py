"""Networks whose initial weights are moved."""

import numpy as np
import pytest

from tests.engine.populations import alone, curve, spec
from workers.catalogue.kinds import architectures
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Task
from workers.experiments.shape import shape_key

SAWTOOTH = {"kind": "sawtooth", "depth": 3}


def test_without_noise_it_is_the_network() -> None:
    """Same bits, layers and count. Mutation: noise of at least 1e-9."""
    inner = architectures.get("mlp")(width=5)
    outer = architectures.get("perturbed")(network=inner, sd=0.0)
    state, own = outer.initial_state(2, 1, 3), inner.initial_state(2, 1, 3)
    assert all(np.array_equal(state[name], own[name]) for name in own) and state.keys() == own.keys()
    assert outer.stack(2, 1) == inner.stack(2, 1) and outer.parameter_count(2, 1) == inner.parameter_count(2, 1)


def test_the_noise_has_the_asked_size_of_each_array_and_its_own_stream() -> None:
    """10,000 weights of rms 0.6, 5 %; arrays differ; biases of zero stay. Mutation: rms over all arrays."""
    inner = architectures.get("mlp")(width=(100, 100), initialisation=_lecun(6.0))
    outer = architectures.get("perturbed")(network=inner, sd=0.1)
    moved, own = outer.initial_state(100, 1, 0), inner.initial_state(100, 1, 0)
    first, second = ((moved[name] - own[name]).ravel() for name in ("layers.0.weight", "layers.1.weight"))
    assert first.std() == pytest.approx(0.06, rel=0.05) and abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert not moved["layers.0.bias"].any()


def test_an_estimator_is_refused_and_what_the_network_refuses_too() -> None:
    """Mutation: ask nobody."""
    with pytest.raises(InvalidError, match="has no initial weights"):
        architectures.get("perturbed")(network=architectures.get("decision-tree")())
    outer = architectures.get("perturbed")(network=architectures.get("sawtooth")())
    sizes = DataSizes(inputs=2, outputs=1, train=1, validation=0, test=1)
    assert [problem.pointer for problem in outer.misfits(sizes, Task.REGRESSION)] == ["/network"]


def test_training_from_near_the_solution_keeps_it() -> None:
    """Slope 8 of a sawtooth of depth 3, moved by 0.1 %: errors near 0.01; its variance is 1/12. Mutation: 10 sd."""
    network = {"kind": "perturbed", "network": SAWTOOTH, "sd": 1e-3}
    training = {
        "kind": "gradient",
        "steps": 300,
        "batch_size": 50,
        "optimizer": {"kind": "adam", "learning_rate": 1e-4},
    }
    given = spec(target={"kind": "sawtooth", "depth": 3}, architecture=network, training=training, dtype="float64")
    losses = curve(alone(given), "test_loss").values
    assert 0 < losses[0] < 1e-3 and losses[-1] < 1e-3
    other = spec(
        target={"kind": "sawtooth", "depth": 3}, architecture=network | {"sd": 0.5}, training=training, dtype="float64"
    )
    assert shape_key(given) == shape_key(other)


def _lecun(scale: float) -> object:
    from workers.catalogue.initialisation import Initialisation

    return Initialisation(scheme="lecun", scale=scale)
