"""A training worker on SQLite: one experiment, many, cancelled ones, late ones, and crashes of its runner.

Its worker polls so seldom that only rings and its own look after work make it claim.
"""

import statistics
import time

import psutil
import pytest

from tests.supervisor.laboratory import LONG, Laboratory, WorkerProcess, spec, until
from workers.experiments.lifecycle import Outcome, Status, StatusReason

pytestmark = pytest.mark.usefixtures("worker")


def test_an_experiment_goes_from_queued_through_running_to_succeeded_with_its_model(shared: Laboratory) -> None:
    """Catches a result whose artifacts, curves or attempt are not stored with it."""
    (id,) = shared.submit_and_ring(spec())
    (view,) = shared.wait([id], Status.SUCCEEDED)
    assert shared.events(id) == ["queued", "running", "succeeded"]
    assert view.outcome is Outcome.COMPLETED and view.verified
    assert {"train_loss", "test_loss", "test_l2_error"} <= set(view.metrics)
    assert shared.model(id).find(b"layers.0.weight") > 0
    (attempt,) = shared.attempts(id)
    assert (attempt.number, attempt.population_size, attempt.ending) == (1, 1, "succeeded")


def test_a_ring_makes_a_warm_worker_start_at_once(shared: Laboratory) -> None:
    """The module's worker polls once an hour: without the ring, or with a wrong queue or task name, it never starts."""
    (silent,) = shared.submit(spec(seed=1))
    time.sleep(0.5)
    assert shared.view(silent).status is Status.QUEUED
    (loud,) = shared.submit_and_ring(spec(seed=2))
    view, _ = shared.wait([loud, silent], Status.SUCCEEDED)
    assert view.started_at is not None
    assert (view.started_at - view.created_at).total_seconds() < 1.0  # 0.03 s measured


def test_a_ring_right_after_an_experiment_is_heard_at_once_too(shared: Laboratory) -> None:
    """Catches Celery's loop left to itself, which turns once a second: measured, a wait of 0.5 to 0.85 s."""
    waits = []
    for seed in range(5):
        (view,) = shared.wait(shared.submit_and_ring(spec(seed=seed, steps=100)), Status.SUCCEEDED)
        assert view.started_at is not None
        waits.append((view.started_at - view.created_at).total_seconds())
    assert statistics.median(waits) < 0.4  # 0.05 s measured on a busy machine


def test_experiments_of_one_shape_form_a_population_and_run_once_each(shared: Laboratory) -> None:
    """Catches claims of one row each (no population) and rows that run in two populations (two attempts)."""
    ids = shared.submit_and_ring(*(spec(seed=seed, steps=200 + seed) for seed in range(30)))
    shared.wait(ids, Status.SUCCEEDED)
    attempts = [shared.attempts(id) for id in ids]
    assert {len(each) for each in attempts} == {1}
    assert max(each[0].population_size for each in attempts) == 30


def test_a_running_experiment_is_cancelled_while_its_companions_go_on(shared: Laboratory) -> None:
    """Catches a cancel that waits for the end of the population, or that takes the companions with it."""
    victim, *companions = shared.submit_and_ring(
        spec(steps=LONG), spec(seed=1, steps=20_000), spec(seed=2, steps=20_000)
    )
    shared.wait_for_progress(victim)
    shared.cancel(victim)
    begun = time.monotonic()
    (view,) = shared.wait([victim], Status.CANCELLED)
    assert time.monotonic() - begun < 4.0  # before the chore that fences overdue ones after 5 s
    assert view.status_reason is StatusReason.CANCELLED_BY_CLIENT
    shared.wait(companions, Status.SUCCEEDED)
    assert [shared.attempts(id)[0].population_size for id in companions] == [3, 3]


def test_an_experiment_over_its_time_fails_and_its_companion_goes_on(shared: Laboratory) -> None:
    """Catches a time limit that nobody enforces, and one that ends the whole population."""
    (late,) = shared.submit(spec(steps=LONG), timeout_seconds=1.0)
    (companion,) = shared.submit_and_ring(spec(seed=1, steps=20_000))
    (view,) = shared.wait([late], Status.FAILED)
    assert view.status_reason is StatusReason.TIMED_OUT
    assert view.finished_at is not None and view.started_at is not None
    assert 1.0 <= (view.finished_at - view.started_at).total_seconds() < 3.0
    shared.wait([companion], Status.SUCCEEDED)


def test_the_runner_knows_neither_database_nor_broker(shared: Laboratory, worker: WorkerProcess) -> None:
    """Catches an environment that is inherited whole."""
    (runner,) = worker.runners()
    environment = runner.environ()
    assert not [name for name in environment if "URL" in name or "SECRET" in name or name == "WHYDEEP_HOME"]
    assert not [text for text in environment.values() if shared.database_url in text or shared.broker_url in text]
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "1"
    assert runner.num_threads() < 20


def test_crashes_count_against_who_runs_alone_and_three_are_a_crash_loop(
    shared: Laboratory, worker: WorkerProcess
) -> None:
    """Catches suspects that run together again, companions that pay for a crash, and a poison that is rerun for ever.

    The runner is killed once while both run and three times while the first runs alone.
    """
    poison, companion = shared.submit_and_ring(
        spec(steps=LONG, backend="written"), spec(seed=1, steps=20_000, backend="written")
    )
    for attempts in range(1, 5):
        until(lambda n=attempts: len(shared.attempts(poison)) == n, lambda: shared.describe([poison]))  # type: ignore[misc]
        shared.wait_for_progress(poison)
        kill_runner(worker)
        until(lambda: shared.attempts(poison)[-1].ending is not None, lambda: shared.describe([poison]))
    (view,) = shared.wait([poison], Status.FAILED)
    assert view.status_reason is StatusReason.CRASH_LOOP
    assert view.status_detail is not None and "SIGKILL" in view.status_detail
    told = [(each.number, each.population_size, each.ending) for each in shared.attempts(poison)]
    assert told == [(1, 2, "crashed"), (1, 1, "crashed"), (2, 1, "crashed"), (3, 1, "failed")]
    shared.wait([companion], Status.SUCCEEDED)
    told = [(each.number, each.population_size, each.ending) for each in shared.attempts(companion)]
    assert told == [(1, 2, "crashed"), (1, 1, "succeeded")]


def kill_runner(worker: WorkerProcess) -> None:
    """Kill the runner as the kernel would."""
    (runner,) = worker.runners()
    runner.kill()
    psutil.wait_procs([runner], timeout=5)
