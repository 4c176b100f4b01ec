"""The probe `hessian-spectrum`: against dense Hessians, the closed form of a linear model, and any chunk size."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, targets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Reading, Scaling, Subject
from workers.engine import curvature
from workers.experiments.codec import decode_component

Floats = npt.NDArray[np.float64]
SAMPLED = datasets.get("sampled")(train_size=40, validation_size=0, test_size=30)
WINE = datasets.get("wine")()


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


def read(looked_at: Subject, **fields: Any) -> Reading:
    """Return what the probe measures."""
    return decode_component(Probe, {"kind": "hessian-spectrum", **fields}).measure(looked_at)


def dense(looked_at: Subject) -> tuple[Floats, Floats]:
    """Return gradient (p,) and Hessian (p, p) by torch's own routines, over one flat vector of parameters."""
    scaling, train = looked_at.scaling, looked_at.split.train
    x = torch.from_numpy((train.inputs - scaling.input_mean) / scaling.input_scale)
    y = torch.from_numpy((train.outputs - scaling.output_mean) / scaling.output_scale)
    module = looked_at.architecture.module(looked_at.inputs, looked_at.outputs).double()  # type: ignore[attr-defined]
    names = [name for name, _ in module.named_parameters()]
    arrays = [torch.from_numpy(looked_at.state[name]) for name in names]

    def value(vector: torch.Tensor) -> torch.Tensor:
        parts = torch.split(vector, [each.numel() for each in arrays])
        given = [part.view_as(each) for part, each in zip(parts, arrays, strict=True)]
        hidden = x
        for weight, bias in zip(given[:-2:2], given[1:-2:2], strict=True):
            hidden = torch.tanh(hidden @ weight.T + bias)
        return looked_at.loss.value(hidden @ given[-2].T + given[-1], y)

    flat = torch.cat([each.reshape(-1) for each in arrays]).requires_grad_()
    (gradient,) = torch.autograd.grad(value(flat), flat)
    hessian = torch.autograd.functional.hessian(value, flat.detach())  # type: ignore[no-untyped-call]
    return np.asarray(gradient.numpy()), np.asarray(hessian.numpy())


def scaled(looked_at: Subject) -> Subject:
    """Return the subject with means and scales that are not 0 and 1."""
    inputs, outputs = looked_at.inputs, looked_at.outputs
    classes = looked_at.outputs > 1
    scaling = Scaling(
        input_mean=np.linspace(-0.5, 0.7, inputs),
        input_scale=np.linspace(0.5, 2.0, inputs),
        output_mean=np.zeros(outputs) if classes else np.full(outputs, 0.3),
        output_scale=np.ones(outputs) if classes else np.full(outputs, 2.0),
    )
    return replace(looked_at, scaling=scaling)


CASES = {
    "regression": lambda: scaled(subject(mlp(width=4, depth=2, activation="tanh"), SAMPLED, some_target())),
    "classification": lambda: subject(mlp(width=2, depth=1, activation="tanh"), WINE, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_spectrum_is_that_of_the_dense_hessian(case: str) -> None:
    """Few parameters, so that the search is complete. Mutations: data of the test set; the loss of unscaled outputs."""
    looked_at = CASES[case]()
    gradient, hessian = dense(looked_at)
    exact = np.linalg.eigvalsh(hessian)
    reading = read(looked_at, eigenvalues=5)
    radius = np.abs(exact).max()
    np.testing.assert_allclose(reading.arrays["largest"], exact[::-1][:5], rtol=0, atol=1e-8 * radius)
    np.testing.assert_allclose(reading.arrays["smallest"], exact[:5], rtol=0, atol=1e-8 * radius)
    metrics = reading.metrics
    assert metrics["sharpness"] == pytest.approx(exact[-1], abs=1e-8 * radius)
    assert metrics["smallest_eigenvalue"] == pytest.approx(exact[0], abs=1e-8 * radius)
    assert metrics["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
    # with 7 degrees of freedom Student's t passes 6 once in 1,800
    assert abs(metrics["hessian_trace"] - np.trace(hessian)) < 6 * metrics["hessian_trace_standard_error"]
    assert 0 < metrics["eigenvalue_residual"] <= 1e-6 * radius or exact[0] == exact[-1]


def test_with_every_eigenvalue_known_trace_and_share_are_exact() -> None:
    """17 of 33 at each end. Mutation: the share of negative eigenvalues in number; one end of the known pairs only."""
    looked_at = CASES["regression"]()
    hessian = dense(looked_at)[1]
    exact = np.linalg.eigvalsh(hessian)
    metrics = read(looked_at, eigenvalues=17, vectors=2, vector_steps=33).metrics
    assert metrics["hessian_trace"] == pytest.approx(np.trace(hessian), rel=1e-10)
    assert metrics["hessian_trace_standard_error"] == pytest.approx(0.0, abs=1e-10 * exact[-1])
    assert metrics["negative_curvature_share"] == pytest.approx(-exact[exact < 0].sum() / np.abs(exact).sum(), rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_linear_models_eigenvalues_are_those_of_its_gram_matrix(outputs: int) -> None:
    """2 / (n m) of [x, 1]^T [x, 1], once per output. Mutation: a block of one vector, which finds one copy."""
    looked_at = subject(mlp(depth=0), SAMPLED, targets.get("product")(inputs=3))
    generator = np.random.default_rng(0)
    train = replace(looked_at.split.train, outputs=generator.normal(size=(40, outputs)))
    scaling = Scaling(
        input_mean=np.zeros(3), input_scale=np.ones(3), output_mean=np.zeros(outputs), output_scale=np.ones(outputs)
    )
    state = {"layers.0.weight": generator.normal(size=(outputs, 3)), "layers.0.bias": np.zeros(outputs)}
    split = replace(looked_at.split, train=train)
    looked_at = replace(looked_at, split=split, outputs=outputs, scaling=scaling, state=state)
    x = np.c_[train.inputs, np.ones(40)]
    exact = np.sort(np.repeat(np.linalg.eigvalsh(2 / (40 * outputs) * x.T @ x), outputs))
    reading = read(looked_at, eigenvalues=4)
    assert reading.arrays["largest"] == pytest.approx(exact[::-1][:4], rel=1e-12)
    assert reading.metrics["negative_curvature_share"] == pytest.approx(0.0, abs=1e-12)
    trace, error = (reading.metrics[f"hessian_trace{end}"] for end in ("", "_standard_error"))
    assert abs(trace - exact.sum()) <= 6 * error + 1e-12


@pytest.mark.parametrize("numbers", [1, 700, 1500])
def test_the_number_of_samples_in_memory_changes_nothing(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 1, 18 and 40 of 40 samples. Mutation: the mean of the chunks' means."""
    looked_at = CASES["regression"]()
    whole = read(looked_at, vectors=2, vector_steps=4)
    monkeypatch.setattr(curvature, "CHUNK_NUMBERS", numbers)
    chunked = read(looked_at, vectors=2, vector_steps=4)
    # sums in another order; what is not an eigenvalue moves a little more
    for name, value in whole.metrics.items():
        if name != "eigenvalue_residual":
            assert chunked.metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(chunked.arrays["largest"], whole.arrays["largest"], rtol=1e-12)


def test_random_vectors_and_samples_follow_from_the_seed() -> None:
    """Also which samples are taken. Mutation: numpy's generator; the first samples."""
    looked_at = CASES["regression"]()
    first, again, other = (read(replace(looked_at, seed=seed), samples=10).metrics for seed in (0, 0, 1))
    assert first == again and abs(first["sharpness"] / other["sharpness"] - 1) > 1e-3
    assert read(looked_at, samples=40).metrics == read(looked_at).metrics
    assert read(looked_at).metrics["sharpness"] == pytest.approx(
        read(replace(looked_at, seed=1)).metrics["sharpness"], rel=1e-10
    )


def test_a_diverged_model_has_no_curvature() -> None:
    """Weights that are NaN, and outputs that overflow. Mutation: let the eigenvalue routine fail."""
    for value in (math.nan, 1e200):
        looked_at = CASES["regression"]()
        looked_at.state["layers.2.weight"][0, 0] = value
        metrics = read(looked_at).metrics
        assert len(metrics) == 7 and all(math.isnan(each) for each in metrics.values())


def refusals(architecture: Any, dataset: Any, target: Any, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "hessian-spectrum", **fields})
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


def test_it_says_what_it_cannot_look_at() -> None:
    """Estimators, large networks, many samples. Mutation: no misfits()."""
    product, many = targets.get("product")(inputs=3), datasets.get("sampled")(train_size=1_000_000)
    assert refusals(mlp(), SAMPLED, product) == []
    assert refusals(architectures.get("polynomial")(), SAMPLED, product) == [""]
    assert refusals(mlp(width=2048), SAMPLED, product) == ["/products"]
    assert refusals(mlp(width=2048), SAMPLED, product, products=30, eigenvalues=2, vector_steps=20) == []
    assert refusals(mlp(), many, product) == ["/samples"]
    assert refusals(mlp(), many, product, samples=1024) == []


def test_both_ends_need_products() -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError, match="at least 20"):
        decode_component(Probe, {"kind": "hessian-spectrum", "eigenvalues": 10, "products": 19})
