"""Workers that are killed, frozen or asked to leave: nothing is lost, nothing runs twice, the bits stay."""

import signal
import time

import psutil

from tests.supervisor.laboratory import LONG, Laboratory, spec, until
from workers.experiments.lifecycle import Status

STEPS = 40_000


def test_a_killed_worker_leaves_no_runner_and_another_gives_the_same_bits(laboratory: Laboratory) -> None:
    """Catches a runner that outlives its worker, rows that nobody takes back, and a rerun with other bits."""
    first = laboratory.worker()
    ids = laboratory.submit(*(spec(seed=seed, steps=STEPS) for seed in range(3)))
    laboratory.wait_for_progress(ids[0])
    (runner,) = first.runners()
    first.process.kill()
    _, alive = psutil.wait_procs([runner], timeout=2)
    assert alive == []
    begun = time.monotonic()
    laboratory.worker(lease_seconds=3600.0, ready=False)  # only the proof that the owner is dead can be in time
    until(lambda: laboratory.view(ids[0]).status is Status.QUEUED, lambda: laboratory.describe(ids))
    assert time.monotonic() - begun < 10.0
    laboratory.wait(ids, Status.SUCCEEDED)
    assert [len(laboratory.attempts(id)) for id in ids] == [2, 2, 2]
    undisturbed = laboratory.submit(*(spec(seed=seed, steps=STEPS) for seed in range(3)))
    laboratory.wait(undisturbed, Status.SUCCEEDED)
    assert [laboratory.model(id) for id in ids] == [laboratory.model(id) for id in undisturbed]
    assert not any(view.nondeterministic for view in map(laboratory.view, ids))


def test_a_frozen_worker_loses_its_rows_and_cannot_write_when_it_wakes(laboratory: Laboratory) -> None:
    """Catches a reaper that never acts, a fence that does not close, and a zombie that writes a second result."""
    frozen = laboratory.worker()
    (id,) = laboratory.submit(spec(steps=LONG))
    laboratory.wait_for_progress(id)
    (runner,) = frozen.runners()
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        laboratory.worker()
        until(lambda: len(laboratory.attempts(id)) == 2, lambda: laboratory.describe([id]))
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    psutil.wait_procs([runner], timeout=5)
    assert not runner.is_running()
    frozen.await_log("population ended: fenced")
    assert laboratory.view(id).status is Status.RUNNING
    assert [attempt.ending for attempt in laboratory.attempts(id)] == ["lost", None]
    laboratory.cancel(id)
    laboratory.wait([id], Status.CANCELLED)


def test_a_worker_that_is_told_to_leave_gives_back_its_rows_with_their_attempt(laboratory: Laboratory) -> None:
    """Catches an exit that waits for the end of training, and a deployment that spends attempts."""
    worker = laboratory.worker()
    ids = laboratory.submit(spec(steps=LONG), spec(seed=1, steps=LONG))
    laboratory.wait_for_progress(ids[0])
    (runner,) = worker.runners()
    begun = time.monotonic()
    worker.process.terminate()
    assert worker.process.wait(timeout=10) == 0
    assert time.monotonic() - begun < 4.0  # 1.4 s measured
    assert not runner.is_running()
    for id in ids:
        assert laboratory.view(id).status is Status.QUEUED
        assert [attempt.ending for attempt in laboratory.attempts(id)] == ["released"]
    again = laboratory.worker()
    laboratory.wait(ids, Status.RUNNING)
    assert [laboratory.attempts(id)[-1].number for id in ids] == [1, 1]
    again.process.send_signal(signal.SIGINT)  # Ctrl-C, which Celery ends with a status of its own
    again.process.wait(timeout=10)
    assert [laboratory.attempts(id)[-1].ending for id in ids] == ["released", "released"]
    assert [laboratory.view(id).status for id in ids] == [Status.QUEUED, Status.QUEUED]
