"""Tables of real samples: split, scaling, disturbances."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.catalogue.datasets import mnist_5k
from workers.catalogue.kinds import datasets
from workers.catalogue.problems import InvalidError
from workers.catalogue.tables import TableDataset
from workers.catalogue.values import Split, Task

TABLES = [name for name, cls in datasets if issubclass(cls, TableDataset)]
every = pytest.mark.parametrize("name", TABLES)


def table(name: str, **fields: Any) -> Any:
    """Return a table of the catalogue."""
    return datasets.get(name)(**fields)


def drawn(name: str, seed: int = 0, **fields: Any) -> Split:
    """Return a split of a table."""
    split: Split = table(name, **fields).split(None, seed)
    return split


def rows(split: Split, *parts: str) -> list[bytes]:
    """Return the rows of the parts, each as bytes."""
    joined = [np.concatenate([getattr(split, part).inputs, getattr(split, part).outputs], axis=1) for part in parts]
    return [row.tobytes() for row in np.concatenate(joined)]


@every
def test_the_table_is_what_it_announces(name: str) -> None:
    """Mutation: a wrong number of rows in the class."""
    found = table(name).read()
    assert found.inputs.shape == (table(name).rows, table(name).columns)
    assert found.outputs.shape == (table(name).rows, table(name).outputs)


@every
def test_the_parts_are_the_table_in_another_order(name: str) -> None:
    """No row twice, none lost. Mutation: overlapping slices."""
    split, whole = drawn(name), table(name).read()
    expected = [row.tobytes() for row in np.concatenate([whole.inputs, whole.outputs], axis=1)]
    assert sorted(rows(split, "train", "validation", "test")) == sorted(expected)


@every
def test_classes_are_shared_out_in_proportion(name: str) -> None:
    """Each part holds n_class * share, up to one sample. Mutation: a plain permutation."""
    dataset = table(name)
    if dataset.task is Task.REGRESSION:
        return
    split, counts = drawn(name), dataset.read().outputs.sum(axis=0)
    for part in (split.train, split.validation, split.test):
        # Positions of a part begin and end inside a class: one sample at either end.
        assert (np.abs(part.outputs.sum(axis=0) - counts * len(part.outputs) / dataset.rows) <= 1.5).all()


CHANGES: list[dict[str, Any]] = [
    {"train_size": 50},
    {"validation_fraction": 0.0},
    {"label_noise": 0.3},
    {"input_noise_sd": 1.0},
    {"standardise": False},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_the_test_rows_depend_on_none_of_the_other_fields(name: str, change: dict[str, Any]) -> None:
    """Mutation: take the training rows first, or noise on all parts."""
    assert rows(drawn(name, **change), "test") == rows(drawn(name), "test")


def test_a_smaller_training_set_is_part_of_the_larger_one() -> None:
    """Mutation: a stream that depends on the size."""
    assert rows(drawn("digits"), "train")[:100] == rows(drawn("digits", train_size=100), "train")


def test_label_noise_replaces_the_asked_fraction_by_other_classes() -> None:
    """30 % of 1,168 labels are 350; 10 classes, every shift present. Mutation: let the class stay the same."""
    clean, noisy = (drawn("digits", label_noise=fraction).train.outputs.argmax(axis=1) for fraction in (0.0, 0.3))
    changed = clean != noisy
    assert changed.sum() == 350
    assert set((noisy - clean)[changed] % 10) == set(range(1, 10))
    assert not np.array_equal(drawn("digits", seed=1, label_noise=0.3).train.outputs.argmax(axis=1), noisy)


def test_label_noise_of_a_regression_is_in_output_units() -> None:
    """288 normals of deviation 10: within 4 sigma. Mutation: in standardised units."""
    difference = drawn("diabetes", label_noise=10.0).train.outputs - drawn("diabetes").train.outputs
    assert np.std(difference) == pytest.approx(10.0, abs=4 * 10 / np.sqrt(2 * 288))


def test_input_noise_is_in_standardised_units_and_leaves_the_scaling() -> None:
    """Mutation: noise before the scale is taken, or in raw units."""
    clean, noisy = drawn("wine"), drawn("wine", input_noise_sd=0.5)
    added = (noisy.train.inputs - clean.train.inputs) / clean.scaling.input_scale
    assert np.std(added) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * added.size))
    assert np.array_equal(noisy.scaling.input_scale, clean.scaling.input_scale)


def test_permuted_inputs_move_the_columns_of_all_rows_alike() -> None:
    """Mutation: a permutation per part or per row."""
    plain, permuted = drawn("wine"), drawn("wine", permuted_inputs=True)
    order = [
        next(j for j in range(13) if np.array_equal(permuted.train.inputs[:, i], plain.train.inputs[:, j]))
        for i in range(13)
    ]
    assert sorted(order) == list(range(13)) != order
    assert np.array_equal(permuted.test.inputs, plain.test.inputs[:, order])


@pytest.mark.parametrize("name", ["breast-cancer", "diabetes", "wine"])
def test_columns_are_standardised_by_the_training_rows(name: str) -> None:
    """Mutation: statistics of the whole table."""
    split = drawn(name)
    scaled = (split.train.inputs - split.scaling.input_mean) / split.scaling.input_scale
    assert np.abs(scaled.mean(axis=0)).max() < 1e-12 and np.abs(scaled.std(axis=0) - 1).max() < 1e-12
    regression = split.task is Task.REGRESSION
    assert (split.scaling.output_scale[0] == split.train.outputs.std()) == regression


@pytest.mark.parametrize("name", ["digits", "mnist-5k"])
def test_pixels_share_one_scale(name: str) -> None:
    """Constant pixels need no scale of their own. Mutation: per column."""
    split = drawn(name)
    assert len(np.unique(split.scaling.input_scale)) == 1 == len(np.unique(split.scaling.input_mean))
    assert split.scaling.input_scale[0] == pytest.approx(split.train.inputs.std())


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"test_fraction": 0.6, "validation_fraction": 0.4}, "/validation_fraction"),
        ({"train_size": 116}, "/train_size"),
        ({"label_noise": 1.5}, "/label_noise"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(fields: dict[str, Any], pointer: str) -> None:
    """Wine has 178 rows, 115 for training. Mutation: no problems()."""
    with pytest.raises(InvalidError) as caught:
        table("wine", **fields)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    table("wine", train_size=115)


class TestCache:
    """The parsed images are kept in the user's cache folder."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Use a cache folder of the test's own, and one file of images parsed before."""
        images = mnist_5k._images()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(mnist_5k, "_parsed", lambda: images)
        mnist_5k._images.cache_clear()
        return tmp_path / "whydeep"

    def test_a_damaged_file_is_written_anew(self, folder: Path) -> None:
        """One flipped byte, a cut file, one that is not ours. Mutation: no checksum."""
        good = mnist_5k._images().copy()
        path = folder / "mnist-5k.npy"
        content = path.read_bytes()
        for damaged in (content[:-5] + b"\x01" + content[-4:], content[: len(content) // 2], b"no array"):
            path.write_bytes(damaged)
            mnist_5k._images.cache_clear()
            assert np.array_equal(mnist_5k._images(), good)
            assert path.read_bytes() == content
        assert [entry.name for entry in folder.iterdir()] == ["mnist-5k.npy"]

    def test_a_cache_that_cannot_be_written_costs_only_time(self, folder: Path) -> None:
        """A file stands where the folder should be. Mutation: let the error through."""
        folder.write_text("in the way")
        assert mnist_5k._images().shape == (5000, 785)
