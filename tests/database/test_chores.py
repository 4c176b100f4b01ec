"""What is overdue, lost or no longer needed."""

from datetime import timedelta

from tests.builders import spec_json
from tests.database.scene import Scene, measurement
from workers.database import chores, claims, queries, results
from workers.database.inferences import ask, inference
from workers.experiments.lifecycle import Status, StatusReason


def ask_to_stop(scene: Scene, experiment_id: str) -> None:
    """Request that an experiment be cancelled."""
    reason = StatusReason.CANCELLED_BY_SWEEP
    scene.write(results.cancel, scene.project_id, experiment_id, scene.tick(), reason)


def test_a_lease_whose_beat_moved_is_left_alone(scene: Scene) -> None:
    """Caught when mutated: the beat left out of the condition."""
    held = scene.running()
    (lease,) = scene.read(chores.leases)
    scene.write(claims.beat, lease.id, "wrk_a", scene.tick())
    assert scene.write(chores.take_back, lease.id, lease.beat, scene.tick()) == 0
    assert scene.view(held.id).status is Status.RUNNING
    assert scene.write(chores.take_back, "lse_unknown", 0, scene.tick()) == 0


def test_a_lost_worker_gives_its_experiments_back(scene: Scene) -> None:
    """Caught when mutated: one fate for all of a population; the lease left behind."""
    waiting, last, asked, done = (scene.submit(max_attempts=1 if n == 1 else 3) for n in range(4))
    claim = scene.claim()
    assert claim is not None
    other = scene.submit(spec=spec_json(architecture={"width": 7}))
    scene.claim("wrk_b")
    ask_to_stop(scene, asked)
    scene.finish(next(each for each in claim.experiments if each.id == done))
    assert scene.write(chores.take_back, claim.lease_id, 0, scene.tick()) == 3
    found = {each: (scene.view(each).status, scene.view(each).status_reason) for each in (waiting, last, asked, done)}
    assert found == {
        waiting: (Status.QUEUED, StatusReason.NONE),
        last: (Status.FAILED, StatusReason.WORKER_LOST),
        asked: (Status.CANCELLED, StatusReason.CANCELLED_BY_SWEEP),
        done: (Status.SUCCEEDED, StatusReason.NONE),
    }
    assert scene.view(other).status is Status.RUNNING
    assert [lease.worker.id for lease in scene.read(chores.leases)] == ["wrk_b"]
    assert scene.read(queries.attempts_of, waiting)[0].ending == "lost"
    assert scene.write(chores.take_back, claim.lease_id, 0, scene.tick()) == 0


def test_what_waits_too_long_fails_with_the_reason(scene: Scene) -> None:
    """Caught when mutated: < for <= (the deadline itself is late: a claim refuses it too); running rows expired."""
    started = scene.running(queue_ttl_seconds=10)
    late, patient = scene.submit(queue_ttl_seconds=10), scene.submit()
    submitted = scene.view(late).created_at
    assert scene.write(chores.expire_queued, submitted + timedelta(seconds=9.999)) == 0
    assert scene.write(chores.expire_queued, submitted + timedelta(seconds=10)) == 1
    assert scene.view(late).status_reason is StatusReason.QUEUE_TTL_PASSED
    assert scene.kinds(late) == ["queued", "failed"]
    assert [scene.view(each).status for each in (started.id, patient)] == [Status.RUNNING, Status.QUEUED]


def test_a_cancel_that_nobody_obeys_is_enforced(scene: Scene) -> None:
    """Caught when mutated: the fence not raised, so that later output is accepted; those not asked cancelled."""
    held, bystander = scene.running(), scene.running()
    ask_to_stop(scene, held.id)
    assert scene.write(chores.cancel_overdue, scene.now + timedelta(seconds=5)) == 0
    assert scene.write(chores.cancel_overdue, scene.now + timedelta(seconds=5.001)) == 1
    view = scene.view(held.id)
    assert (view.status, view.status_reason) == (Status.CANCELLED, StatusReason.CANCELLED_BY_SWEEP)
    assert scene.row(held.id).fence == held.fence + 1
    report = results.Report(id=held.id, fence=held.fence, curves=measurement().curves)
    assert scene.write(results.record, [report])[held.id].held is False
    assert scene.finish(held) is False
    assert scene.read(queries.attempts_of, held.id)[0].ending == "cancelled"
    assert scene.view(bystander.id).status is Status.RUNNING


def test_questions_go_an_hour_after_they_were_asked(scene: Scene) -> None:
    """Caught when mutated: answered questions kept for ever."""
    held = scene.running()
    question = scene.write(ask, scene.project_id, held.id, [[1.0]], scene.tick())
    assert scene.write(chores.expire_inferences, scene.now + timedelta(minutes=59)) == 0
    assert scene.write(chores.expire_inferences, scene.now + timedelta(minutes=60)) == 1
    assert scene.read(inference, question) is None


def test_lost_workers_are_forgotten_after_a_day_unless_they_hold_something(scene: Scene) -> None:
    """Caught when mutated: a worker dropped with its lease, which its reaper still needs."""
    held = scene.running()
    later = scene.now + timedelta(days=2)
    assert scene.write(chores.forget_lost_workers, later) == 0
    scene.finish(held)
    scene.write(claims.close_lease, scene.read(chores.leases)[0].id)
    assert scene.write(chores.forget_lost_workers, scene.now + timedelta(hours=23)) == 0
    assert scene.write(chores.forget_lost_workers, later) == 1
