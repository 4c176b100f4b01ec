"""A worker whose broker forgets everything, stops, or was never there: it polls, and it still ends."""

import time
from pathlib import Path

import pytest
import redis

from tests.databases import copied_sqlite
from tests.servers import valkey_server
from tests.supervisor.conftest import laboratory_on
from tests.supervisor.laboratory import Laboratory, spec
from workers.experiments.lifecycle import Status


def test_an_emptied_and_then_a_stopped_broker_cost_the_time_of_a_poll(sqlite_template: Path, tmp_path: Path) -> None:
    """Catches a queue that lives in the broker, and a worker that stops looking when the broker is gone."""
    database_url = copied_sqlite(sqlite_template, tmp_path / "own.db")
    with (
        valkey_server() as url,
        redis.Redis(unix_socket_path=url.partition("://")[2].partition("?")[0]) as client,
        laboratory_on(database_url, url, tmp_path) as laboratory,
    ):
        worker = laboratory.worker()
        ids = laboratory.submit(*(spec(seed=seed) for seed in range(5)))
        laboratory.bell.ring("cpu")
        client.flushall()
        laboratory.wait(ids, Status.SUCCEEDED)
        client.shutdown(nosave=True)
        laboratory.wait(laboratory.submit(spec(seed=9)), Status.SUCCEEDED)
        begun = time.monotonic()
        worker.process.terminate()
        worker.process.wait(timeout=20)
        assert time.monotonic() - begun < 10.0


@pytest.fixture
def brokerless(sqlite_template: Path, tmp_path: Path) -> Laboratory:
    """A laboratory whose broker does not exist."""
    url = f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0"
    return Laboratory(copied_sqlite(sqlite_template, tmp_path / "own.db"), url, tmp_path)


def test_a_worker_without_a_broker_works_and_rings_that_go_elsewhere_change_nothing(brokerless: Laboratory) -> None:
    """Catches threads that start only when the broker has answered (`worker_ready`), and -Q deciding what is claimed.

    The worker consumes the queue `gpu` and is told to serve `cpu`: its Celery side is deaf twice over.
    """
    try:
        brokerless.worker("gpu", queue="cpu")
        (id,) = brokerless.submit(spec())
        brokerless.wait([id], Status.SUCCEEDED)
    finally:
        brokerless.close()
