"""Two workers on PostgreSQL share the work and the rings."""

import pytest

from tests.supervisor.laboratory import LONG, SELDOM_SECONDS, Laboratory, spec
from workers.experiments.lifecycle import Status


@pytest.fixture
def two_workers(postgres_laboratory: Laboratory) -> Laboratory:
    """A laboratory with two warm workers that only look when they are rung."""
    workers = [postgres_laboratory.worker(ready=False, poll_seconds=SELDOM_SECONDS) for _ in range(2)]
    for worker in workers:
        worker.await_ready()
    return postgres_laboratory


def test_two_workers_share_rings_and_run_each_experiment_once(two_workers: Laboratory) -> None:
    """Catches a busy worker that takes the rings meant for an idle one, and a claim that two can win."""
    busy = [two_workers.submit_and_ring(spec(steps=LONG, width=width)) for width in (8, 9)]
    two_workers.wait([id for ids in busy for id in ids], Status.RUNNING)
    assert len({two_workers.attempts(ids[0])[0].worker for ids in busy}) == 2
    for (id,) in busy:
        two_workers.cancel(id)
    two_workers.wait([id for ids in busy for id in ids], Status.CANCELLED)

    ids = [id for seed in range(40) for id in two_workers.submit_and_ring(spec(seed=seed, steps=2_000))]
    two_workers.wait(ids, Status.SUCCEEDED)
    attempts = [two_workers.attempts(id) for id in ids]
    assert {len(each) for each in attempts} == {1}
    assert len({each[0].worker for each in attempts}) == 2
