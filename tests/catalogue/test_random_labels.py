"""Labels that are shuffled and inputs that are noise: what changes, what stays, and specs as they were."""

from typing import Any

import numpy as np
import pytest

from workers.catalogue.kinds import Dataset, datasets
from workers.catalogue.values import Split
from workers.experiments.codec import decode_component, encode_component

EVERY = ["breast-cancer", "diabetes", "digits", "wine", "mnist1d"]


def drawn(kind: str, seed: int = 0, **fields: Any) -> Split:
    """Return a split of a data set."""
    small = {"train_size": 1000, "test_size": 500} if kind == "mnist1d" else {}
    split: Split = datasets.get(kind)(**small | fields).split(None, seed)
    return split


@pytest.mark.parametrize("kind", EVERY)
def test_shuffled_labels_are_the_same_ones_in_other_places(kind: str) -> None:
    """As often as before, on the same inputs. Mutations: draw them anew; shuffle inputs too; the test rows too."""
    plain, found = drawn(kind), drawn(kind, shuffled_labels=1.0)
    assert np.array_equal(np.sort(plain.train.outputs, axis=0), np.sort(found.train.outputs, axis=0))
    assert not np.array_equal(plain.train.outputs, found.train.outputs)
    assert np.array_equal(plain.train.inputs, found.train.inputs)
    for part in ("validation", "test"):
        assert np.array_equal(getattr(plain, part).inputs, getattr(found, part).inputs)
        assert np.array_equal(getattr(plain, part).outputs, getattr(found, part).outputs)
    assert np.array_equal(plain.scaling.input_scale, found.scaling.input_scale)
    assert np.array_equal(plain.scaling.output_scale, found.scaling.output_scale)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["digits", "mnist1d"])
def test_the_asked_fraction_is_shuffled(kind: str, fraction: float) -> None:
    """Nine in ten of them change class, 5 sigma. Mutation: shuffle all and keep the rest by chance."""
    plain, found = (drawn(kind, shuffled_labels=each).train.outputs.argmax(axis=1) for each in (0.0, fraction))
    count = round(fraction * len(plain))
    assert np.array_equal(np.bincount(plain), np.bincount(found))
    changed = int((plain != found).sum())
    assert changed <= count
    assert changed == pytest.approx(0.9 * count, abs=5 * np.sqrt(0.09 * count) + 1)


def test_random_labels_are_independent_of_the_true_ones() -> None:
    """They agree in a tenth of 1000 samples, 5 sigma. Mutation: shuffle within classes."""
    true, random = (drawn("mnist1d", shuffled_labels=each).train.outputs.argmax(axis=1) for each in (0.0, 1.0))
    assert np.mean(true == random) == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / 1000))


def test_another_seed_shuffles_otherwise_and_noise_follows() -> None:
    """Mutation: one permutation for all seeds; shuffled labels that swallow the label noise."""
    tables = [drawn("digits", seed=seed, shuffled_labels=1.0).train.outputs for seed in (0, 0, 1)]
    assert np.array_equal(tables[0], tables[1]) and not np.array_equal(tables[0], tables[2])
    rows = [
        drawn("digits", seed=seed).train.outputs != drawn("digits", seed=seed, shuffled_labels=0.2).train.outputs
        for seed in (0, 1)
    ]
    assert (rows[0] | rows[1]).any(axis=1).sum() > 0.25 * len(rows[0])  # a fifth, if both seeds chose the same
    both = drawn("digits", shuffled_labels=1.0, label_noise=0.3).train.outputs
    assert (both.argmax(axis=1) != tables[0].argmax(axis=1)).sum() == round(0.3 * len(both))


def test_random_inputs_are_noise_of_the_same_moments() -> None:
    """Uncorrelated normals, 5 sigma; labels and test rows stay. Mutation: the standard normal itself."""
    plain, found = drawn("breast-cancer"), drawn("breast-cancer", random_inputs=True)
    noise = (found.train.inputs - plain.scaling.input_mean) / plain.scaling.input_scale
    n = len(noise)
    assert np.abs(noise.mean(axis=0)).max() < 5 / np.sqrt(n)
    assert np.abs(noise.var(axis=0) - 1).max() < 5 * np.sqrt(2 / n)
    assert np.abs(np.corrcoef(noise.T) - np.eye(30)).max() < 5 / np.sqrt(n)
    assert np.abs(np.corrcoef(plain.train.inputs.T) - np.eye(30)).max() > 0.9  # what the noise must not keep
    assert np.array_equal(found.train.outputs, plain.train.outputs)
    assert np.array_equal(found.test.inputs, plain.test.inputs)
    assert np.array_equal(found.scaling.input_mean, plain.scaling.input_mean)


@pytest.mark.parametrize("kind", EVERY)
def test_specs_of_before_mean_the_same(kind: str) -> None:
    """Fields at their default do not enter the hash. Mutation: a default other than none."""
    component = decode_component(Dataset, {"kind": kind})
    assert encode_component(component, defaults=False) == {"kind": kind}
    assert decode_component(Dataset, {"kind": kind, "shuffled_labels": 0.0}) == component


def test_no_two_rows_of_digits_are_alike() -> None:
    """Else random labels could not be learned by heart. Mutation: a table with a row twice."""
    inputs = datasets.get("digits")().read().inputs
    assert len(np.unique(inputs, axis=0)) == len(inputs)
