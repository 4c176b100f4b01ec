"""Sweeps: cells and their counts, what a cancel and a retry touch, and how many run at once."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select

from tests.builders import new_experiment, spec_json
from tests.database.scene import CPU, Scene, identity, measurement
from workers.database import claims, limits, queries, results, submissions, sweeps
from workers.database.models import EventRow, ExperimentRow
from workers.database.sweep_models import CellRow, SweepRow
from workers.database.sweep_values import NewSweep, SweepView
from workers.database.values import NewExperiment
from workers.experiments.lifecycle import Status, StatusReason, SweepStatus

PLAN = {"base": {}, "axes": {}, "zip": [], "options": {}}


def grid(count: int, *, first: int = 0, **more: Any) -> NewSweep:
    """Return a sweep over seeds."""
    cells = tuple(new_experiment(spec=spec_json(seed=seed)) for seed in range(first, first + count))
    return NewSweep(plan=PLAN, cells=cells, **more)


def submitted(scene: Scene, new: NewSweep) -> SweepView:
    """Submit the sweep."""
    view: SweepView = scene.write(sweeps.submit_sweep, new, project_id=scene.project_id, now=scene.tick())
    return view


def seen(scene: Scene, view: SweepView) -> SweepView:
    """Return the sweep as it is now; its counts always add up."""
    found: SweepView = scene.read(sweeps.sweep, scene.project_id, view.id)
    assert sum(found.counts.values()) == found.cells_total
    return found


def ids(scene: Scene, view: SweepView) -> list[str]:
    """Return the experiments of all cells."""
    page = scene.read(sweeps.cells, view.id, limit=1000)
    return [cell.experiment.id for cell in page.items if cell.experiment]


def finish(scene: Scene, count: int) -> None:
    """Let a worker finish so many."""
    claim = scene.claim(least=count, most=count)
    assert claim is not None and len(claim.experiments) == count
    for each in claim.experiments:
        assert scene.write(results.finish, each.id, each.fence, measurement(), scene.now)


def test_counts_follow_the_cells_and_the_status_follows_the_counts(scene: Scene) -> None:
    """Caught when mutated: counts of another sweep added; a status that is succeeded while a cell runs."""
    view, other = submitted(scene, grid(4)), submitted(scene, grid(3, first=100))
    assert view.status is SweepStatus.RUNNING and view.counts["queued"] == view.cells_total == 4
    claim = scene.claim(least=4, most=4)
    assert claim is not None
    for each in claim.experiments[:2]:
        scene.write(results.finish, each.id, each.fence, measurement(), scene.now)
    assert {name: count for name, count in seen(scene, view).counts.items() if count} == {"succeeded": 2, "running": 2}
    assert seen(scene, view).status is SweepStatus.RUNNING
    last = claim.experiments[3]
    scene.write(results.finish, claim.experiments[2].id, claim.experiments[2].fence, measurement(), scene.now)
    scene.write(results.fail, last.id, last.fence, StatusReason.INTERNAL, "broke", scene.now)
    assert seen(scene, view).status is SweepStatus.PARTIALLY_SUCCEEDED
    assert seen(scene, other).counts["queued"] == 3
    assert scene.view(claim.experiments[0].id).sweep_id == view.id
    assert scene.view(scene.submit()).sweep_id is None


def test_a_sweep_that_breaks_half_way_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught when mutated: a commit between the experiments and the cells."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process ended here")

    monkeypatch.setattr(sweeps, "sweep", broken)
    with pytest.raises(RuntimeError):
        submitted(scene, grid(3))
    with scene.database.read() as session:
        for table in (SweepRow, CellRow, ExperimentRow, EventRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_cells_stand_in_line_behind_what_waits_already(scene: Scene) -> None:
    """By hand. Caught when mutated: one place for all cells, with which a thousand would go before another project."""
    scene.submit()
    view = submitted(scene, grid(3))
    with scene.database.read() as session:
        ranks = session.execute(select(ExperimentRow.id, ExperimentRow.rank)).all()
    places = {row.id: row.rank for row in ranks}
    assert [places[each] for each in ids(scene, view)] == [1, 2, 3]


def test_pages_of_cells_are_in_order_and_by_status(scene: Scene) -> None:
    """Caught when mutated: an order by id, a page that repeats its last cell, a filter that forgets the sweep."""
    submitted(scene, grid(2, first=50))
    view = submitted(scene, grid(5))
    first = scene.read(sweeps.cells, view.id, limit=2)
    second = scene.read(sweeps.cells, view.id, after=first.items[-1].number, limit=3)
    assert [cell.number for cell in (*first.items, *second.items)] == [0, 1, 2, 3, 4]
    assert first.has_more and not second.has_more
    seeds = [cell.experiment.spec["seed"] for cell in (*first.items, *second.items)]
    assert seeds == [0, 1, 2, 3, 4]
    scene.write(results.cancel, scene.project_id, second.items[0].experiment.id, scene.now, "cancelled_by_client")
    page = scene.read(sweeps.cells, view.id, statuses=[Status.CANCELLED], limit=9)
    assert [cell.number for cell in page.items] == [2]


def test_a_cancel_stops_what_is_the_sweeps_own(scene: Scene) -> None:
    """Caught when mutated: experiments of others cancelled, reused ones cancelled, running ones forgotten."""
    first = submitted(scene, grid(3))
    finish(scene, 2)
    alone = scene.submit(spec=spec_json(seed=77))
    view = submitted(scene, grid(4, reuse=True))
    assert (view.counts["succeeded"], view.cells_reused) == (2, 2)
    held = scene.claim(least=3, most=3)  # of the four that wait, the last cell is the last in line
    assert held is not None
    cancelled = scene.write(sweeps.cancel_sweep, scene.project_id, view.id, scene.tick())
    assert cancelled.cancelled_at == scene.now
    kept = {"succeeded": 2, "cancelled": 1, "running": 1}
    assert {name: count for name, count in seen(scene, view).counts.items() if count} == kept
    (mine,) = [each for each in held.experiments if each.id in ids(scene, view)]
    assert scene.view(mine.id).cancelling
    scene.write(results.end_cancelled, mine.id, mine.fence, scene.now)
    assert seen(scene, view).status is SweepStatus.CANCELLED
    assert scene.view(mine.id).status_reason is StatusReason.CANCELLED_BY_SWEEP
    for other in (alone, ids(scene, first)[2]):
        assert scene.view(other).status is Status.RUNNING and not scene.view(other).cancelling


def test_a_cancel_of_a_finished_sweep_changes_nothing(scene: Scene) -> None:
    """Caught when mutated: a succeeded sweep that becomes a cancelled one."""
    view = submitted(scene, grid(2))
    finish(scene, 2)
    again = scene.write(sweeps.cancel_sweep, scene.project_id, view.id, scene.tick())
    assert again.status is SweepStatus.SUCCEEDED and again.cancelled_at is None
    assert scene.write(sweeps.cancel_sweep, "prj_other", view.id, scene.tick()) is None


def test_a_retry_fills_what_failed_was_cancelled_or_is_missing(scene: Scene) -> None:
    """Caught when mutated: succeeded cells run again; a deleted experiment's cell left empty; a stale cancellation."""
    view = submitted(scene, grid(5))
    finish(scene, 1)
    claim = scene.claim(least=1, most=1)
    assert claim is not None
    failed = claim.experiments[0]
    scene.write(results.fail, failed.id, failed.fence, StatusReason.INTERNAL, "broke", scene.tick())
    scene.write(sweeps.cancel_sweep, scene.project_id, view.id, scene.tick())
    gone = ids(scene, view)[4]
    with scene.database.write() as session:
        session.execute(delete(ExperimentRow).where(ExperimentRow.id == gone))
    assert seen(scene, view).counts[sweeps.MISSING] == 1

    def refilled(found: SweepView, numbers: Sequence[int]) -> list[NewExperiment]:
        assert found.id == view.id
        return [new_experiment(spec=spec_json(seed=number)) for number in numbers]

    after = scene.write(sweeps.retry_sweep, scene.project_id, view.id, refilled, scene.tick())
    assert {name: count for name, count in after.counts.items() if count} == {"succeeded": 1, "queued": 4}
    assert after.status is SweepStatus.RUNNING and after.cancelled_at is None
    assert scene.view(failed.id).attempt.number == 1 and scene.view(failed.id).status is Status.QUEUED  # type: ignore[union-attr]
    finish(scene, 4)
    assert seen(scene, view).status is SweepStatus.SUCCEEDED
    seeds = [cell.experiment.spec["seed"] for cell in scene.read(sweeps.cells, view.id, limit=9).items]
    assert seeds == [0, 1, 2, 3, 4]


def test_retried_experiments_stand_in_line_one_behind_the_other(scene: Scene) -> None:
    """By hand. Caught when mutated: one place for all, which would go before every other project's."""
    view = submitted(scene, grid(3))
    scene.write(sweeps.cancel_sweep, scene.project_id, view.id, scene.tick())
    scene.submit(spec=spec_json(seed=9))
    mine = ExperimentRow.sweep_id == view.id
    assert scene.write(submissions.requeue_ended, scene.project_id, mine, scene.tick()) == 3
    with scene.database.read() as session:
        query = select(ExperimentRow.rank).where(mine).order_by(ExperimentRow.id)
        assert session.scalars(query).all() == [1, 2, 3]


def test_only_succeeded_verified_experiments_of_the_project_are_reused(scene: Scene) -> None:
    """Caught when mutated: a queued one reused, another project's, or a client's own figures."""
    submitted(scene, grid(2))
    waiting = submitted(scene, grid(2, reuse=True))
    assert waiting.cells_reused == 0
    finish(scene, 4)
    assert submitted(scene, grid(2, reuse=True)).cells_reused == 2
    assert submitted(scene, grid(2)).cells_reused == 0
    assert scene.submit(spec={"type": "recorded", "config": {}, "metrics": {"m": 1.0}})
    (recorded,) = scene.read(queries.list_experiments, scene.project_id, limit=1).items
    assert scene.read(sweeps.succeeded_by_hash, scene.project_id, [recorded.spec_hash]) == {}
    hashes = [scene.view(each).spec_hash for each in ids(scene, waiting)]
    assert scene.read(sweeps.succeeded_by_hash, "prj_other", hashes) == {}


def test_no_more_than_max_parallel_run_however_many_claim(scene: Scene) -> None:
    """Four workers at once, three times. Caught when mutated: running ones counted without a lock on the sweep."""
    for turn in range(3):
        view = submitted(scene, grid(12, first=100 * turn, max_parallel=3))
        for worker in "abcd":
            scene.write(claims.register_worker, identity(f"wrk_{worker}"), scene.now)
        barrier = threading.Barrier(4)

        def claim(worker: str, barrier: threading.Barrier = barrier) -> int:
            barrier.wait()
            with scene.database.write() as session:
                found = claims.claim(session, f"wrk_{worker}", CPU, scene.now, least=2, most=2)
            return len(found.experiments) if found else 0

        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(claim, "abcd"))
        assert sum(taken) == seen(scene, view).counts["running"] <= 3
        scene.write(sweeps.cancel_sweep, scene.project_id, view.id, scene.tick())
        for cell in scene.read(sweeps.cells, view.id, statuses=[Status.RUNNING], limit=9).items:
            scene.write(results.end_cancelled, cell.experiment.id, 1, scene.now)


def test_a_full_sweep_holds_up_nobody_else(scene: Scene) -> None:
    """Caught when mutated: the head of the line, which may not run, keeps what stands behind it from running."""
    view = submitted(scene, grid(6, max_parallel=2))
    held = scene.claim(least=6, most=6)
    assert held is not None and len(held.experiments) == 2
    behind = scene.submit(spec=spec_json(seed=500))
    claim = scene.claim("wrk_b", least=6, most=6)
    assert claim is not None and [each.id for each in claim.experiments] == [behind]
    assert scene.claim("wrk_c") is None
    for each in held.experiments:
        scene.write(results.finish, each.id, each.fence, measurement(), scene.now)
    again = scene.claim("wrk_c", least=6, most=6)
    assert again is not None and len(again.experiments) == 2
    assert seen(scene, view).counts["running"] == 2


def test_places_are_given_in_line() -> None:
    """By hand. Caught when mutated: an experiment of no limited sweep that takes a place."""

    class Waiting:
        def __init__(self, id: str, sweep_id: str | None) -> None:
            self.id, self.sweep_id = id, sweep_id

    line = [Waiting("a", "s"), Waiting("b", None), Waiting("c", "s"), Waiting("d", "t"), Waiting("e", "s")]
    assert limits.within({"s": 2, "t": 0}, line) == ["a", "b", "c"]


def test_a_large_sweep_takes_as_many_statements_as_a_small_one(scene: Scene) -> None:
    """Caught when mutated: a query per cell."""
    counts = []
    for size in (10, 300):
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, sent: list[str] = sent) -> None:
            sent.append(statement)

        event.listen(scene.database.engine, "before_cursor_execute", note)
        submitted(scene, grid(size, first=1000 * size))
        event.remove(scene.database.engine, "before_cursor_execute", note)
        counts.append(len(sent))
    assert counts[0] == counts[1] < 20
