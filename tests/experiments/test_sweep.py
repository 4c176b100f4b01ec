"""Sweeps: which cells axes make, in which order, and where a client is told what is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import new_experiment, spec_json
from workers.catalogue.problems import InvalidError
from workers.experiments.axes import values_of
from workers.experiments.codec import decode
from workers.experiments.sweep import Grid, expand, grid_of

new_experiment()  # fills the catalogue
BASE = spec_json()


def refusals(axes: dict[str, Any], zipped: Any = (), base: Any = BASE) -> list[tuple[str, str]]:
    """Return pointer and sentence of everything that is wrong with the axes."""
    with pytest.raises(InvalidError) as refused:
        expand(base, grid_of(base, axes, zipped))
    return [(problem.pointer, problem.detail) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("path", "axis", "expected"),
    [
        ("a", [3, 1, 2], (3, 1, 2)),
        ("a", {"range": [1, 7, 2]}, (1, 3, 5, 7)),
        ("a", {"range": [1, 6, 2]}, (1, 3, 5)),
        ("a", {"range": [3, 1, -1]}, (3, 2, 1)),
        ("a", {"range": [0, 0.3, 0.1]}, (0.0, 0.1, 0.2, 0.3)),
        ("a", {"log_range": [8, 64, 2]}, (8, 16, 32, 64)),
        ("a", {"log_range": [1e-4, 0.1, 10]}, (1e-4, 1e-3, 1e-2, 1e-1)),
        ("a", {"log_range": [1, 0.1, 0.1]}, (1.0, 0.1)),
        ("a", {"log_range": [1e-300, 1e300, 1e300]}, (1e-300, 1.0, 1e300)),
        ("seed", {"count": 3}, (5, 6, 7)),
        ("seeds.init", {"count": 2}, (5, 6)),
    ],
)
def test_values_of_an_axis(path: str, axis: Any, expected: tuple[float, ...]) -> None:
    """By hand. Catches an end that is left out, steps added up in binary (0.30000000000000004), a count from 0."""
    found = values_of(path, axis, 5)
    assert found == expected and [type(each) for each in found] == [type(each) for each in expected]


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ([], "1 to 10000 values"),
        ([1, 2, 1.0], "repeats value 0"),
        ({"range": [1, 2]}, "three finite numbers"),
        ({"range": [1, 2, True]}, "three finite numbers"),
        ({"range": [1, 2, -1]}, "lead from first to last"),
        ({"range": [0, 1, 1e-9]}, "at most 10000"),
        ({"log_range": [0, 1, 2]}, "must be positive"),
        ({"log_range": [2, 1, 2]}, "lead from first to last"),
        ({"log_range": [1e-300, 1e300, 1.0001]}, "at most 10000"),
        ({"count": 3}, "counts seeds"),
        ({"steps": [1, 2]}, "a list of values"),
        ("8", "a list of values"),
    ],
)
@pytest.mark.timeout(10)
def test_an_axis_that_is_none_is_refused(axis: Any, sentence: str) -> None:
    """Catches a million values that are made before they are counted, and one cell counted as two."""
    ((pointer, detail),) = refusals({"architecture.width": axis})
    assert pointer.startswith("/axes/architecture.width") and sentence in detail


def test_seeds_are_counted_from_that_of_the_base() -> None:
    """Catches a count that starts at 0, and one that is not an integer of at least 1."""
    base = spec_json(seed=40)
    assert [cell.spec.seed for cell in expand(base, grid_of(base, {"seed": {"count": 2}}))] == [40, 41]
    assert "between 1 and 10000" in refusals({"seed": {"count": 0}})[0][1]


def test_the_last_axis_is_the_fastest_and_zipped_ones_advance_together() -> None:
    """By hand. Catches columns in place of rows, and a product where a zip was asked for."""
    axes = {"architecture.width": [2, 4], "seed": [7, 8, 9], "architecture.depth": [1, 2]}
    grid = grid_of(BASE, axes, [["architecture.width", "architecture.depth"]])
    cells = expand(BASE, grid)
    found = [tuple(cell.coordinates[path] for path in axes) for cell in cells]
    assert found == [(2, 7, 1), (2, 8, 1), (2, 9, 1), (4, 7, 2), (4, 8, 2), (4, 9, 2)]
    assert [cell.number for cell in cells] == list(range(6)) == list(range(grid.size))


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), together=st.booleans())
def test_a_number_names_one_cell(lengths: list[int], together: bool) -> None:
    """`point` is what `points` gives at that place. Catches a number read with the first axis fastest."""
    axes = {f"a{index}": tuple(range(length)) for index, length in enumerate(lengths)}
    groups = [(path,) for path in axes]
    if together and len(lengths) > 1 and lengths[0] == lengths[1]:
        groups = [("a0", "a1"), *groups[2:]]
    grid = Grid(axes=axes, groups=tuple(groups))
    points = list(grid.points())
    assert len(points) == grid.size and [grid.point(number) for number in range(grid.size)] == points
    assert len({tuple(point.items()) for point in points}) == grid.size


def test_a_value_reaches_what_the_base_leaves_to_a_default() -> None:
    """Catches an optimizer without its kind, a bare name that cannot be entered, a change of what was not varied."""
    for base in (BASE, spec_json(training={"optimizer": "sgd"}), spec_json(training={"optimizer": {"kind": "sgd"}})):
        (cell,) = expand(base, grid_of(base, {"training.optimizer.learning_rate": [0.25]}))
        plain = decode(base)
        assert cell.spec.training.optimizer.learning_rate == 0.25  # type: ignore[union-attr]
        assert cell.spec.training.optimizer.kind == plain.training.optimizer.kind  # type: ignore[union-attr]
        assert cell.spec.training.steps == plain.training.steps  # type: ignore[union-attr]


def test_another_kind_brings_its_own_defaults() -> None:
    """Catches the fields of the default kind that are left beside the other kind's name."""
    cells = expand(BASE, grid_of(BASE, {"training.optimizer.kind": ["adam", "sgd"]}))
    assert [cell.spec.training.optimizer.kind for cell in cells] == ["adam", "sgd"]  # type: ignore[union-attr]


def test_whole_components_and_items_of_lists_can_be_varied() -> None:
    """Catches a base that must be complete before its axes are applied."""
    base = {name: member for name, member in BASE.items() if name != "architecture"}
    base["probes"] = [{"kind": "lp-error", "p": [1, 2]}]
    axes = {
        "architecture": [{"kind": "mlp", "width": 3}, {"kind": "linear"}],
        "probes.0.p.1": ["inf"],
    }
    cells = expand(base, grid_of(base, axes))
    assert [cell.spec.architecture.kind for cell in cells] == ["mlp", "linear"]  # type: ignore[union-attr]
    assert all(cell.spec.probes[0].p == (1, "inf") for cell in cells)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("axes", "zipped", "pointer", "sentence"),
    [
        ({"architecture.widht": [1]}, (), "/axes/architecture.widht/0", "did you mean 'width'"),
        ({"architecture.width": [2, 0]}, (), "/axes/architecture.width/1", "at least 1"),
        ({"architecture": [{"kind": "mlb"}]}, (), "/axes/architecture/0/kind", "did you mean 'mlp'"),
        ({"training.batch_size": [8, 99]}, (), "/axes/training.batch_size/1", "at most the 16 training samples"),
        ({"dataset.train_size": [16, 4]}, (), "/base/training/batch_size", "cell 1: dataset.train_size = 4"),
        ({"seed.of.nothing": [1]}, (), "/base/seed/of", "nothing inside"),
        ({"probes.1.p": [[1]]}, (), "/base/probes/1", "no item 1"),
        ({"a..b": [1]}, (), "/axes/a..b", "joined by dots"),
        ({"training": [None], "training.steps": [1]}, (), "/axes/training.steps", "lies inside training"),
        ({"seed": [1, 2]}, [["seed", "dtype"]], "/zip/0/1", "is no axis"),
        ({"seed": [1, 2], "dtype": ["float32"]}, [["seed", "dtype"]], "/zip", "seed has 2, dtype has 1"),
        (
            {"seed": [1], "dtype": ["float32"]},
            [["seed", "dtype"], ["dtype", "seed"]],
            "/zip/1/0",
            "stands in zip twice",
        ),
        ({"seed": {"range": [0, 9999, 1]}, "architecture.width": [1, 2]}, (), "/axes", "20000 cells"),
        ({f"a{index}": [1] for index in range(17)}, (), "/axes", "at most 16 axes"),
    ],
)
def test_what_is_wrong_is_told_where_it_can_be_mended(axes: Any, zipped: Any, pointer: str, sentence: str) -> None:
    """Catches a pointer into a spec that the client never wrote, and a cell that is not named."""
    assert any(found == pointer and sentence in detail for found, detail in refusals(axes, zipped))


def test_one_fault_of_the_base_is_told_once() -> None:
    """Catches the same sentence for each of a hundred cells."""
    base = spec_json(training={"batch_size": 99})
    assert len(refusals({"seed": {"count": 100}}, base=base)) == 1
