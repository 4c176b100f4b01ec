"""Several results in one transaction: each as if it came alone."""

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from tests.builders import spec_json
from tests.database.scene import DIVERGED, Scene, curve, measurement, model
from tests.database.test_races import together
from workers.database import queries, results
from workers.database.models import ArtifactRow, AttemptRow, BlobRow, CurveRow, MetricRow
from workers.database.results import Result
from workers.database.values import Claimed, Report
from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.measurement import Measurement


def claimed(scene: Scene, count: int) -> tuple[Claimed, ...]:
    """Return running experiments of one claim."""
    for seed in range(count):
        scene.submit(spec=spec_json(seed=seed))
    claim = scene.claim()
    assert claim is not None and len(claim.experiments) == count
    return claim.experiments


def result(held: Claimed, found: Measurement) -> Result:
    """Return what the holder reports."""
    return Result(id=held.id, fence=held.fence, measurement=found)


def rows(scene: Scene) -> dict[str, int]:
    """Return how many rows the tables of results have."""
    tables = (ArtifactRow, BlobRow, CurveRow, MetricRow)
    with scene.database.read() as session:
        return {
            table.__tablename__: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def test_each_result_of_a_call_is_stored_under_its_own_experiment(scene: Scene) -> None:
    """Expected by hand. Caught when mutated: the change, curves, metrics or files of one given to all."""
    first, second, third = claimed(scene, 3)
    sent = [
        result(first, measurement(2.0, 1.0, artifacts=[model(b"first")])),
        result(second, measurement(4.0, 3.0, outcome=Outcome.EARLY_STOPPED, stopped_at_step=1)),
        result(third, measurement(6.0, 5.0, artifacts=[model(b"third"), model(b"first", "copy")])),
    ]
    assert scene.write(results.finish_all, sent, scene.tick()) == {first.id, second.id, third.id}
    views = [scene.view(each.id) for each in (first, second, third)]
    assert [view.metrics["train_loss"].last for view in views] == [1.0, 3.0, 5.0]
    assert [(view.outcome, view.stopped_at_step) for view in views] == [
        (Outcome.COMPLETED, None),
        (Outcome.EARLY_STOPPED, 1),
        (Outcome.COMPLETED, None),
    ]
    for view, values in zip(views, ((2.0, 1.0), (4.0, 3.0), (6.0, 5.0)), strict=True):
        assert (view.status, view.finished_at) == (Status.SUCCEEDED, scene.now)
        assert scene.read(queries.curves_of, view.id) == [curve("train_loss", *values)]
        assert view.attempt is not None
        assert (view.attempt.ended_at, view.attempt.ending) == (scene.now, "succeeded")
        assert scene.kinds(view.id) == ["queued", "running", "succeeded"]
        assert scene.read(queries.events_of, view.id, 2)[0].data == {"outcome": view.outcome}
    names = [[each.name for each in scene.read(queries.artifacts_of, view.id)] for view in views]
    assert names == [["model.safetensors"], [], ["copy", "model.safetensors"]]
    assert scene.read(queries.named_content, third.id, "copy") == b"first"
    assert rows(scene)["blobs"] == 2


def test_of_a_lost_experiment_nothing_is_stored_and_its_companions_finish(scene: Scene) -> None:
    """Caught when mutated: one lost fence that refuses all; rows stored for who does not hold the experiment.

    One was given back and waits again, one was claimed a second time, one is unknown.
    """
    kept, waiting, again = claimed(scene, 3)
    for lost in (again, waiting):
        scene.write(results.requeue, lost.id, lost.fence, refund=True, ending="released", now=scene.tick())
        if lost is again:
            assert scene.claim("wrk_b") is not None
    sent = [result(each, measurement(1.0, artifacts=[model(each.id.encode())])) for each in (again, kept, waiting)]
    sent.append(Result(id="exp_unknown", fence=1, measurement=measurement()))
    assert scene.write(results.finish_all, sent, scene.tick()) == {kept.id}
    assert rows(scene) == {"artifacts": 1, "blobs": 1, "curves": 1, "metrics": 1}
    statuses = [scene.view(each.id).status for each in (kept, waiting, again)]
    assert statuses == [Status.SUCCEEDED, Status.QUEUED, Status.RUNNING]
    assert scene.write(results.finish_all, sent, scene.tick()) == frozenset()
    assert scene.write(results.finish_all, [], scene.tick()) == frozenset()


def test_a_fault_in_one_result_stores_none(scene: Scene) -> None:
    """Caught when mutated: results committed one by one. Two files of one name are refused by the database."""
    good, bad = claimed(scene, 2)
    sent = [result(good, measurement(1.0)), result(bad, measurement(1.0, artifacts=[model(b"a"), model(b"b")]))]
    with pytest.raises(IntegrityError):
        scene.write(results.finish_all, sent, scene.tick())
    assert set(rows(scene).values()) == {0}
    assert {scene.view(each.id).status for each in (good, bad)} == {Status.RUNNING}
    assert scene.kinds(good.id) == ["queued", "running"]


def test_only_the_replay_that_differs_is_marked(scene: Scene) -> None:
    """Caught when mutated: the mark, or the recorded points, of one experiment used for its companions."""
    same, other, fresh = claimed(scene, 3)
    for each, value in ((same, 1.0), (other, 2.0)):
        scene.write(results.record, [Report(id=each.id, fence=1, curves=(curve("train_loss", value),))])
        scene.write(results.requeue, each.id, 1, refund=True, ending="released", now=scene.tick())
    claim = scene.claim()
    assert claim is not None
    sent = [result(each, measurement(1.0)) for each in (*claim.experiments, fresh)]
    scene.write(results.finish_all, sent, scene.tick())
    marks = [scene.view(each.id).nondeterministic for each in (same, other, fresh)]
    assert marks == [False, True, False]


def test_two_calls_that_share_rows_do_not_wait_for_each_other_for_ever(scene: Scene) -> None:
    """Caught when mutated: rows locked change by change, not all in the order of their ids (a deadlock).

    Each call sends two outcomes; the outcome that comes first in one is that of the later row in the other.
    """
    for _ in range(8):
        pair = claimed(scene, 2)
        calls = [[result(a, measurement()), result(b, DIVERGED)] for a, b in (pair, pair[::-1])]
        won = together(*(lambda sent=sent: scene.write(results.finish_all, sent, scene.now) for sent in calls))  # type: ignore[misc]
        assert sorted(won, key=len) == [frozenset(), {each.id for each in pair}]


def test_many_results_take_as_many_statements_as_two(scene: Scene) -> None:
    """Caught when mutated: a statement per experiment, which makes up most of the cost of a short one."""
    counts = []
    for count in (2, 8):
        sent = [result(each, measurement(1.0, artifacts=[model(each.id.encode())])) for each in claimed(scene, count)]
        statements: list[str] = []
        listener = lambda *arguments: statements.append(arguments[2])  # noqa: B023, E731
        event.listen(scene.database.engine, "before_cursor_execute", listener)
        scene.write(results.finish_all, sent, scene.tick())
        event.remove(scene.database.engine, "before_cursor_execute", listener)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_report_without_news_changes_no_row_and_still_hears_the_answer(scene: Scene) -> None:
    """Caught when mutated: a write for every member of a population at each report; no answer without a write."""
    quiet, asked, lost = claimed(scene, 3)
    scene.write(results.cancel, scene.project_id, asked.id, scene.tick(), StatusReason.CANCELLED_BY_CLIENT)
    sent = [Report(id=each.id, fence=each.fence) for each in (quiet, asked)] + [Report(id=lost.id, fence=7)]
    answers = scene.write(results.record, sent)
    assert [(answers[each.id].held, answers[each.id].cancel_requested) for each in (quiet, asked, lost)] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert [scene.row(each.id).reports for each in (quiet, asked, lost)] == [0, 0, 0]
    with scene.database.read() as session:
        assert session.scalars(select(AttemptRow.ended_at)).all() == [None, None, None]
