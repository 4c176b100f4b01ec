"""Two workers on PostgreSQL share the work and the rings, and sit out an absence of the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from tests.supervisor.laboratory import LONG, SELDOM_SECONDS, Laboratory, spec
from workers.experiments.lifecycle import Status


@pytest.fixture(scope="module")
def two_workers(postgres_laboratory: Laboratory) -> Laboratory:
    """A laboratory with two warm workers that only look when they are rung."""
    patience = {"poll_seconds": SELDOM_SECONDS, "lease_seconds": 60.0, "fence_seconds": 30.0}
    workers = [postgres_laboratory.worker(ready=False, **patience) for _ in range(2)]
    for worker in workers:
        worker.await_ready()
    return postgres_laboratory


@contextmanager
def absent(laboratory: Laboratory, admin_url: str) -> Iterator[None]:
    """Cut all connections to the laboratory's database and let nobody in."""
    name = laboratory.database.engine.url.database
    admin = create_engine(admin_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        try:
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    admin.dispose()


def test_an_idle_worker_hears_the_rings_that_a_busy_one_leaves(two_workers: Laboratory) -> None:
    """Catches a busy worker that takes the rings meant for an idle one.

    Redis serves who waits longest: after the ring in the middle that would be the busy worker.
    """
    (first,) = two_workers.submit_and_ring(spec(steps=LONG))
    two_workers.wait([first], Status.RUNNING)
    two_workers.bell.ring("cpu")
    time.sleep(0.5)
    (second,) = two_workers.submit_and_ring(spec(steps=LONG, width=9))
    two_workers.wait([second], Status.RUNNING)
    assert two_workers.owner(first) is not two_workers.owner(second)
    for id in (first, second):
        two_workers.cancel(id)
    two_workers.wait([first, second], Status.CANCELLED)


def test_two_workers_run_each_experiment_once(two_workers: Laboratory) -> None:
    """Catches a claim that two can win: an experiment with two attempts."""
    ids = [id for seed in range(40) for id in two_workers.submit_and_ring(spec(seed=seed, steps=2_000))]
    two_workers.wait(ids, Status.SUCCEEDED)
    attempts = [two_workers.attempts(id) for id in ids]
    assert {len(each) for each in attempts} == {1}
    assert len({each[0].worker for each in attempts}) == 2


def test_a_result_waits_for_a_database_that_is_away(two_workers: Laboratory, postgres_url: str) -> None:
    """Catches a result that is lost, or computed twice, because it could not be written at once.

    The training, of some tenths of a second, ends while no connection to the database is left and none can be made.
    """
    (id,) = two_workers.submit_and_ring(spec(steps=100_000))
    two_workers.wait([id], Status.RUNNING)
    worker = two_workers.owner(id)
    with absent(two_workers, postgres_url):
        worker.await_log("write is tried again")
        time.sleep(1.0)
    two_workers.wait([id], Status.SUCCEEDED)
    assert [each.ending for each in two_workers.attempts(id)] == ["succeeded"]
