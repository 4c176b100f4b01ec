"""Hessian-vector products against dense Hessians and the closed form of a linear model."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.func import functional_call

from tests.catalogue.cases import subject
from workers.catalogue.kinds import architectures, datasets, losses, targets
from workers.catalogue.values import Samples, Scaling, Subject
from workers.engine.curvature import Curvature, curvature_of
from workers.engine.philox import Purpose, Stream

Floats = npt.NDArray[np.float64]
STREAM = Stream(seed=0, purpose=Purpose.PROBE)


class Plain(torch.nn.Module):
    """Two dense layers with tanh, and a parameter that nothing uses."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.nn.Parameter(torch.randn(5, inputs, generator=generator).double())
        self.second = torch.nn.Parameter(torch.randn(outputs, 5, generator=generator).double())
        self.idle = torch.nn.Parameter(torch.ones(2).double())
        self.register_buffer("shift", torch.full((1,), 0.3).double())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ self.first.T + self.shift) @ self.second.T


def data(n: int, inputs: int, outputs: int, classes: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return samples, one-hot rows where `classes`."""
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(n, inputs)), generator.normal(size=(n, outputs))
    return torch.from_numpy(x), torch.from_numpy(np.eye(outputs)[y.argmax(axis=1)] if classes else y)


def dense(module: torch.nn.Module, loss: Any, x: torch.Tensor, y: torch.Tensor) -> Floats:
    """Return the Hessian (p, p) by torch's own routine, over one flat vector of parameters."""
    named = dict(module.named_parameters())
    flat = torch.cat([each.detach().reshape(-1) for each in named.values()])

    def value(vector: torch.Tensor) -> torch.Tensor:
        parts = torch.split(vector, [each.numel() for each in named.values()])
        weights = {name: part.view_as(named[name]) for name, part in zip(named, parts, strict=True)}
        found: torch.Tensor = loss.value(functional_call(module, weights, (x,)), y)
        return found

    return np.asarray(torch.autograd.functional.hessian(value, flat).numpy())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("kind", ["mse", "cross-entropy"])
def test_products_with_unit_vectors_are_the_columns_of_the_dense_hessian(kind: str) -> None:
    """An unused parameter has rows of zeros. Mutation: drop the graph of the gradient's second layer."""
    module, loss = Plain(2, 3), losses.get(kind)()
    x, y = data(17, 2, 3, classes=kind == "cross-entropy")
    exact = dense(module, loss, x, y)
    found = Curvature(module, loss, x, y, rows=100).product(np.eye(27))
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-14 * np.abs(exact).max() * 27)
    assert np.array_equal(found[25:], np.zeros((2, 27)))


@pytest.mark.parametrize("rows", [1, 2, 5, 16, 17, 1000])
def test_chunks_of_samples_change_nothing(rows: int) -> None:
    """The last chunk is smaller. Mutation: the mean of the chunks' means."""
    module, loss = Plain(2, 3), losses.get("mse")()
    x, y = data(17, 2, 3, classes=False)
    whole, chunked = Curvature(module, loss, x, y, rows=17), Curvature(module, loss, x, y, rows=rows)
    directions = np.random.default_rng(0).normal(size=(27, 4))
    # sums over 17 samples in another order
    np.testing.assert_allclose(chunked.product(directions), whole.product(directions), rtol=0, atol=1e-14)
    np.testing.assert_allclose(chunked.gradient(), whole.gradient(), rtol=0, atol=1e-15)


def linear(samples: int, outputs: int) -> Subject:
    """Return a linear model with bias on scaled data of 3 inputs."""
    product = targets.get("product")(inputs=3)
    found = subject(architectures.get("mlp")(depth=0), datasets.get("sampled")(train_size=samples), product)
    generator = np.random.default_rng(2)
    train = Samples(inputs=generator.normal(size=(samples, 3)), outputs=generator.normal(size=(samples, outputs)))
    scaling = Scaling(
        input_mean=np.array([1.0, 2.0, 3.0]),
        input_scale=np.array([2.0, 0.5, 1.0]),
        output_mean=np.zeros(outputs),
        output_scale=np.full(outputs, 4.0),
    )
    state = {"layers.0.weight": generator.normal(size=(outputs, 3)), "layers.0.bias": generator.normal(size=outputs)}
    split = replace(found.split, train=train)
    return replace(found, split=split, scaling=scaling, state=state, outputs=outputs, dtype="float32")


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_hessian_of_a_linear_model_is_known(outputs: int) -> None:
    """2 / (n m) of the Gram matrix of [x, 1], once per output, in the network's units. Mutation: unscaled inputs."""
    looked_at = linear(11, outputs)
    scaling, train = looked_at.scaling, looked_at.split.train
    x = (train.inputs - scaling.input_mean) / scaling.input_scale
    y = (train.outputs - scaling.output_mean) / scaling.output_scale
    gram = 2 / (11 * outputs) * np.c_[x, np.ones(11)].T @ np.c_[x, np.ones(11)]
    weights = np.kron(np.eye(outputs), gram[:3, :3])
    mixed = np.kron(np.eye(outputs), gram[:3, 3:])
    exact = np.block([[weights, mixed], [mixed.T, np.eye(outputs) * gram[3, 3]]])
    found = curvature_of(looked_at, STREAM)
    np.testing.assert_allclose(found.product(np.eye(4 * outputs)), exact, rtol=0, atol=1e-14 * np.abs(exact).max())
    error = x @ looked_at.state["layers.0.weight"].T + looked_at.state["layers.0.bias"] - y
    slopes = np.concatenate([(error.T @ x).reshape(-1), error.sum(axis=0)]) * 2 / (11 * outputs)
    np.testing.assert_allclose(found.gradient(), slopes, rtol=0, atol=1e-14 * np.abs(slopes).max())


def test_a_part_of_the_samples_is_drawn_without_repetition() -> None:
    """Its Gram matrix is that of some 4 of 6 rows, the same again. Mutation: the first ones, or with repetition."""
    looked_at = linear(6, 1)
    scaling = looked_at.scaling
    x = np.c_[(looked_at.split.train.inputs - scaling.input_mean) / scaling.input_scale, np.ones(6)]
    grams = {rows: 2 / 4 * x[list(rows)].T @ x[list(rows)] for rows in combinations(range(6), 4)}
    drawn = set()
    for seed in range(8):
        stream = Stream(seed=seed, purpose=Purpose.PROBE)
        some = curvature_of(looked_at, stream, samples=4).product(np.eye(4))
        assert np.array_equal(some, curvature_of(looked_at, stream, samples=4).product(np.eye(4)))
        distances = {rows: np.abs(some - gram).max() for rows, gram in grams.items()}
        drawn.add(min(distances, key=lambda rows: distances[rows]))
        assert min(distances.values()) < 1e-13
    assert len(drawn) > 3
    whole = curvature_of(looked_at, STREAM).product(np.eye(4))
    assert np.array_equal(curvature_of(looked_at, STREAM, samples=100).product(np.eye(4)), whole)
