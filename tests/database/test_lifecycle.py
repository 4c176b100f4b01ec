"""Every pair of states: what each call does from each state, and that the edges are those of the one table."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.database.scene import Scene, measurement
from workers.database import chores, results, submissions
from workers.database.models import ExperimentRow
from workers.database.queries import attempts_of
from workers.database.values import CancelAnswer, Claimed
from workers.experiments.lifecycle import TRANSITIONS, Status, StatusReason

CALLS: dict[str, Callable[[Scene, Claimed], Any]] = {
    "claim": lambda scene, held: scene.claim("wrk_b"),
    "finish": lambda scene, held: scene.finish(held),
    "fail": lambda scene, held: scene.write(
        results.fail, held.id, held.fence, StatusReason.OUT_OF_MEMORY, "too large", scene.tick()
    ),
    "end_cancelled": lambda scene, held: scene.write(results.end_cancelled, held.id, held.fence, scene.tick()),
    "requeue": lambda scene, held: scene.write(
        results.requeue, held.id, held.fence, refund=False, ending="released", now=scene.tick()
    ),
    "cancel": lambda scene, held: scene.write(
        results.cancel, scene.project_id, held.id, scene.tick(), StatusReason.CANCELLED_BY_CLIENT
    ),
    "retry": lambda scene, held: scene.write(submissions.retry, scene.project_id, held.id, scene.tick()),
    "expire_queued": lambda scene, held: scene.write(chores.expire_queued, scene.tick(100)),
}
MOVES = {
    "claim": {Status.QUEUED: Status.RUNNING},
    "finish": {Status.RUNNING: Status.SUCCEEDED},
    "fail": {Status.RUNNING: Status.FAILED},
    "end_cancelled": {Status.RUNNING: Status.CANCELLED},
    "requeue": {Status.RUNNING: Status.QUEUED},
    "cancel": {Status.QUEUED: Status.CANCELLED, Status.RUNNING: Status.RUNNING},
    "retry": {Status.FAILED: Status.QUEUED, Status.CANCELLED: Status.QUEUED},
    "expire_queued": {Status.QUEUED: Status.FAILED},
}


def test_the_calls_cover_every_edge_of_the_table() -> None:
    """Caught when mutated: an edge added to the table without a call, or the reverse."""
    edges = {(source, to) for source, reached in TRANSITIONS.items() for to in reached}
    reached = {edge for moves in MOVES.values() for edge in moves.items() if edge[0] is not edge[1]}
    assert reached == edges


@pytest.mark.parametrize("call", list(CALLS))
def test_a_call_moves_along_its_edges_and_changes_nothing_elsewhere(call: str, scene: Scene) -> None:
    """Caught when mutated: the status left out of any WHERE; a version not raised, or raised for nothing."""
    for status in Status:
        held = scene.bring_to(status, queue_ttl_seconds=5)
        before, events = scene.view(held.id), scene.kinds(held.id)
        answer = CALLS[call](scene, held)
        after = scene.view(held.id)
        if status in MOVES[call]:
            assert after.status is MOVES[call][status]
            assert len(scene.kinds(held.id)) == after.version == len(events) + 1
            assert answer
        else:
            assert after == before, status
            assert scene.kinds(held.id) == events
            assert not answer or isinstance(answer, CancelAnswer)


def test_a_terminal_experiment_has_no_lease_and_a_running_one_has(scene: Scene) -> None:
    """Caught when mutated: the lease kept on a transition; the database itself refuses such a row."""
    held = scene.running()
    with pytest.raises(IntegrityError), scene.database.write() as session:
        session.query(ExperimentRow).filter_by(id=held.id).update({"lease_id": None})
    assert scene.finish(held)
    assert scene.row(held.id).lease_id is None


def test_a_life_with_everything_in_it_is_told_by_its_events(scene: Scene) -> None:
    """Caught when mutated: any event left out."""
    held = scene.running()
    assert CALLS["requeue"](scene, held)
    claim = scene.claim()
    assert claim is not None
    again = claim.experiments[0]
    assert (again.fence, again.attempt) == (2, 2)
    assert CALLS["cancel"](scene, again) == CancelAnswer(status=Status.RUNNING, cancelling=True)
    assert scene.view(held.id).cancelling
    assert CALLS["cancel"](scene, again) == CancelAnswer(status=Status.RUNNING, cancelling=True)
    assert CALLS["end_cancelled"](scene, again)
    assert CALLS["retry"](scene, again)
    third = scene.claim()
    assert third is not None
    assert third.experiments[0].attempt == 1
    assert scene.finish(third.experiments[0])
    assert scene.kinds(held.id) == [
        "queued", "running", "queued", "running", "cancelling", "cancelled", "queued", "running", "succeeded",
    ]  # fmt: skip


def test_a_taken_back_experiment_refuses_its_zombie(scene: Scene) -> None:
    """Caught when mutated: no fence in `held` (the zombie beats the second holder), or no status in it
    (the zombie ends a row that waits: it keeps the fence until it is claimed again).
    """
    zombie = scene.running()
    lease = scene.read(chores.leases)[0]
    assert scene.write(chores.take_back, lease.id, lease.beat, scene.tick()) == 1
    for call in ("finish", "fail", "end_cancelled", "requeue"):
        assert CALLS[call](scene, zombie) is False, call
    assert scene.view(zombie.id).status is Status.QUEUED
    claim = scene.claim("wrk_b")
    assert claim is not None
    for call in ("finish", "fail", "end_cancelled", "requeue"):
        assert CALLS[call](scene, zombie) is False, call
    report = results.Report(id=zombie.id, fence=zombie.fence, curves=measurement().curves)
    assert scene.write(results.record, [report])[zombie.id].held is False
    assert scene.finish(claim.experiments[0], measurement(5.0))
    assert scene.view(zombie.id).metrics["train_loss"].last == 5.0


def test_a_late_holder_stores_nothing(scene: Scene) -> None:
    """Caught when mutated: artifacts or curves written before the conditional UPDATE is known to have won."""
    zombie = scene.running()
    assert CALLS["requeue"](scene, zombie)
    assert scene.finish(zombie, measurement(9.0)) is False
    assert scene.view(zombie.id).metrics == {}


def test_spent_attempts_fail_and_refunded_ones_do_not_count(scene: Scene) -> None:
    """Caught when mutated: > for >= at the limit; refund ignored."""
    held = scene.running(max_attempts=2)
    for refund in (True, True, False):
        assert scene.write(results.requeue, held.id, held.fence, refund=refund, ending="released", now=scene.tick())
        assert scene.view(held.id).status is Status.QUEUED
        claim = scene.claim()
        assert claim is not None
        held = claim.experiments[0]
    assert held.attempt == 2
    assert CALLS["requeue"](scene, held)
    view = scene.view(held.id)
    assert (view.status, view.status_reason) == (Status.FAILED, StatusReason.WORKER_LOST)
    assert view.finished_at == scene.now


def test_what_was_asked_to_stop_is_cancelled_when_its_worker_gives_it_back(scene: Scene) -> None:
    """Caught when mutated: the request forgotten by requeue, so that a cancelled experiment runs again."""
    held = scene.running()
    CALLS["cancel"](scene, held)
    assert CALLS["requeue"](scene, held)
    view = scene.view(held.id)
    assert (view.status, view.status_reason) == (Status.CANCELLED, StatusReason.CANCELLED_BY_CLIENT)
    assert not view.cancelling


def test_an_attempt_says_how_it_ended(scene: Scene) -> None:
    """Caught when mutated: attempts left open; the detail lost."""
    held = scene.running()
    assert CALLS["requeue"](scene, held)
    claim = scene.claim()
    assert claim is not None
    assert CALLS["fail"](scene, claim.experiments[0])
    first, second = scene.read(attempts_of, held.id)
    assert (first.number, first.fence, first.ending, first.worker, first.device) == (1, 1, "released", "host-7", "cpu")
    assert (second.number, second.fence, second.ending, second.detail) == (2, 2, "failed", "too large")
    assert second.ended_at == scene.now == scene.view(held.id).finished_at
    assert scene.view(held.id).attempt == second
