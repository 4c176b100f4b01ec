"""Who takes what from the queue, and in which order."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.builders import new_experiment, spec_json
from tests.database.scene import CPU, Scene, identity, measurement, model
from tests.databases import copied_sqlite
from workers.database import chores, claims, queries, results
from workers.database.session import Database
from workers.database.values import Abilities, Claim, ModelSource, WorkerIdentity
from workers.experiments.codec import encode
from workers.experiments.lifecycle import Status

GPU = Abilities(queue="gpu", spec_version=1, fingerprint={"device": "cuda"})


def ids(claim: Claim | None) -> list[str]:
    """Return the ids of a claim's experiments."""
    return [] if claim is None else [each.id for each in claim.experiments]


def other_shape(width: int = 3) -> dict[str, object]:
    """Return a spec of a shape of its own."""
    return spec_json(architecture={"width": width})


def test_nothing_is_claimed_from_an_empty_queue(scene: Scene) -> None:
    """Caught when mutated: a lease left behind by an empty claim."""
    assert scene.claim() is None
    assert scene.read(chores.leases) == []


def test_a_claim_tells_all_that_the_runner_needs(scene: Scene) -> None:
    """Caught when mutated: fence or attempt not raised; the spec of another row."""
    experiment_id = scene.submit(timeout_seconds=60.0)
    claim = scene.claim()
    assert claim is not None
    (claimed,) = claim.experiments
    assert (claimed.id, claimed.fence, claimed.attempt, claimed.timeout_seconds) == (experiment_id, 1, 1, 60.0)
    assert claimed.spec == scene.view(experiment_id).spec
    assert claimed.source is None
    view = scene.view(experiment_id)
    assert (view.status, view.started_at) == (Status.RUNNING, scene.now)
    (lease,) = scene.read(chores.leases)
    assert (lease.id, lease.beat, lease.worker) == (claim.lease_id, 0, identity())


def test_order_is_priority_then_turn_then_age(scene: Scene) -> None:
    """Caught when mutated: any of the three left out of the order, or one of them reversed."""
    with scene.database.write() as session:
        other = queries.ensure_project(session, "other")
    first = [scene.submit() for _ in range(3)]
    second = [scene.submit(project_id=other) for _ in range(2)]
    low, high = scene.submit(priority=0), scene.submit(priority=2)
    expected = [high, first[0], second[0], first[1], second[1], first[2], low]
    assert [claimed for _ in expected for claimed in ids(scene.claim(least=1, most=1))] == expected


def test_jobs_ahead_counts_those_before(scene: Scene) -> None:
    """Caught when mutated: other queues counted; the order of the claim not followed."""
    waiting = [scene.submit() for _ in range(3)]
    scene.submit(spec=spec_json(device="cuda"), priority=2)
    high = scene.submit(priority=2)
    ahead = [scene.read(queries.jobs_ahead, scene.view(each)) for each in (high, *waiting)]
    assert ahead == [0, 1, 2, 3]
    scene.claim(least=1, most=1)
    assert scene.read(queries.jobs_ahead, scene.view(high)) == 0


def test_companions_have_the_shape_of_the_first(scene: Scene) -> None:
    """Caught when mutated: the shape left out of the companions' condition."""
    alike = [scene.submit(spec=spec_json(seed=seed)) for seed in range(3)]
    others = [scene.submit(spec=other_shape()) for _ in range(2)]
    assert ids(scene.claim()) == alike
    assert ids(scene.claim("wrk_b")) == others
    view = scene.view(alike[0])
    assert view.attempt is not None
    assert view.attempt.population_size == 3


@pytest.mark.parametrize(
    ("queued", "idle", "least", "most", "taken"),
    [(5, 1, 8, 256, 5), (9, 3, 2, 256, 3), (10, 3, 2, 256, 4), (9, 3, 8, 256, 8), (9, 1, 2, 4, 4)],
)
def test_a_worker_takes_its_share(scene: Scene, queued: int, idle: int, least: int, most: int, taken: int) -> None:
    """Expected by hand: min(most, max(least, ceil(queued / idle))).

    Caught when mutated: floor for ceil; busy, lost or foreign workers counted as idle.
    """
    for index in range(1, idle):
        scene.write(claims.register_worker, identity(f"wrk_{index}"), scene.tick())
    scene.write(claims.register_worker, identity("wrk_gpu", "gpu"), scene.tick())
    scene.submit(spec=other_shape())
    assert len(ids(scene.claim("wrk_busy"))) == 1
    scene.write(claims.register_worker, identity("wrk_lost"), scene.now - timedelta(seconds=31))
    for _ in range(queued):
        scene.submit()
    assert len(ids(scene.claim(least=least, most=most))) == taken


@pytest.mark.parametrize(
    "abilities", [GPU, Abilities(queue="cpu", spec_version=0, fingerprint={})], ids=["queue", "spec_version"]
)
def test_a_worker_takes_only_what_it_can_run(scene: Scene, abilities: Abilities) -> None:
    """Caught when mutated: queue or spec version left out of the condition."""
    experiment_id = scene.submit()
    assert scene.claim("wrk_b", abilities) is None
    assert ids(scene.claim()) == [experiment_id]


def test_a_worker_without_a_compiler_leaves_compiled_work_to_others(scene: Scene) -> None:
    """Caught when mutated: the condition dropped from the claim; the ability not written to the worker's row."""
    plain = Abilities(queue="cpu", spec_version=1, fingerprint={"kernel": None})
    compiled, written = (scene.submit(spec=spec_json(training={"steps": steps})) for steps in (200, 199))
    assert ids(scene.claim("wrk_b", plain)) == [written] and scene.claim("wrk_b", plain) is None
    view = scene.view(compiled)
    assert not scene.read(queries.has_taker, view, scene.now)
    assert ids(scene.claim("wrk_a")) == [compiled]
    assert scene.read(queries.has_taker, view, scene.now)


@pytest.mark.parametrize(("backend", "taken"), [("compiled", 2), ("written", 3)])
def test_only_where_few_cost_as_much_as_many_a_worker_takes_more_than_its_share(
    scene: Scene, backend: str, taken: int
) -> None:
    """Three queued, two idle workers. Caught when mutated: the least number taken for every back end."""
    scene.write(claims.register_worker, identity("wrk_b"), scene.tick())
    for _ in range(3):
        scene.submit(spec=spec_json(backend=backend))
    assert len(ids(scene.claim("wrk_a"))) == taken


def test_gpu_work_waits_for_a_gpu_worker(scene: Scene) -> None:
    """Caught when mutated: device cuda not sent to the gpu queue."""
    experiment_id = scene.submit(spec=spec_json(device="cuda"))
    assert scene.view(experiment_id).queue == "gpu"
    assert scene.claim() is None
    assert ids(scene.claim("wrk_g", GPU)) == [experiment_id]


def test_what_waited_too_long_is_not_claimed_but_once_started_it_may_come_back(scene: Scene) -> None:
    """Caught when mutated: the deadline ignored by the claim, or kept after the first claim."""
    late = scene.submit(queue_ttl_seconds=10)
    in_time = scene.submit(queue_ttl_seconds=1000)
    scene.tick(10)
    assert ids(scene.claim()) == [in_time]
    assert scene.view(late).status is Status.QUEUED
    scene.write(results.requeue, in_time, 1, refund=True, ending="released", now=scene.tick(2000))
    assert ids(scene.claim()) == [in_time]


def test_a_suspect_comes_alone(scene: Scene) -> None:
    """Caught when mutated: companions beside a suspect, or a suspect among companions."""
    held = scene.running()
    scene.write(results.requeue, held.id, held.fence, refund=True, ending="crashed", now=scene.tick(), alone=True)
    before, after = scene.submit(priority=2), scene.submit()
    assert ids(scene.claim()) == [before, after]
    later = scene.submit()
    assert [ids(scene.claim()), ids(scene.claim())] == [[held.id], [later]]


def test_a_model_of_experiment_brings_its_source(scene: Scene) -> None:
    """Caught when mutated: the source's spec in place of its model's; sources of other projects given away."""
    source = scene.running()
    assert scene.finish(source, measurement(1.0, artifacts=[model(b"the weights")]))
    again = {"type": "approximation", "target": {"kind": "sine-sum"}, "dataset": spec_json()["dataset"]}
    mine = scene.submit(spec=again | {"model_of": source.id})
    missing = scene.submit(spec=again | {"model_of": "exp_unknown"})
    with scene.database.write() as session:
        other = queries.ensure_project(session, "other")
    foreign = scene.submit(project_id=other, spec=again | {"model_of": source.id})
    claim = scene.claim()
    assert claim is not None
    sources = {each.id: each.source for each in claim.experiments}
    assert sources == {mine: ModelSource(spec=source.spec, model=b"the weights"), missing: None, foreign: None}


def test_a_beat_shows_life_until_the_lease_is_gone(scene: Scene) -> None:
    """Caught when mutated: beats of another worker accepted; a beat on a lost lease that says True."""
    experiment_id = scene.submit()
    claim = scene.claim()
    assert claim is not None
    assert scene.write(claims.beat, claim.lease_id, "wrk_a", scene.tick()) is True
    assert scene.write(claims.beat, claim.lease_id, "wrk_b", scene.tick()) is False
    (lease,) = scene.read(chores.leases)
    assert lease.beat == 1
    assert scene.write(claims.close_lease, claim.lease_id) is False
    assert scene.finish(claim.experiments[0])
    assert scene.write(claims.close_lease, claim.lease_id) is True
    assert scene.write(claims.beat, claim.lease_id, "wrk_a", scene.tick()) is False
    assert scene.view(experiment_id).status is Status.SUCCEEDED


def test_workers_come_and_go(scene: Scene) -> None:
    """Caught when mutated: a worker with a lease forgotten; a lost one counted as live."""
    view = scene.view(scene.submit())
    claim = scene.claim()
    assert claim is not None
    scene.write(claims.forget_worker, "wrk_a")
    assert scene.write(claims.touch_worker, "wrk_a", scene.tick()) is True
    assert scene.read(queries.has_taker, view, scene.now)
    assert not scene.read(queries.has_taker, view, scene.now + timedelta(seconds=31))
    scene.finish(claim.experiments[0])
    scene.write(claims.close_lease, claim.lease_id)
    scene.write(claims.forget_worker, "wrk_a")
    assert scene.write(claims.touch_worker, "wrk_a", scene.tick()) is False


def test_a_worker_on_another_fingerprint_starts_without_the_points_of_the_last(scene: Scene) -> None:
    """Caught when mutated: foreign points kept; they would make the replay look nondeterministic."""
    held = scene.running()
    report = results.Report(id=held.id, fence=held.fence, curves=measurement(2.0).curves)
    scene.write(results.record, [report])
    for fence, threads in ((1, 1), (2, 2)):
        scene.write(results.requeue, held.id, fence, refund=True, ending="released", now=scene.tick())
        scene.claim(
            abilities=Abilities(queue="cpu", spec_version=1, fingerprint={**CPU.fingerprint, "threads": threads})
        )
        left = scene.read(queries.curves_of, held.id)
        assert bool(left) is (threads == 1)
    assert scene.view(held.id).metrics == {}


def test_an_identity_can_be_told_from_any_other_process(scene: Scene) -> None:
    """Caught when mutated: process_started rounded, so that a reused pid looks alive."""
    precise = WorkerIdentity(
        id="wrk_p", host="h", pid=2**31, boot_id="b", process_started=1732348123.4567891, queue="cpu"
    )
    scene.submit()
    with scene.database.write() as session:
        claims.register_worker(session, precise, scene.now)
        assert claims.claim(session, "wrk_p", CPU, scene.now) is not None
    assert scene.read(chores.leases)[0].worker == precise


def test_a_claimed_spec_is_the_submitted_one_to_the_bit(scene: Scene) -> None:
    """Caught when mutated: a number that changes on its way through JSON."""
    spec = spec_json(training={"optimizer": {"kind": "adam", "learning_rate": 0.1 + 0.2}}, seed=2**63 - 1)
    held = scene.running(spec=spec)
    assert held.spec == encode(new_experiment(spec=spec).spec)
    assert held.spec["training"]["optimizer"]["learning_rate"] == 0.1 + 0.2


def test_the_first_in_line_is_found_by_an_index(sqlite_template: Path, tmp_path: Path) -> None:
    """Caught when mutated: the status bound as a parameter, which hides the partial index from SQLite's planner."""
    database = Database(copied_sqlite(sqlite_template, tmp_path / "migrated.db"))
    scene = Scene(database=database, project_id="")
    scene.project_id = scene.write(queries.ensure_project)
    seen: list[tuple[str, object]] = []
    event.listen(scene.database.engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    scene.submit()
    scene.claim()
    statement, parameters = next(each for each in seen if "LIMIT" in each[0] and each[0].startswith("SELECT"))
    with scene.database.read() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert [row.detail.split(" (")[0] for row in plan] == ["SEARCH experiments USING INDEX ix_experiments_line"]
    database.dispose()
