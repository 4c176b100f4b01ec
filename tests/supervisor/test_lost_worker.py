"""Workers that freeze, are killed or asked to leave: nothing is lost, nothing runs twice, the bits stay.

Each test begins with two warm workers; what the first one has, the other takes over.
"""

import signal
import time

import psutil
import pytest

from tests.supervisor.laboratory import LONG, Laboratory, spec, until
from workers.experiments.lifecycle import Status

STEPS = 15_000


@pytest.fixture(autouse=True)
def _two_workers(laboratory: Laboratory) -> None:
    """Two warm workers."""
    laboratory.pair()


def test_a_frozen_worker_loses_its_rows_and_cannot_write_when_it_wakes(laboratory: Laboratory) -> None:
    """Catches a reaper that never acts, a fence that does not close, and a zombie that writes a second result."""
    (id,) = laboratory.submit(spec(steps=LONG))
    laboratory.wait_for_progress(id)
    frozen = laboratory.owner(id)
    (runner,) = frozen.runners()
    frozen.freeze(laboratory.database)
    try:
        until(lambda: len(laboratory.attempts(id)) == 2, lambda: laboratory.describe([id]))
    finally:
        frozen.process.resume()
    psutil.wait_procs([runner], timeout=5)
    assert not runner.is_running()
    frozen.await_log("population ended: fenced")
    assert laboratory.view(id).status is Status.RUNNING
    assert [attempt.ending for attempt in laboratory.attempts(id)] == ["lost", None]
    laboratory.cancel(id)
    laboratory.wait([id], Status.CANCELLED)


@pytest.mark.parametrize("ask", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_leave_gives_back_its_rows_with_their_attempt(
    laboratory: Laboratory, ask: signal.Signals
) -> None:
    """Catches an exit that waits for the end of training, and a deployment that spends attempts."""
    ids = laboratory.submit(*(spec(seed=seed, steps=LONG, backend="written") for seed in range(2)))
    laboratory.wait_for_progress(ids[0])
    leaving = laboratory.owner(ids[0])
    (runner,) = leaving.runners()
    begun = time.monotonic()
    leaving.process.send_signal(ask)
    leaving.process.wait(timeout=15)
    assert time.monotonic() - begun < 5.0  # 1.3 s measured; Celery's own end is 0.4 s of it
    assert not runner.is_running()
    until(lambda: all(len(laboratory.attempts(id)) == 2 for id in ids), lambda: laboratory.describe(ids))
    for id in ids:
        assert [(each.number, each.ending) for each in laboratory.attempts(id)] == [(1, "released"), (1, None)]
        laboratory.cancel(id)
    laboratory.wait(ids, Status.CANCELLED)


def test_a_killed_worker_leaves_no_runner_and_another_gives_the_same_bits(laboratory: Laboratory) -> None:
    """Catches a runner that outlives its worker, rows that nobody takes back, and a rerun with other bits."""
    specs = [spec(seed=seed, steps=STEPS, backend="written") for seed in range(3)]
    ids = laboratory.submit(*specs)
    laboratory.wait_for_progress(ids[0])
    killed = laboratory.owner(ids[0])
    (runner,) = killed.runners()
    killed.process.kill()
    _, alive = psutil.wait_procs([runner], timeout=2)
    assert alive == []
    laboratory.wait(ids, Status.SUCCEEDED)
    assert [[each.ending for each in laboratory.attempts(id)] for id in ids] == [["lost", "succeeded"]] * 3
    undisturbed = laboratory.submit(*specs)
    laboratory.wait(undisturbed, Status.SUCCEEDED)
    assert [laboratory.model(id) for id in ids] == [laboratory.model(id) for id in undisturbed]
    assert not any(view.nondeterministic for view in map(laboratory.view, ids))
