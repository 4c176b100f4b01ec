"""MNIST-1D: the law of its signals, derived anew from the published recipe, and its parts."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from workers.catalogue.kinds import datasets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Split

# Heights as the package of the authors of arXiv:2011.14439 lists them; 5, where each begins and ends, is zero.
HEIGHTS = {
    0: "5 6 6.5 6.75 7 7 7 7 6.75 6.5 6 5",
    1: "5 3 3 3.4 3.8 4.2 4.6 5 5.4 5.8 5 5",
    2: "5 6 6.5 6.5 6 5.25 4.75 4 3.5 3.5 4 5",
    3: "5 6 6.5 6.5 6 5 5 6 6.5 6.5 6 5",
    4: "5 4.4 3.8 3.2 2.6 2.6 5 5 5 5 5 5",
    5: "5 3 3 3 3 5 6 6.5 6.5 6 4.5 5",
    6: "5 4 3.5 3.25 3 3 3 3 3.25 3.5 4 5",
    7: "5 7 7 6.6 6.2 5.8 5.4 5 4.6 4.2 5 5",
    8: "5 4 3.5 3.5 4 5 5 4 3.5 3.5 4 5",
    9: "5 4 3.5 3.5 4 5 5 5 5 4.7 4.3 5",
}
STILL: dict[str, Any] = {
    "scale_spread": 0.0,
    "translations": 1,
    "correlated_noise_sd": 0.0,
    "noise_sd": 0.0,
    "shear_spread": 0.0,
}
FRAME, SHIFTS, PADDINGS = 72, range(48), range(36, 61)


def drawn(seed: int = 0, **fields: Any) -> Split:
    """Return a draw of a small data set."""
    small = {"train_size": 200, "validation_size": 50, "test_size": 100}
    split: Split = datasets.get("mnist1d")(**small | fields).split(None, seed)
    return split


def template(digit: int) -> Any:
    """Return the digit's template (12,): a sixth of its heights in units of their deviation, from the first on."""
    heights = np.array([float(word) for word in HEIGHTS[digit].split()])
    return (heights - heights[0]) / math.sqrt(np.mean((heights - heights.mean()) ** 2)) / 6


def labels(outputs: Any) -> Any:
    """Return the digit of each row."""
    return outputs.argmax(axis=1)


def test_without_any_disturbance_the_templates_come_back() -> None:
    """All padding, no shift: 12 points, then 60 zeros. Mutation: whiten after the zero line is taken."""
    split = drawn(**STILL, padding=(60, 60), length=72)
    for digit in range(10):
        rows = split.train.inputs[labels(split.train.outputs) == digit]
        assert len(rows) == 20
        assert np.abs(rows[:, :12] - template(digit)).max() < 1e-15  # two orders of the same four roundings
        assert not rows[:, 12:].any()


def test_the_signal_is_sampled_at_equal_steps_from_end_to_end() -> None:
    """40 of 72 points. Mutation: drop the last point of the frame, or steps of 72 / 40."""
    whole, found = (drawn(**STILL, padding=(60, 60), length=length).train.inputs for length in (72, 40))
    at = np.arange(40) * 71 / 39
    assert np.allclose(found, [np.interp(at, np.arange(72), row) for row in whole], rtol=0, atol=1e-14)


def test_paddings_stretch_the_digit_each_in_its_way() -> None:
    """58 to 60 zeros on one frame of 72 points. Mutation: pad the frame instead, or leave the longest padding out."""
    rows = drawn(**STILL, padding=(58, 60), length=72).train
    expected = {
        zeros: np.interp(np.arange(72) * (11 + zeros) / 71, np.arange(12 + zeros), np.pad(template(6), (0, zeros)))
        for zeros in range(50, 61)
    }
    found = [
        next(zeros for zeros, value in expected.items() if np.abs(value - row).max() < 1e-14)
        for row in rows.inputs[labels(rows.outputs) == 6]
    ]
    assert set(found) == {58, 59, 60}


def test_shifts_move_the_digit_to_the_right_by_each_number_once_in_a_while() -> None:
    """Three shifts of a digit 8 in 200 draws. Mutation: a shift to the left, or the last shift left out."""
    rows = drawn(**STILL | {"translations": 3}, padding=(60, 60), length=72).train
    whole = np.pad(template(8), (0, 60))
    shifts = [
        next(shift for shift in range(72) if np.abs(np.roll(whole, shift) - row).max() < 1e-14)
        for row in rows.inputs[labels(rows.outputs) == 8]
    ]
    assert set(shifts) == {0, 1, 2}


def test_scale_and_shear_are_uniform_around_their_centres() -> None:
    """Kolmogorov's test of 2,000 draws at 1e-4. Mutation: a spread a fifth narrower, or a scale from 1 upwards."""
    still = {"train_size": 2000, "padding": (60, 60), "length": 72}
    scaled = drawn(**STILL | {"scale_spread": 0.4}, **still).train
    shapes = np.array([template(digit) for digit in labels(scaled.outputs)])
    scales = np.abs(scaled.inputs).max(axis=1) / np.abs(shapes).max(axis=1)
    assert np.allclose(scaled.inputs[:, :12], scales[:, None] * shapes, rtol=0, atol=1e-14)
    assert kstest(scales, "uniform", (0.8, 0.4)).pvalue > 1e-4
    sheared = drawn(**STILL | {"shear_spread": 0.75}, **still).train
    assert kstest(sheared.inputs[:, 0], "uniform", (-0.1875, 0.375)).pvalue > 1e-4  # half of the fall; digits are 0
    assert np.allclose(sheared.inputs[:, -1], -sheared.inputs[:, 0], rtol=0, atol=1e-14)


def test_independent_noise_has_its_deviation_everywhere() -> None:
    """14,400 normals: within 5 standard errors of 0.02. Mutation: noise on the frame's zeros alone."""
    still = {"padding": (60, 60), "length": 72}
    quiet, noisy = (drawn(**STILL | {"noise_sd": sd}, **still).train.inputs for sd in (0.0, 0.02))
    for points in (slice(0, 12), slice(12, 72)):
        noise = (noisy - quiet)[:, points]
        assert np.std(noise) == pytest.approx(0.02, abs=5 * 0.02 / math.sqrt(2 * noise.size))


def smoothing() -> Any:
    """Return the matrix (72, 72) of a Gaussian of deviation 2, cut at 4 deviations, reflected at the ends."""
    weights = np.exp(-0.5 * (np.arange(-8, 9) / 2) ** 2)
    matrix = np.zeros((FRAME, FRAME))
    for row, offset in itertools.product(range(FRAME), range(-8, 9)):
        place = row + offset
        place = -place - 1 if place < 0 else 2 * FRAME - 1 - place if place >= FRAME else place
        matrix[row, place] += weights[offset + 8] / weights.sum()
    return matrix


def law(digit: int) -> tuple[Any, Any]:
    """Return the mean (40,) and the second moment (40, 40) of the digit's signals, by summing over 25 x 48 cases.

    A point holds s v inside of the digit and smoothed noise c outside, and besides noise e and shear h: E s = 1,
    E s**2 = 1 + 0.4**2 / 12, Cov c = 0.25**2 G G', Cov e = 0.02**2, h = 0.75 u l with Var u = 1/12.
    """
    smooth, line = smoothing(), np.linspace(-0.5, 0.5, FRAME)
    noise = 0.25**2 * smooth @ smooth.T
    mean, second = np.zeros(FRAME), 0.02**2 * np.eye(FRAME) + 0.75**2 / 12 * np.outer(line, line)
    for zeros in PADDINGS:
        at = np.arange(FRAME) * (11 + zeros) / 71
        value = np.interp(at, np.arange(12 + zeros), np.pad(template(digit), (0, zeros)))
        outside = (at >= 12 - 1e-9).astype(float)  # the template ends where the first zero lies
        for shift in SHIFTS:
            v, o = np.roll(value, shift), np.roll(outside, shift)
            share = 1 / (len(PADDINGS) * len(SHIFTS))
            mean += share * v
            second += share * ((1 + 0.4**2 / 12) * np.outer(v, v) + np.outer(o, o) * noise)
    sampled = np.array([np.interp(np.arange(40) * 71 / 39, np.arange(FRAME), unit) for unit in np.eye(FRAME)])
    return mean @ sampled, sampled.T @ second @ sampled


def test_means_and_correlations_are_those_of_the_recipe() -> None:
    """40,000 signals: per digit every mean and every product of two points within 5 standard errors.

    Of 8,600 normal numbers one exceeds 5 with probability 0.005. Mutation: noise smoothed over 3 points; shear twice
    as steep; smoothed noise inside of the digit too; 47 or 49 shifts.
    """
    split = drawn(seed=1, train_size=40_000, standardise=False)
    digits = labels(split.train.outputs)
    for digit in range(10):
        rows = split.train.inputs[digits == digit]
        mean, second = law(digit)
        error = (rows.mean(axis=0) - mean) / (rows.std(axis=0) / math.sqrt(len(rows)))
        assert np.abs(error).max() < 5, digit
        products = rows[:, :, None] * rows[:, None, :]
        error = (products.mean(axis=0) - second) / (products.std(axis=0) / math.sqrt(len(rows)))
        assert np.abs(error).max() < 5, digit


def test_every_ten_samples_hold_each_digit_once() -> None:
    """In another order each time. Mutation: labels drawn independently, or digits 0 to 9 in turn."""
    split = drawn(train_size=4000)
    tens = labels(split.train.outputs).reshape(-1, 10)
    assert (np.sort(tens, axis=1) == np.arange(10)).all()
    assert len({tuple(ten) for ten in tens.tolist()}) > 390  # of 10! orders, 400 draws repeat with probability 0.02
    assert not np.array_equal(labels(split.test.outputs), labels(split.train.outputs)[:100])


def test_a_larger_training_set_begins_with_the_smaller_one() -> None:
    """Also beyond the 4,000 that are drawn at a time. Mutation: a stream that depends on the size."""
    larger, smaller = (drawn(train_size=size).train for size in (8500, 8123))
    assert np.array_equal(larger.inputs[:8123], smaller.inputs)
    assert np.array_equal(larger.outputs[:8123], smaller.outputs)
    assert len(np.unique(larger.inputs[:, 0])) == 8500, "a row came twice"


@pytest.mark.parametrize("change", [{"train_size": 300}, {"validation_size": 0}, {"standardise": False}])
def test_the_test_set_depends_on_sizes_and_scaling_in_nothing(change: dict[str, Any]) -> None:
    """Mutation: one stream for all parts."""
    assert np.array_equal(drawn(**change).test.inputs, drawn().test.inputs)
    assert np.array_equal(drawn(**change).test.outputs, drawn().test.outputs)


def test_parts_do_not_share_signals() -> None:
    """Mutation: the same purpose for validation and test."""
    split = drawn()
    parts = [{row.tobytes() for row in getattr(split, part).inputs} for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [200, 50, 100]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_shuffled_is_one_permutation_of_the_ordered_points() -> None:
    """The same for all parts and rows, another for another seed; rows lie one after another in memory.

    Mutation: a permutation per part; one for all seeds; inputs[:, order], which numpy lays out column by column.
    """
    orders = []
    for seed in (0, 1):
        plain, shuffled = drawn(seed), drawn(seed, shuffled=True)
        first = plain.train.inputs[0].tolist()
        order = [first.index(value) for value in shuffled.train.inputs[0]]
        assert sorted(order) == list(range(40)) != order
        for part in ("train", "validation", "test"):
            assert np.array_equal(getattr(shuffled, part).inputs, getattr(plain, part).inputs[:, order])
            assert np.array_equal(getattr(shuffled, part).outputs, getattr(plain, part).outputs)
            assert getattr(shuffled, part).inputs.flags.c_contiguous
        assert np.array_equal(shuffled.scaling.input_scale, np.full(40, shuffled.scaling.input_scale[0]))
        orders.append(order)
    assert orders[0] != orders[1]


def test_the_scaling_is_one_for_all_points_of_the_training_set() -> None:
    """Mean 0, deviation 1 in all. Mutation: per point, or over all parts."""
    split = drawn()
    scaled = (split.train.inputs - split.scaling.input_mean) / split.scaling.input_scale
    assert abs(scaled.mean()) < 1e-12 and abs(scaled.std() - 1) < 1e-12
    assert len(set(split.scaling.input_mean)) == 1 == len(set(split.scaling.input_scale))
    plain = drawn(standardise=False).scaling
    assert (plain.input_mean == 0).all() and (plain.input_scale == 1).all()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [({"padding": (37, 36), "translations": 1}, "/padding"), ({"padding": (0, 35)}, "/translations")],
)
def test_what_is_no_recipe_is_refused(fields: dict[str, Any], pointer: str) -> None:
    """The frame of 35 zeros has 47 points: 48 shifts are one too many. Mutation: no problems()."""
    with pytest.raises(InvalidError) as caught:
        datasets.get("mnist1d")(**fields)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    datasets.get("mnist1d")(padding=(0, 36))


@pytest.mark.parametrize("fields", [{"padding": (0, 0), "translations": 12}, {"length": 2}, {"length": 500}])
def test_the_smallest_frame_and_other_lengths_give_finite_signals(fields: dict[str, Any]) -> None:
    """A frame of 12 points is narrower than the smoothing. Mutation: an index beyond the last point."""
    inputs = drawn(**fields).train.inputs
    assert inputs.shape == (200, fields.get("length", 40)) and np.isfinite(inputs).all()
