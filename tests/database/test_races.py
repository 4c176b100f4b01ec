"""Two at once: whatever the order, one wins and the other knows."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from sqlalchemy import func, select

from tests.builders import new_experiment
from tests.database.scene import CPU, Scene, identity, measurement, model
from workers.database import chores, claims, queries, results, submissions
from workers.database.models import ExperimentRow
from workers.database.values import CancelAnswer, StoredReply
from workers.experiments.lifecycle import Status, StatusReason

REQUEST = {"key": "k", "method": "POST", "path": "/v1/experiments", "body_hash": "sha256:1"}


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Call the functions at the same moment, one thread each, and return their answers."""
    barrier = threading.Barrier(len(functions))

    def call(function: Callable[[], Any]) -> Any:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(call, function) for function in functions]]


def test_two_workers_never_claim_the_same_experiment(scene: Scene) -> None:
    """Caught when mutated: SKIP LOCKED and the status in the UPDATE left out, or plain BEGIN on SQLite."""
    submitted = {scene.submit() for _ in range(24)}
    for worker in "abcd":
        scene.write(claims.register_worker, identity(f"wrk_{worker}"), scene.now)

    def claim_all(worker_id: str) -> list[tuple[str, int]]:
        taken: list[tuple[str, int]] = []
        while True:
            with scene.database.write() as session:
                claim = claims.claim(session, worker_id, CPU, scene.now, least=2, most=2)
            if claim is None:
                return taken
            taken += [(each.id, each.fence) for each in claim.experiments]

    taken = together(*(lambda worker=worker: claim_all(f"wrk_{worker}") for worker in "abcd"))
    everything = [pair for part in taken for pair in part]
    # SKIP LOCKED may show a worker an empty queue while the others hold the rest: what is left is still queued.
    assert len(everything) == len(set(everything))
    assert {experiment_id for experiment_id, _ in everything} == submitted
    assert all(fence == 1 for _, fence in everything)


def test_cancel_and_finish_race_and_exactly_one_wins(scene: Scene) -> None:
    """Caught when mutated: a finish that does not look at the status, an end_cancelled that does not either."""
    for _ in range(10):
        held = scene.running()
        reason = StatusReason.CANCELLED_BY_CLIENT
        scene.write(results.cancel, scene.project_id, held.id, scene.tick(), reason)
        won = together(
            lambda held=held: scene.write(results.finish, held.id, held.fence, measurement(), scene.now),
            lambda held=held: scene.write(results.end_cancelled, held.id, held.fence, scene.now),
        )
        assert sorted(won) == [False, True]
        view = scene.view(held.id)
        assert view.status is (Status.SUCCEEDED if won[0] else Status.CANCELLED)
        assert bool(view.metrics) is won[0]
        assert len(scene.kinds(held.id)) == 4


def test_a_cancel_that_meets_a_claim_asks_the_claimer_to_stop(scene: Scene) -> None:
    """Caught when mutated: cancel reads the status without a lock; it then answers cancelled, and nothing is."""
    scene.write(claims.register_worker, identity(), scene.now)
    experiment_id = scene.submit()
    reason = StatusReason.CANCELLED_BY_CLIENT
    with ThreadPoolExecutor(1) as pool:
        with scene.database.write() as session:
            assert claims.claim(session, "wrk_a", CPU, scene.now) is not None
            answer = pool.submit(scene.write, results.cancel, scene.project_id, experiment_id, scene.now, reason)
            assert not wait([answer], timeout=0.3).done  # it waits for the claim to be committed
        assert answer.result() == CancelAnswer(status=Status.RUNNING, cancelling=True)
    assert scene.view(experiment_id).cancelling


def test_two_reapers_take_a_lease_back_once(scene: Scene) -> None:
    """Caught when mutated: the status left out of what a take-back moves; rows would be given back twice."""
    for _ in range(5):
        held = scene.running()
        (lease,) = scene.read(chores.leases)
        taken = together(*[lambda lease=lease: scene.write(chores.take_back, lease.id, lease.beat, scene.now)] * 3)
        assert sorted(taken) == [0, 0, 1]
        assert scene.kinds(held.id).count("queued") == 2
        scene.write(results.cancel, scene.project_id, held.id, scene.tick(), StatusReason.CANCELLED_BY_CLIENT)


def test_a_beat_in_the_last_moment_saves_its_lease(scene: Scene) -> None:
    """Caught when mutated: the beat read without a lock, so that one being written is not seen."""
    held = scene.running()
    (lease,) = scene.read(chores.leases)
    with ThreadPoolExecutor(1) as pool:
        with scene.database.write() as session:
            assert claims.beat(session, lease.id, "wrk_a", scene.now)
            taken = pool.submit(scene.write, chores.take_back, lease.id, lease.beat, scene.now)
            assert not wait([taken], timeout=0.3).done  # it waits for the beat to be committed
        assert taken.result() == 0
    assert scene.view(held.id).status is Status.RUNNING


def test_results_that_share_bytes_do_not_wait_for_each_other_for_ever(scene: Scene) -> None:
    """Caught when mutated: blobs stored in the order of the artifacts (PostgreSQL finds a deadlock)."""
    for _ in range(8):
        first, second = scene.running(), scene.running()
        shared = [model(b"x" * 50_000, "x"), model(b"y" * 50_000, "y"), model(b"z" * 50_000, "z")]
        won = together(
            lambda held=first, shared=shared: scene.write(
                results.finish, held.id, held.fence, measurement(artifacts=shared), scene.now
            ),
            lambda held=second, shared=shared: scene.write(
                results.finish, held.id, held.fence, measurement(artifacts=shared[::-1]), scene.now
            ),
        )
        assert won == [True, True]


def test_blobs_in_use_survive_a_collection_at_the_same_moment(scene: Scene) -> None:
    """Caught when mutated: bytes stored without locking them; the foreign key is the second guard."""
    for number in range(8):
        held = scene.running()
        weights = b"weights %d" % number
        together(
            lambda held=held, weights=weights: scene.write(
                results.finish, held.id, held.fence, measurement(artifacts=[model(weights)]), scene.now
            ),
            lambda: scene.write(chores.drop_unused_blobs),
        )
        assert scene.read(queries.named_content, held.id, "model.safetensors") == weights


def test_one_key_from_eight_threads_makes_one_experiment_and_one_reply(scene: Scene) -> None:
    """Caught when mutated: looking for the key before inserting it; on PostgreSQL all eight then submit."""

    def post() -> StoredReply:
        with scene.database.write() as session:
            found = submissions.replay(session, project_id=scene.project_id, **REQUEST)
            if found is not None:
                return found
            made = submissions.submit(session, new_experiment(), project_id=scene.project_id, now=scene.now)
            reply = StoredReply(status=202, body=made, headers={"Location": f"/v1/experiments/{made}"})
            submissions.store_reply(session, project_id=scene.project_id, **REQUEST, reply=reply, now=scene.now)
            return reply

    replies = together(*[post] * 8)
    assert all(reply == replies[0] for reply in replies)
    with scene.database.read() as session:
        assert session.execute(select(func.count()).select_from(ExperimentRow)).scalar_one() == 1
