"""Orders by any keys: missing and NaN last both ways, ties by id, pages without gap or duplicate, by an index."""

from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from tests.database.filters import Evaluator, fill
from tests.database.scene import Scene
from workers.database import queries
from workers.database.conditions import Source
from workers.database.listings import Listing
from workers.database.models import ExperimentRow
from workers.database.orders import sorting_of
from workers.database.values import ExperimentView
from workers.experiments.filtering.fields import field_of
from workers.experiments.filtering.order import NEWEST, Order, order_of
from workers.experiments.filtering.parser import parse_order
from workers.experiments.filtering.typed import filter_of

KEYS = (
    "metrics.loss.last", "metrics.loss.min", "metrics.gap.first", "metrics.loss.n", "metrics.loss.argmin_step",
    "metrics.none.last", "created_at", "finished_at", "name", "status", "outcome", "seed", "architecture.width",
    "verified", "config.lr", "config.big", "spec.training.optimizer.learning_rate", "metadata.owner", "id",
)  # fmt: skip
ORDERS = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=3, unique_by=lambda key: key[0])
FILTERS = ("", "metrics.loss.last < 2", "NOT metrics.gap.first:*", "metrics.gap.first >= -Infinity", "seed >= 1")


def page(scene: Scene, order: Order, limit: int = 100, **more: Any) -> Listing:
    """Return one page."""
    found = scene.read(queries.list_experiments, scene.project_id, order=order, limit=limit, **more)
    assert isinstance(found, Listing)
    return found


def walked(scene: Scene, order: Order, limit: int, **more: Any) -> list[str]:
    """Return the ids of all pages."""
    seen, place = [], None
    while True:
        found = page(scene, order, limit, after=place, **more)
        seen += [view.id for view in found.items]
        assert (found.place is not None) is found.has_more
        assert len(seen) <= 100, "the pages go round in circles"
        if not found.has_more:
            return seen
        place = found.place


def expected(evaluator: Evaluator, views: list[ExperimentView], text: str) -> list[str]:
    """Return the ids as Python sorts them: key by key, what has no value last, then by the id."""
    keys = [(field_of(name), name.path, -1 if descending else 1) for name, descending in parse_order(text)]

    def compared(left: ExperimentView, right: ExperimentView) -> int:
        for field, path, sign in keys:
            a, b = (_sorted_value(field.name, evaluator.value(path, view)) for view in (left, right))
            if (a is None) is not (b is None):
                return 1 if a is None else -1
            if a is not None and a != b:
                return sign if a > b else -sign
        return keys[-1][2] * (1 if left.id > right.id else -1)

    return [view.id for view in sorted(views, key=cmp_to_key(compared))]


def _sorted_value(name: str, value: Any) -> Any:
    if name.startswith(("config", "spec")):
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value[:64].encode() if isinstance(value, str) and name != "id" else value


def test_any_order_is_what_python_sorts(scene: Scene) -> None:
    """Caught when mutated: NULLS FIRST; +infinity behind NaN; a later key without its rank; text by a collation;
    the next stretch begun at the place of the last one.
    """
    views, evaluator = fill(scene), Evaluator(scene)

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(ORDERS, st.sampled_from(FILTERS), st.integers(1, 6))
    def check(keys: list[tuple[str, bool]], text: str, limit: int) -> None:
        written = ", ".join(f"{name} {'desc' if descending else 'asc'}" for name, descending in keys)
        condition = filter_of(text)
        found = {view.id for view in page(scene, NEWEST, condition=condition).items}
        wanted = expected(evaluator, [view for view in views if view.id in found], written)
        assert walked(scene, order_of(written), limit, condition=condition) == wanted, (written, text)

    check()


def test_infinities_stand_at_the_ends_and_nan_last(scene: Scene) -> None:
    """Known by hand: see CURVES. Caught when mutated: infinities left out, or sorted with the missing ones."""
    ids = {view.id: number for number, view in enumerate(fill(scene)[:9])}
    for text, numbers in (
        ("metrics.gap.first, seed, id", [4, 7, 5, 1]),
        ("metrics.gap.first desc, seed, id", [1, 5, 4, 7]),
        ("metrics.loss.last, id", [5, 7, 1, 0, 4, 6]),
        ("metrics.loss.last desc, id", [4, 6, 0, 1, 5, 7]),
        ("outcome, metrics.loss.last desc, id", [4, 6, 0, 1, 5, 7]),
        ("outcome, metrics.gap.first, id", [4, 7, 5, 1]),
        ("outcome, metrics.gap.first desc, id", [1, 5, 4, 7]),
    ):
        condition = filter_of("verified = true AND metrics.loss:*")
        found = [ids[view.id] for view in page(scene, order_of(text), condition=condition).items]
        assert found[: len(numbers)] == numbers, text


def test_a_filter_for_what_is_missing_leaves_only_the_last_stretch(scene: Scene) -> None:
    """Caught when mutated: the stretch of what is missing left out, or all the others walked, where NOT key:*."""
    fill(scene)
    condition, order = filter_of("NOT metrics.gap.first:* AND metrics.loss:*"), order_of("metrics.gap.first")
    found = page(scene, order, condition=condition)
    assert len(found.items) == 7  # 0, 2, 3, the NaN of 6, and the three recorded ones
    stretches = sorting_of(Source(project_id="p", dialect="sqlite"), order, filter_of("metrics.gap.first:*")).stretches
    assert len(stretches) == 3


def test_text_sorts_by_its_bytes_whatever_the_language_of_the_database() -> None:
    """Caught when mutated: ORDER BY in the collation of the database, which need not be SQLite's."""
    source = Source(project_id="p", dialect="postgresql")
    (first, *_) = sorting_of(source, order_of("name"), filter_of("")).stretches
    assert 'COLLATE "C"' in str(first.sorts[0].column.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def test_pages_hold_while_rows_come_and_go(scene: Scene) -> None:
    """Keys do not change. Caught when mutated: OFFSET; a place that needs its row."""
    fill(scene)
    order = order_of("metrics.loss.last desc, name")
    before = walked(scene, order, 100)
    seen, place = [], None
    while True:
        found = page(scene, order, 2, after=place)
        seen += [view.id for view in found.items]
        assert len(seen) <= 100, "the pages go round in circles"
        if not found.has_more:
            break
        place = found.place
        scene.write(_delete, found.items[-1].id)  # the very row that the place was taken from
        # Before every place but those among the infinite ones.
        scene.submit(spec={"type": "recorded", "config": {}, "metrics": {"loss": 1e9}})
    assert [each for each in seen if each in before] == before
    assert len(seen) == len(set(seen))


def _delete(session: Session, experiment_id: str) -> None:
    session.execute(delete(ExperimentRow).where(ExperimentRow.id == experiment_id))


def plans(scene: Scene, function: Any, *arguments: Any, **named: Any) -> str:
    """Return the plans of the statements about experiments and metrics that a query function runs on SQLite."""
    statements: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(scene.database.engine, "before_cursor_execute", keep)
    try:
        scene.read(function, scene.project_id, *arguments, **named)
    finally:
        event.remove(scene.database.engine, "before_cursor_execute", keep)
    with scene.database.read() as session:
        connection = session.connection()
        found = [
            "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in statements
            if statement.startswith("SELECT")
        ]
    return "\n\n".join(found)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=False)
@pytest.mark.parametrize(
    ("text", "order", "index"),
    [
        ("", "created_at desc", "experiments USING INDEX ix_experiments_list (project_id=?)"),
        ("status = queued", "created_at desc", "ix_experiments_list_of_status (project_id=? AND status=?)"),
        ('sweep = "swp_1"', "created_at desc", "ix_experiments_list_of_sweep (project_id=? AND sweep_id=?)"),
        ('sweep = "swp_1"', "metrics.loss.min", "ix_experiments_list_of_sweep (project_id=? AND sweep_id=?)"),
        ("seed = 1", "metrics.loss.min", "ix_metrics_project_id_name_min (project_id=? AND name=? AND min>?)"),
        ("seed = 1", "metrics.loss.last desc", "USING COVERING INDEX ix_metrics_non_finite"),
        ("metrics.loss.last < 2", "metrics.loss.last", "(project_id=? AND name=? AND last>? AND last<?)"),
    ],
)
def test_lists_walk_an_index(scene: Scene, text: str, order: str, index: str) -> None:
    """Caught when mutated: an index dropped; an OR that hides a range; the infinite rows looked for among all."""
    named = {"condition": filter_of(text), "order": order_of(order), "limit": 50}
    found = plans(scene, queries.list_experiments, **named)
    assert index in found
    if "sweep" in text:  # the few of the sweep are sorted, not the metrics of everybody walked
        assert "SEARCH metrics_1 USING INDEX ix_metrics_project_id" not in found
    assert "SCAN experiments" not in found and "SCAN metrics" not in found


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=False)
@pytest.mark.parametrize("name", ["status", "architecture.kind", "outcome", "architecture.width", "seed", "sweep"])
def test_facets_are_counted_in_an_index_alone(scene: Scene, name: str) -> None:
    """Caught when mutated: a column taken out of the index, so that every row is read."""
    (field,) = [field_of(key) for key, _ in parse_order(name)]
    for plan in plans(scene, queries.count_by, [field]).split("\n\n"):
        assert "experiments USING COVERING INDEX" in plan
