"""Filters mean on both databases what three values of truth in plain Python say."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.database.filters import Evaluator, fill
from tests.database.scene import Scene
from workers.database import queries
from workers.database.values import ExperimentView
from workers.experiments.filtering.parser import parse
from workers.experiments.filtering.syntax import And, Comparison, Has, Name, Node, Not, Or, Presence, Value, written
from workers.experiments.filtering.typed import condition_of, filter_of

NUMBERS = (-1, 0, 1, 2, 3, 0.5, 1.5, 2.0, 0.1, 2**53 + 1, 2**63 - 1, 1e300, -1e300, 1e-4, float("inf"), float("-inf"))
MOMENTS = ("2030-01-01T00:00:05Z", "2030-01-01T01:00:30+01:00", "2000-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
NUMERIC = (
    ("seed",),
    ("parameters",),
    ("architecture", "width"),
    ("training", "optimizer", "learning_rate"),
    ("metrics", "loss", "last"),
    ("metrics", "loss", "min"),
    ("metrics", "loss", "n"),
    ("metrics", "loss", "argmin_step"),
    ("metrics", "gap", "first"),
    ("metrics", "val/acc", "max"),
    ("metrics", "loss.last", "last"),
    ("metrics", "none", "mean"),
    ("config", "lr"),
    ("config", "big"),
    ("spec", "training", "optimizer", "learning_rate"),
    ("config", "deep", "list", 0),
)
WORDS: dict[tuple[Any, ...], tuple[str, ...]] = {
    ("status",): ("succeeded", "failed", "queued"),
    ("outcome",): ("completed", "diverged"),
    ("type",): ("approximation", "recorded"),
    ("dtype",): ("float32", "float64"),
    ("target", "kind"): ("sine-sum", "step", "no"),
    ("name",): ("a", "B", "%", "ä"),
    ("sweep",): ("swp_1",),
    ("metadata", "owner"): ("ada", "", "o'neil"),
    ("metadata", 'say "hi"'): ("1",),
    ("metadata", "ключ"): ("да", "нет"),
    ("config", "name"): ("a", "é", ""),
    ("config", "lr"): ("0.1",),
    ("config", "deep", "0"): ("zero",),
    ("spec", "architecture", "kind"): ("mlp",),
}
BOOLEANS: tuple[tuple[Any, ...], ...] = (("verified",), ("config", "flag"), ("config", "deep", "list", 1, "x"))
PRESENT: tuple[tuple[Any, ...], ...] = (
    ("tags",), ("outcome",), ("metrics", "loss"), ("metrics", "loss", "last"), ("metrics", "gap"),
    ("metrics", "gap", "min"), ("config", "deep", "null"), ("config", "deep"), ("metadata", "owner"), ("name",),
    ("metrics", "loss", "argmin_step"), ("started_at",),
)  # fmt: skip


def values(choices: Any, most: int = 3) -> st.SearchStrategy[tuple[Value, ...]]:
    """Draw a few values."""
    one = st.sampled_from(choices).map(lambda each: Value(value=each))
    return st.lists(one, min_size=1, max_size=most).map(tuple)


def compared(path: tuple[Any, ...], choices: Any, operators: str) -> st.SearchStrategy[Node]:
    """Draw a comparison; lists stand after = only."""

    def built(operator: str) -> st.SearchStrategy[Node]:
        found = values(choices, 3 if operator == "=" else 1)
        return found.map(lambda some: Comparison(name=Name(path=path), operator=operator, values=some))  # type: ignore[arg-type]

    return st.sampled_from(operators.split()).flatmap(built)


ALL = "= != < <= > >="
LEAVES = st.one_of(
    *(compared(path, NUMBERS, ALL) for path in NUMERIC),
    *(compared(path, choices, "= !=") for path, choices in WORDS.items()),
    *(compared(path, (True, False), "= !=") for path in BOOLEANS),
    *(compared((name,), MOMENTS, ALL) for name in ("created_at", "started_at", "finished_at")),
    st.sampled_from(PRESENT).map(lambda path: Presence(name=Name(path=path))),
    st.sampled_from([("outcome",), ("metrics", "loss", "last"), ("config", "deep", "null")]).flatmap(
        lambda path: compared(path, (None,), "= !=").filter(lambda node: len(node.values) == 1)  # type: ignore[union-attr]
    ),
    values(("smoke", "a%b", "ü", "%", "a_b")).map(lambda some: Has(name=Name(path=("tags",)), values=some)),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda term: Not(term=term)),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(terms=tuple(terms))),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(terms=tuple(terms))),
    ),
    max_leaves=6,
)


def ids(scene: Scene, condition: Any, **more: Any) -> set[str]:
    """Return the ids that the database finds."""
    found = scene.read(queries.list_experiments, scene.project_id, condition=condition, limit=100, count=True, **more)
    assert found.total == len(found.items)
    return {view.id for view in found.items}


def test_filters_mean_what_plain_python_says(scene: Scene) -> None:
    """Caught when mutated: a NaN that satisfies NOT; an infinity taken for NULL; NOT IN for a list; floor for ceil;
    `->>` without a look at the type; a double rounded to 15 digits.
    """
    views, evaluator = fill(scene), Evaluator(scene)

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(FILTERS)
    def check(node: Node) -> None:
        expected = {view.id for view in views if evaluator.truth(node, view)}
        assert ids(scene, condition_of(node)) == expected, written(node)
        assert parse(written(node)) == node

    check()


def known(scene: Scene, text: str, views: list[ExperimentView]) -> list[int]:
    """Return which of the views a filter finds."""
    found = ids(scene, filter_of(text))
    return [number for number, view in enumerate(views) if view.id in found]


def test_missing_and_nan_satisfy_nothing(scene: Scene) -> None:
    """Known by hand: see CURVES. Caught when mutated: NOT EXISTS for a negated comparison of a metric."""
    views = fill(scene)[:9]
    assert known(scene, "metrics.loss.last < 2", views) == [1, 5, 7]
    assert known(scene, "NOT metrics.loss.last < 2", views) == [0, 4, 6]
    assert known(scene, "metrics.loss.last:*", views) == [0, 1, 4, 5, 6, 7]
    assert known(scene, "metrics.loss:*", views) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert known(scene, "NOT metrics.loss:*", views) == [8]
    assert known(scene, "metrics.loss.last > 1e308", views) == [4, 6]
    assert known(scene, "metrics.gap.first = -Infinity", views) == [4, 7]
    assert known(scene, "metrics.gap.first < -1e308", views) == [4, 7]
    assert known(scene, "metrics.loss.first <= -1.7976931348623157e308", views) == [5]
    assert known(scene, "NOT (metrics.gap.last < 9 AND name:*)", views) == [0, 6]  # the others lack the metric


def test_numbers_in_a_spec_are_compared_to_the_last_digit(scene: Scene) -> None:
    """2**53 + 1 is no float. Caught when mutated: a number of the spec, or of the filter, taken through a double."""
    views = fill(scene)[12:15]
    assert [view.spec["config"].get("big") for view in views[:2]] == [2**53 + 1, 2.0**53]
    assert known(scene, "config.big = 9007199254740992.0", views) == [1]
    assert known(scene, "config.big > 9007199254740992.0", views) == [0]
    assert known(scene, "config.lr = 0.1", views) == [0]


@pytest.mark.parametrize(
    "text",
    [
        """name = "' OR '1'='1" """,
        """tags:"smoke' OR 1=1 --" """,
        """metadata."x' OR 1=1 --" = "1" """,
        r"""metadata."say \"hi\"" = "2" """,
        """config."a'] OR 1=1 --" = 1""",
        """metrics."x'; DROP TABLE experiments; --".last > 0""",
        """name = "%" AND name = "_" """,
        "seed > 99999999999999999999999999999999",
        "seed = 0.1",
        "seed < -1e300",
        "config.lr = 1e308",
        "spec.probes.999999999 = 1",
        r"""name = "\\" """,
        """created_at < "0001-01-01T00:00:00Z" """,
        """name = "{}" AND name = "%(x)s" AND name = ":x" """,
    ],
)
def test_hostile_values_are_values(scene: Scene, text: str) -> None:
    """Caught when mutated: any value or path written into the text of the statement; an integer beyond 64 bits."""
    fill(scene)
    assert ids(scene, filter_of(text)) == set()
    assert len(ids(scene, filter_of(""))) == 17
