"""The heartbeat and its fence, against a database that is really locked."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.databases import copied_sqlite
from tests.supervisor.test_reaper import ELSEWHERE, claimed_by
from workers.database import chores, claims
from workers.database.models import WorkerRow
from workers.database.session import Database
from workers.supervisor.durable import GivenUpError, now, until_written
from workers.supervisor.heart import Heart


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated SQLite file."""
    copied_sqlite(sqlite_template, tmp_path / "heart.db")
    return tmp_path / "heart.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """The database in the file."""
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def killed() -> threading.Event:
    """What the heart does when the lease is lost."""
    return threading.Event()


@pytest.fixture
def heart(database: Database, killed: threading.Event) -> Iterator[Heart]:
    """A beating heart."""
    claim = claimed_by(database, ELSEWHERE)
    heart = Heart(
        database,
        lease_id=claim.lease_id,
        worker_id=ELSEWHERE.id,
        beat_seconds=0.05,
        fence_seconds=0.6,
        on_lost=killed.set,
    )
    heart.start()
    yield heart
    heart.stop()


def beat_of(database: Database) -> int:
    """Return the beat of the one lease."""
    with database.read() as session:
        (lease,) = chores.leases(session)
    return lease.beat


def test_a_heart_beats_and_loses_nothing_while_it_does(
    database: Database, heart: Heart, killed: threading.Event
) -> None:
    """Catches a fence that closes although beats get through."""
    time.sleep(1.0)
    assert beat_of(database) >= 5
    assert not killed.is_set() and not heart.lost.is_set()


def test_the_fence_closes_while_a_beat_hangs(path: Path, heart: Heart, killed: threading.Event) -> None:
    """The locked database lets a beat wait for five seconds: catches a fence that is only looked at between beats."""
    time.sleep(0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        assert killed.wait(3.0)
        assert 0.4 < time.monotonic() - begun < 1.5
    assert heart.lost.is_set()


def test_a_lease_that_was_taken_back_is_known_at_the_next_beat(
    database: Database, heart: Heart, killed: threading.Event
) -> None:
    """Catches a beat whose answer nobody reads: the runner would train on for nothing."""
    time.sleep(0.2)
    with database.write() as session:
        (lease,) = chores.leases(session)
        assert chores.take_back(session, lease.id, lease.beat, now()) == 1
    assert killed.wait(0.5)
    assert heart.lost.is_set()


def test_a_stopped_heart_does_not_kill(database: Database, heart: Heart, killed: threading.Event) -> None:
    """Catches a heart of a finished population that kills the runner of the next."""
    heart.stop()
    with database.write() as session:
        (lease,) = chores.leases(session)
        chores.take_back(session, lease.id, lease.beat, now())
    assert not killed.wait(1.0)


def test_a_write_waits_for_the_database_and_is_done_once(path: Path, tmp_path: Path) -> None:
    """Catches a result that is thrown away because the database was away at that moment."""
    database = Database(f"sqlite:///{tmp_path}/mounted/heart.db")  # a folder that is not there yet
    threading.Timer(0.5, lambda: path.rename(_made(tmp_path / "mounted") / "heart.db")).start()
    begun = time.monotonic()
    done = until_written(database, _register, lambda: False)
    assert time.monotonic() - begun > 0.4
    with database.read() as session:
        assert done == "registered" and session.scalars(select(WorkerRow.id)).all() == [ELSEWHERE.id]
    database.dispose()


def test_a_write_is_given_up_when_the_worker_stops(tmp_path: Path) -> None:
    """Catches a worker that cannot end while its database is away."""
    database = Database(f"sqlite:///{tmp_path}/nowhere/heart.db")
    with pytest.raises(GivenUpError):
        until_written(database, _register, lambda: True)


def test_a_wrong_statement_is_not_tried_again(path: Path) -> None:
    """Catches a mistake of ours that would be repeated for ever: it is raised at the first try."""
    database = Database(f"sqlite:///{path}")
    tries = []

    def write(session: Session) -> None:
        tries.append(1)
        _register(session)
        session.execute(insert(WorkerRow).from_select(["id"], select(WorkerRow.id)))

    with pytest.raises(IntegrityError):
        until_written(database, write, lambda: False)
    assert len(tries) == 1
    database.dispose()


def _register(session: Session) -> str:
    claims.register_worker(session, ELSEWHERE, now())
    return "registered"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
