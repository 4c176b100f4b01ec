"""The reaper, with its clock in the test's hand, and the proof of a death on the same host."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from tests.supervisor.laboratory import spec
from workers.catalogue.load import load
from workers.database import claims, queries, submissions
from workers.database.session import Database
from workers.database.values import Abilities, Claim, NewExperiment, WorkerIdentity
from workers.experiments.codec import decode
from workers.experiments.spec import SPEC_VERSION
from workers.supervisor.chores import Reaper
from workers.supervisor.identity import process_started, provably_dead, this_worker

LEASE_SECONDS = 30.0
ELSEWHERE = WorkerIdentity(id="wrk_far", host="far", pid=1, boot_id="b", process_started=1.0, queue="cpu")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """A database without experiments."""
    database = Database(migrated_url)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    """A clock at an arbitrary time."""
    return Clock()


@pytest.fixture
def reaper(database: Database, clock: Clock) -> Reaper:
    """A reaper that has never looked."""
    return Reaper(database, lease_seconds=LEASE_SECONDS, longest_gap_seconds=5.0, clock=clock)


def claimed_by(database: Database, worker: WorkerIdentity) -> Claim:
    """Queue an experiment and let the worker claim it."""
    load()
    now = datetime.now(UTC)
    with database.write() as session:
        project_id = queries.ensure_project(session)
        submissions.submit(session, NewExperiment(spec=decode(spec())), project_id=project_id, now=now)
        claims.register_worker(session, worker, now)
        claim = claims.claim(
            session, worker.id, Abilities(queue="cpu", spec_version=SPEC_VERSION, fingerprint={"kernel": "k"}), now
        )
    assert claim is not None
    return claim


def looks(reaper: Reaper, clock: Clock, count: int, seconds: float = 1.0) -> list[int]:
    """Look repeatedly; return what each look took back."""
    taken = []
    for _ in range(count):
        taken.append(reaper.look())
        clock.now += seconds
    return taken


def test_a_lease_without_a_beat_is_taken_back_after_its_time(database: Database, reaper: Reaper, clock: Clock) -> None:
    """Catches a reaper that acts at its first sight of an old lease, one second early, or never."""
    claimed_by(database, ELSEWHERE)
    assert looks(reaper, clock, 33) == [0] * 30 + [1, 0, 0]


def test_a_beat_starts_the_time_again(database: Database, reaper: Reaper, clock: Clock) -> None:
    """Catches a silence that is counted through a beat."""
    claim = claimed_by(database, ELSEWHERE)
    assert looks(reaper, clock, 25) == [0] * 25
    with database.write() as session:
        assert claims.beat(session, claim.lease_id, ELSEWHERE.id, datetime.now(UTC))
    assert looks(reaper, clock, 32) == [0] * 30 + [1, 0]


def test_time_in_which_the_database_was_away_or_the_reaper_slept_does_not_count(
    database: Database, reaper: Reaper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches an outage, in which no owner could beat, that takes back everything when it ends."""
    claimed_by(database, ELSEWHERE)
    looks(reaper, clock, 2)
    for _ in range(20):
        with monkeypatch.context() as away:
            away.setattr(database, "read", _unreachable)
            with pytest.raises(OperationalError):
                reaper.look()
        clock.now += 5.0
        assert reaper.look() == 0
    clock.now += 3600.0  # a sleep, of which five seconds count
    assert looks(reaper, clock, 25) == [0] * 24 + [1]  # 1 second before it all, 5 of the sleep, 24 after it


def test_an_owner_that_died_on_this_host_is_known_at_once(database: Database, reaper: Reaper) -> None:
    """Catches a proof of death that is never asked for; the owner here is a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_started(process.pid)
        assert started is not None
        owner = replace(this_worker("cpu"), pid=process.pid, process_started=started)
        claimed_by(database, owner)
        assert reaper.look() == 0
        process.communicate(b"\n")
    assert reaper.look() == 1


def test_death_is_proven_by_boot_by_process_and_by_start_and_never_from_another_host() -> None:
    """Each line alone is a mutation: a rule left out, or applied to a worker elsewhere."""
    me = this_worker("cpu")
    assert not provably_dead(me)
    assert provably_dead(replace(me, boot_id="another"))
    assert provably_dead(replace(me, process_started=me.process_started - 5.0))
    assert provably_dead(replace(me, pid=2**22 + 1))  # above the largest process id of Linux
    assert not provably_dead(replace(me, pid=2**22 + 1, host="far"))
    assert not provably_dead(replace(me, boot_id="another", host="far"))


def test_a_zombie_counts_as_dead() -> None:
    """A killed worker whose parent has not asked for its exit status still has an entry in the process table."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_started(process.pid) is None
    process.wait()


def _unreachable() -> object:
    raise OperationalError("SELECT", {}, Exception("connection refused"))
