"""Two workers on PostgreSQL share the work."""

from tests.supervisor.laboratory import Laboratory, spec
from workers.experiments.lifecycle import Status


def test_two_workers_run_each_of_forty_experiments_once(postgres_laboratory: Laboratory) -> None:
    """Catches a claim without SKIP LOCKED or without its condition: rows with two attempts."""
    workers = [postgres_laboratory.worker(ready=False) for _ in range(2)]
    for worker in workers:
        worker.await_ready()
    ids = postgres_laboratory.submit(*(spec(seed=seed, steps=2_000) for seed in range(40)))
    postgres_laboratory.bell.ring("cpu")
    postgres_laboratory.wait(ids, Status.SUCCEEDED)
    attempts = [postgres_laboratory.attempts(id) for id in ids]
    assert {len(each) for each in attempts} == {1}
    assert len({each[0].worker for each in attempts}) == 2
