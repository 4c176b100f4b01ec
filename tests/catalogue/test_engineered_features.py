"""Engineered features by hand and by direct sums, and a ridge regression against leaving samples out."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from workers.catalogue.kinds import architectures
from workers.catalogue.values import DataSizes, Samples, Task
from workers.engine import engineered_features as engine
from workers.engine.philox import Purpose, Stream


def model(**fields: Any) -> Any:
    """Return the architecture."""
    return architectures.get("engineered-features")(**fields)


def noise(*shape: int) -> Any:
    """Return standard normal numbers."""
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("axes", [1, 2])
def test_a_spectrum_does_not_see_where_a_signal_is(axes: int) -> None:
    """Every cyclic shift; a wave of 3 periods has one peak. Mutation: the real part instead of the magnitude."""
    frames = noise(4, *(8,) * axes)
    moved = np.roll(frames, (3,) * axes, axis=tuple(range(1, axes + 1)))
    assert engine.spectrum(moved) == pytest.approx(engine.spectrum(frames), abs=1e-13)
    wave = np.cos(2 * np.pi * 3 * np.arange(8) / 8)[None]
    assert engine.spectrum(wave)[0] == pytest.approx([0, 0, 0, 4, 0], abs=1e-13)


def test_rises_and_falls_of_a_line_are_counted_by_cell() -> None:
    """0 2 4 4 | 3 0: central slopes 1 2 1 -1/2 | -2 -3/2. Mutation: forward differences; one cell."""
    found = engine.gradient_histograms(np.array([[0.0, 2, 4, 4, 3, 0]]), cell=4)[0]
    expected = np.array([4.0, 0.0, 0.5, 3.5])
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-15)


def test_an_edge_of_an_image_has_its_orientation() -> None:
    """Brighter downwards: 90 degrees, halfway between the fifth and sixth of 20 degrees. Mutation: a whole turn."""
    across, down = np.meshgrid(np.arange(6.0), np.arange(6.0))
    for image, shares in ((across, {0: 1.0}), (down, {4: 0.5, 5: 0.5}), (-down, {4: 0.5, 5: 0.5})):
        found = engine.gradient_histograms(image[None], cell=6)[0]
        expected = np.zeros(9)
        for place, share in shares.items():
            expected[place] = share
        assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-12)
    assert not engine.gradient_histograms(np.ones((1, 6, 6)), cell=3).any()


def test_contrast_and_brightness_leave_the_histograms() -> None:
    """Mutation: no division by the norm."""
    frames = noise(3, 8, 8)
    found = engine.gradient_histograms(5 * frames + 2, cell=2)
    assert found == pytest.approx(engine.gradient_histograms(frames, cell=2), abs=1e-13)
    assert found.shape == (3, 9 * 16)


@pytest.mark.parametrize("axes", [1, 2])
def test_random_convolutions_are_direct_sums_over_dilated_windows(axes: int) -> None:
    """Largest value and share above 0, zeros beyond the ends. Mutations: flip the filter; dilation 1 for all."""
    side, width, filters = 12, 3, 40
    state = engine.random_kernels(Stream(seed=0, purpose=Purpose.ESTIMATOR), filters, width, axes, side)
    assert set(state["dilations"]) == set(range(1, 6))  # below 11 / 2
    assert np.abs(state["kernels"].reshape(filters, -1).mean(axis=1)).max() < 1e-15
    frames = noise(3, *(side,) * axes)
    found = engine.random_convolutions(frames, state)
    for index in range(filters):
        reach = int(state["dilations"][index])
        places = np.stack(np.meshgrid(*[np.arange(side)] * axes, indexing="ij"), axis=-1).reshape(-1, axes)
        sums = np.full((3, len(places)), state["biases"][index])
        for offset in np.ndindex(*(width,) * axes):
            at = places + reach * (np.array(offset) - 1)
            inside = ((at >= 0) & (at < side)).all(axis=1)
            values = frames[(slice(None), *np.where(inside[:, None], at, 0).T)]
            sums += state["kernels"][index][offset] * np.where(inside, values, 0.0)
        assert found[:, index] == pytest.approx(sums.max(axis=1), abs=1e-12)
        assert found[:, filters + index] == pytest.approx((sums > 0).mean(axis=1), abs=1e-12)


def test_the_penalty_is_the_one_that_leaving_samples_out_chooses() -> None:
    """Fit n times without sample i, by scikit-learn. Mutations: the training error; no 1/n for the intercept."""
    x, y = noise(25, 6), noise(25, 6) @ np.ones((6, 2)) + 3 * np.random.default_rng(1).normal(size=(25, 2))
    coefficients, intercept, penalty = engine.ridge(x, y)

    def error(alpha: float) -> float:
        squares = []
        for i in range(25):
            rest = np.arange(25) != i
            # The penalty of a sample left out is that of all: n alpha, not (n - 1) alpha; the centre moves with it.
            fit = Ridge(alpha=25 * alpha, tol=1e-12).fit(x[rest], y[rest])
            squares.append(np.mean((fit.predict(x[i : i + 1]) - y[i]) ** 2))
        return float(np.mean(squares))

    errors = [error(alpha) for alpha in engine.PENALTIES]
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert engine.left_out_errors(u, s, y - y.mean(axis=0)) == pytest.approx(errors, rel=1e-9)
    assert penalty == engine.PENALTIES[int(np.argmin(errors))]
    fit = Ridge(alpha=25 * penalty).fit(x, y)
    assert coefficients == pytest.approx(fit.coef_.T, abs=1e-10)
    assert intercept == pytest.approx(fit.intercept_, abs=1e-10)


@pytest.mark.parametrize("features", ["raw", "spectrum", "gradients", "random-convolutions"])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_model_has_the_features_that_it_counts(features: str, dimensions: int) -> None:
    """Mutation: a count of 2-D spectra for lines."""
    network = model(features=features, dimensions=dimensions, filters=5, kernel_size=3)
    x = noise(30, 36)
    state = network.fit(Samples(inputs=x, outputs=x[:, :2]), Task.REGRESSION, 0)
    assert state["coefficients"].shape == (network.feature_count(36), 2)
    assert network.parameter_count(36, 2) == state["coefficients"].size + state["intercept"].size


def test_probabilities_sum_to_one_even_where_all_outputs_are_negative() -> None:
    """Mutation: divide by a sum of 0."""
    state = {
        "coefficients": np.array([[1.0, -1.0]]),
        "intercept": np.array([0.0, -1.0]),
        "mean": np.zeros(1),
        "scale": np.ones(1),
        "probabilities": np.array(True),
    }
    found = model(features="raw").predict(state, np.array([[-0.5], [0.25], [-1.5]]))
    assert found.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]


def test_what_it_cannot_frame_is_refused() -> None:
    """Mutation: no misfits()."""
    sizes = DataSizes(inputs=40, outputs=10, train=100, validation=0, test=10)
    assert [p.path for p in model(dimensions=2).misfits(sizes, Task.CLASSIFICATION)] == [("dimensions",)]
    large = DataSizes(inputs=5000, outputs=10, train=100, validation=0, test=10)
    assert [p.path for p in model(features="raw").misfits(large, Task.CLASSIFICATION)] == [("features",)]
    assert list(model().misfits(sizes, Task.CLASSIFICATION)) == []
