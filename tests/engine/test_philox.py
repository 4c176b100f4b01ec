"""Philox words, the streams built on them and the order of minibatches."""

import itertools
import math
import time

import numpy as np
import pytest
import scipy.stats
import torch

from workers.engine import philox
from workers.engine.philox import Purpose, Stream, minibatch_indices, permutations, philox4x32, words_torch

FULL = 0xFFFFFFFF
# counter, key and output words of the file kat_vectors of the Random123 distribution
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
STREAM = Stream(seed=2024, purpose=Purpose.DATA_INPUTS)
MILLION = 1_000_000


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_known_answers(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """Catches nine rounds, swapped multipliers and a key schedule that starts one round late."""
    words = philox4x32(np.array([counter], dtype=np.uint32), key[0] | key[1] << 32)
    assert tuple(words[0].tolist()) == expected


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS[:1])
def test_the_torch_form_starts_with_the_published_known_answer(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert tuple(words_torch(key[0] | key[1] << 32, 0, 4).tolist()) == expected


@pytest.mark.parametrize("step", [0, 1, FULL, 2**32, 2**40 + 7, 2**63 - 1])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 4096, 40_003])
def test_numpy_and_torch_draw_equal_words(step: int, count: int) -> None:
    """Catches a dropped carry in the split product and a step whose high word is ignored."""
    expected = STREAM.words(count, step)
    drawn = words_torch(STREAM.key, step, count)
    assert drawn.dtype == torch.int64
    np.testing.assert_array_equal(drawn.numpy(), expected.astype(np.int64))


def test_words_follow_the_documented_counter_layout() -> None:
    """Catches step and block words that change places, and chunks that restart the block index."""
    step = (3 << 32) | 5
    counters = np.array([[i, 0, 5, 3] for i in range(20_000)], dtype=np.uint32)
    np.testing.assert_array_equal(STREAM.words(80_000, step), philox4x32(counters, STREAM.key).reshape(-1))


def test_the_key_of_a_stream_is_frozen() -> None:
    """Released results depend on these keys; the expected ones are sha256sum's, first 16 hex digits.

    printf '[7, 2]' | sha256sum, and '[7, 2, "layers.0"]'; bytes are read low first.
    """
    stream = Stream(seed=7, purpose=Purpose.ORDER)
    digests = ["2efdfcd9d7ca5dfc", "08791e784b6a3c9a"]
    keys = [stream.key, stream.child("layers.0").key]
    assert [key.to_bytes(8, "little").hex() for key in keys] == digests


def test_purpose_numbers_are_frozen() -> None:
    """Catches a renumbering, which would change every released result."""
    names = ["INIT", "ORDER", "DATA_INPUTS", "DATA_NOISE", "LABEL_NOISE", "INPUT_NOISE", "PERMUTATION"]
    names += ["SPLIT", "TEST_INPUTS", "VALIDATION_INPUTS", "TARGET", "PROBE", "SIMULATION", "ESTIMATOR"]
    names += ["BOOTSTRAP"]
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        name: number for number, name in enumerate(names, start=1)
    }


def test_no_two_purposes_seeds_or_labels_share_a_key() -> None:
    """Catches a key that adds seed and purpose, or that joins labels without a separator."""
    seeds = [*range(50), 2**31, 2**32, 2**32 + 1, 2**63 - 1]
    streams = [Stream(seed=seed, purpose=purpose) for seed in seeds for purpose in Purpose]
    labels = [("ab",), ("a", "b"), ("a",), ("",), ("", ""), ('a", "b',), ("1",), ("é",)]
    labelled = [Stream(seed=1, purpose=purpose, path=path) for purpose in Purpose for path in labels]
    keys = {stream.key for stream in streams + labelled}
    assert len(keys) == len(streams) + len(labelled)


def test_a_child_extends_the_path_of_its_parent() -> None:
    child = STREAM.child("a").child("b")
    assert child == Stream(seed=2024, purpose=Purpose.DATA_INPUTS, path=("a", "b"))


@pytest.mark.parametrize("kind", ["words", "uniforms", "normals", "integers"])
def test_a_longer_draw_starts_with_the_shorter_one(kind: str) -> None:
    """Catches a block that depends on the number of blocks."""
    draw = {
        "words": STREAM.words,
        "uniforms": STREAM.uniforms,
        "normals": STREAM.normals,
        "integers": lambda count, step: STREAM.integers(17, count, step),
    }[kind]
    longest = draw(70_001, 9)
    for count in (0, 1, 2, 3, 4, 5, 8191, 32_768, 32_769):
        np.testing.assert_array_equal(draw(count, 9), longest[:count])


def test_a_shaped_draw_is_the_flat_one_reshaped() -> None:
    np.testing.assert_array_equal(STREAM.normals((3, 5, 7)), STREAM.normals(105).reshape(3, 5, 7))
    assert STREAM.uniforms(()).shape == ()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_outside_its_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must be in"):
        Stream(seed=seed, purpose=Purpose.INIT)


def test_uniforms_have_the_moments_and_the_distribution_of_the_unit_interval() -> None:
    """Five standard errors; catches 52 or 54 bits only through the range, a shifted mean at once."""
    values = STREAM.uniforms(MILLION)
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 5 / math.sqrt(12 * MILLION)
    # the variance of (u - 1/2)**2 is 1/80 - 1/144 = 1/180
    assert abs(((values - 0.5) ** 2).mean() - 1 / 12) < 5 / math.sqrt(180 * MILLION)
    assert scipy.stats.kstest(values, "uniform").pvalue > 1e-4
    correlation = float(np.mean((values[1:] - 0.5) * (values[:-1] - 0.5))) * 12
    assert abs(correlation) < 5 / math.sqrt(MILLION)


def test_uniforms_use_all_53_bits() -> None:
    """Catches a shift by 12 (the last bit always zero) and one by 10 (the value 1 and rounding)."""
    scaled = STREAM.uniforms(10_000) * 2.0**53
    assert np.all(scaled == np.floor(scaled))
    assert 4500 < np.count_nonzero(scaled % 2) < 5500  # ten standard deviations of 50 around 5,000


def test_normals_have_the_moments_and_the_distribution_of_the_standard_normal() -> None:
    """Five standard errors; catches a scale error of 0.4 % and an asymmetric half step."""
    values = STREAM.normals(MILLION)
    assert np.isfinite(values).all()
    assert abs(values.mean()) < 5 / math.sqrt(MILLION)
    assert abs((values**2).mean() - 1) < 5 * math.sqrt(2 / MILLION)
    assert abs((values**4).mean() - 3) < 5 * math.sqrt(96 / MILLION)  # E z**8 - 9 = 96
    assert scipy.stats.kstest(values, "norm").pvalue > 1e-4


@pytest.mark.parametrize(("word", "expected"), [(0, -8.2), (2**64 - 1, 8.2)])
def test_the_extreme_words_give_finite_symmetric_normals(
    word: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches 53 bits with a half step, where the largest word rounds to 1 and gives infinity."""
    words = np.full((1, 1), word, dtype=np.uint64)
    monkeypatch.setattr(philox, "_words64", lambda key, steps, count: words)
    assert float(STREAM.normals(1)[0]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1000, 2**31 + 1, 2**32])
def test_integers_are_the_high_half_of_the_product(high: int) -> None:
    """The reference multiplies with Python integers; catches a lost carry from the low half."""
    words = STREAM.words(4000).astype(object)
    expected = [(int(w[0]) | int(w[1]) << 32) * high >> 64 for w in words.reshape(-1, 2)]
    assert STREAM.integers(high, 2000).tolist() == expected


def test_integers_fall_evenly() -> None:
    counts = np.bincount(STREAM.integers(10, MILLION), minlength=10)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("high", [0, -1, 2**32 + 1])
def test_integers_refuse_a_bound_outside_their_range(high: int) -> None:
    with pytest.raises(ValueError, match="high must be in"):
        STREAM.integers(high, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 1024, 1025, 20_000])
def test_a_permutation_is_the_stable_argsort_of_64_bit_words(n: int) -> None:
    halves = STREAM.words(2 * n, 5).astype(np.uint64)
    keys = halves[0::2] | (halves[1::2] << np.uint64(32))
    np.testing.assert_array_equal(STREAM.permutation(n, 5), np.argsort(keys, kind="stable"))


def test_tied_truncated_keys_are_ordered_by_their_dropped_bits() -> None:
    """Catches the packed sort used without its check for ties."""
    generator = np.random.default_rng(0)
    keys = generator.integers(0, 40, (50, 33)).astype(np.uint64)  # all distinctions in the low 6 bits
    keys[::2] += np.arange(33, dtype=np.uint64) << np.uint64(40)  # every other row has no tie
    order = philox._stable_argsort(keys)
    np.testing.assert_array_equal(order, np.argsort(keys, axis=1, kind="stable"))


def test_all_permutations_of_four_come_equally_often() -> None:
    draws = permutations(STREAM, 4, np.arange(24_000, dtype=np.uint64))
    counts = np.unique(draws, axis=0, return_counts=True)[1]
    assert counts.shape == (math.factorial(4),)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (10, 10), (7, 1), (1024, 100), (5, 4)])
def test_minibatches_do_not_depend_on_the_window_they_are_asked_for_in(n: int, batch_size: int) -> None:
    """Catches an offset relative to the window and an epoch drawn anew at its border."""
    order = Stream(seed=11, purpose=Purpose.ORDER)
    whole = minibatch_indices(order, n, batch_size, 0, 60)
    single = [minibatch_indices(order, n, batch_size, step, 1)[0] for step in range(60)]
    np.testing.assert_array_equal(whole, np.array(single))
    for first, steps in itertools.product((0, 3, 17), (0, 2, 29)):
        window = minibatch_indices(order, n, batch_size, first, steps)
        np.testing.assert_array_equal(window, whole[first : first + steps])


def test_minibatches_concatenate_the_permutations_of_the_epochs() -> None:
    """Catches partial batches and an epoch that is not the permutation of its own number."""
    order = Stream(seed=12, purpose=Purpose.ORDER)
    epochs = np.concatenate([order.permutation(10, step=epoch) for epoch in range(6)])
    np.testing.assert_array_equal(minibatch_indices(order, 10, 4, 0, 15), epochs.reshape(15, 4))


def test_a_late_window_touches_only_the_epochs_it_needs() -> None:
    """Catches a start at epoch 0 (300,000 permutations) and an epoch drawn beyond an exact end."""
    asked: list[int] = []

    def record(stream: Stream, n: int, steps: np.ndarray) -> np.ndarray:
        asked.extend(steps.tolist())
        return permutations(stream, n, steps)

    minibatch_indices(STREAM, 100, 30, 1_000_000, 5, record)
    minibatch_indices(STREAM, 100, 25, 1_000_000, 4, record)
    assert asked == [300_000, 300_001, 250_000]


@pytest.mark.parametrize(
    ("batch_size", "first_step", "steps", "message"),
    [(11, 0, 1, "number of samples"), (0, 0, 1, "number of samples"), (4, -1, 1, "negative")],
)
def test_impossible_minibatches_are_refused(batch_size: int, first_step: int, steps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minibatch_indices(STREAM, 10, batch_size, first_step, steps)


def test_128_permutations_of_1024_take_milliseconds() -> None:
    """A loose bound, ten times the 4 ms measured on one core; catches a Python loop over samples."""
    steps = np.arange(128, dtype=np.uint64)
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        permutations(STREAM, 1024, steps)
        best = min(best, time.perf_counter() - start)
    assert best < 0.04
