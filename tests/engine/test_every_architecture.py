"""Every network of the catalogue, by the back end that its spec chooses, against plain torch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load
from torch import Tensor, nn

from tests.catalogue.cases import of_kind
from tests.engine.populations import TRAINING, content, run, spec
from workers.catalogue.kinds import Network
from workers.catalogue.problems import InvalidError
from workers.engine.material import DTYPES, draw, prepare
from workers.engine.philox import Purpose, Stream, minibatch_indices
from workers.experiments.codec import encode_component
from workers.experiments.spec import Approximation

CPU = torch.device("cpu")
DATA: list[dict[str, Any]] = [{"target": "sine-sum"}, {"target": "product"}, {"target": None, "dataset": "digits"}]
every = pytest.mark.parametrize("network", of_kind(Network))


def experiment(network: Network, seed: int, **training: Any) -> Approximation:
    """Return a spec of the network on the first data that it serves."""
    for data in DATA:
        try:
            found = spec(seed, dtype="float64", training=training, **data, architecture=encode_component(network))
        except InvalidError:
            continue
        assert isinstance(found, Approximation)
        return found
    raise AssertionError(f"{network.kind}: serves none of the data here; add some that it does")


def start_of(given: Approximation) -> nn.Module:
    """Return the plain module with its initial weights; fails where names or shapes differ."""
    network, sizes = given.architecture, given.sizes
    assert isinstance(network, Network)
    module = network.module(sizes.inputs, sizes.outputs).to(DTYPES[given.dtype])
    state = network.initial_state(sizes.inputs, sizes.outputs, given.seed)
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()}, strict=True)
    return module


def plain_loss(given: Approximation, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return torch's own loss of the task."""
    if given.loss.kind == "cross-entropy":
        return nn.functional.cross_entropy(outputs, targets)
    return nn.functional.mse_loss(outputs, targets)


def plainly_trained(given: Approximation) -> dict[str, Tensor]:
    """Return the weights that a loop of plain torch gives: its modules, its Adam, the same samples in each step."""
    module, training = start_of(given), given.training
    split = draw(given)
    train = prepare(split, split.scaling, DTYPES[given.dtype], CPU).parts["train"]
    order = minibatch_indices(Stream(seed=given.seed, purpose=Purpose.ORDER), len(train.inputs), 15, 0, training.steps)  # type: ignore[union-attr]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001)
    for indices in torch.from_numpy(order):
        optimizer.zero_grad()
        plain_loss(given, module(train.inputs[indices]), train.targets[indices]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return module.state_dict()


@every
def test_a_population_equals_runs_of_the_plain_module(network: Network) -> None:
    """Three members by each back end, 50 steps, float64: to 1e-9 of the largest weight.

    Catches another step, order or gradient. What is stored loads into the module by its names.
    """
    alike = {seed: experiment(network, seed, **TRAINING | {"steps": 50}) for seed in (1, 2, 3)}
    trained = {seed: plainly_trained(given) for seed, given in alike.items()}
    specs = {
        f"{backend}-{seed}": replace(given, backend=backend)
        for seed, given in alike.items()
        for backend in given.backends
    }
    heard = run(specs)
    assert heard.failed == {}
    for name, given in specs.items():
        expected = trained[given.seed]
        stored = load(content(heard.finished[name], "model.safetensors"))
        module = start_of(given)
        module.load_state_dict({each: torch.from_numpy(stored[each]) for each in expected}, strict=True)
        largest = max(float(each.abs().max()) for each in expected.values())
        for each, found in module.state_dict().items():
            assert float((found - expected[each]).abs().max()) <= 1e-9 * largest, f"{name} {each}"


@every
def test_gradients_equal_finite_differences(network: Network) -> None:
    """Along three random directions, central differences at 1e-6: error 1e-7 of the slope, and rounding.

    Catches a custom gradient that is not the derivative. Weights are moved off kinks by a small random step.
    """
    given = experiment(network, 5)
    module = start_of(given)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in module.parameters():
            each.add_(0.01 * torch.randn(each.shape, generator=rng, dtype=each.dtype))
    split = draw(given)
    train = prepare(split, split.scaling, torch.float64, CPU).parts["train"]
    x, y = train.inputs[:7], train.targets[:7]
    plain_loss(given, module(x), y).backward()  # type: ignore[no-untyped-call]
    gradients = [each.grad for each in module.parameters()]
    for _ in range(3):
        direction = [torch.randn(each.shape, generator=rng, dtype=each.dtype) for each in module.parameters()]
        slope = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True) if g is not None)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                for each, d in zip(module.parameters(), direction, strict=True):
                    each.add_(sign * 1e-6 * d)
                values.append(float(plain_loss(given, module(x), y)))
                for each, d in zip(module.parameters(), direction, strict=True):
                    each.sub_(sign * 1e-6 * d)
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_the_comparison_sees_another_order_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the populations above."""
    network = next(each.values[0] for each in of_kind(Network) if each.id.endswith("mlp"))
    given = experiment(network, 1, **TRAINING | {"steps": 50})  # type: ignore[arg-type]
    stored = load(content(run({"a": given}).finished["a"], "model.safetensors"))
    reverse = minibatch_indices

    def turned(*arguments: Any) -> Any:
        return reverse(*arguments)[::-1].copy()

    monkeypatch.setattr("tests.engine.test_every_architecture.minibatch_indices", turned)
    expected = plainly_trained(given)
    largest = max(float(each.abs().max()) for each in expected.values())
    assert any(np.abs(stored[name] - expected[name].numpy()).max() > 1e-9 * largest for name in expected)
