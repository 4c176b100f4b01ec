"""Connections: settings, transactions, forks, URLs."""

import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from workers.database import session as module
from workers.database.models import ProjectRow
from workers.database.session import Database, DatabaseUrlError, parse_url


def names(database: Database) -> list[str]:
    """Return the names of the projects."""
    with database.read() as session:
        return list(session.scalars(select(ProjectRow.name)))


def test_sqlite_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    """Caught when mutated: leaving a pragma out, or synchronous NORMAL (FULL is 2)."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.read() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    database.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_postgresql_ends_what_takes_too_long(postgres_url: str) -> None:
    """Caught when mutated: connecting without `options`."""
    database = Database(postgres_url)
    with database.write() as session:
        found = [
            session.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    database.dispose()
    assert found == ["30s", "5s", "1min"]


def test_a_write_is_committed_whole_or_not_at_all(database: Database) -> None:
    """Caught when mutated: the driver's autocommit off without a BEGIN of ours (SQLite would keep the first row)."""

    def interrupted() -> None:
        with database.write() as session:
            session.execute(insert(ProjectRow).values(id="prj_1", name="one"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert names(database) == []
    with database.write() as session:
        session.execute(insert(ProjectRow).values(id="prj_1", name="one"))
    assert names(database) == ["one"]


def test_a_read_cannot_write(database: Database) -> None:
    """Caught when mutated: query_only and READ ONLY left out; the row would be lost in silence."""
    with pytest.raises(DBAPIError, match=r"read.?only"), database.read() as session:
        session.execute(insert(ProjectRow).values(id="prj_1", name="one"))
    with database.write() as session:  # the connection goes back fit for writing
        session.execute(insert(ProjectRow).values(id="prj_2", name="two"))
    assert names(database) == ["two"]


def test_a_read_sees_one_snapshot(database: Database) -> None:
    """Caught when mutated: READ COMMITTED on PostgreSQL, where the second SELECT would see the new row."""
    with database.read() as reader:
        before = list(reader.scalars(select(ProjectRow.id)))
        with database.write() as writer:
            writer.execute(insert(ProjectRow).values(id="prj_1", name="one"))
        assert list(reader.scalars(select(ProjectRow.id))) == before
    assert names(database) == ["one"]


def test_writers_that_read_first_wait_for_each_other(database: Database) -> None:
    """Caught when mutated: plain BEGIN for writes; SQLite then fails at once instead of waiting.

    On PostgreSQL the row is locked by SELECT ... FOR UPDATE, as the functions of this layer do.
    """
    with database.write() as session:
        session.execute(insert(ProjectRow).values(id="prj_1", name="0"))

    def count_up() -> None:
        for _ in range(25):
            with database.write() as session:
                row = session.execute(select(ProjectRow).with_for_update()).scalar_one()
                row.name = str(int(row.name) + 1)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(database) == ["100"]


def test_a_locked_database_is_unavailable_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught when mutated: leaking the connection whose BEGIN failed."""
    monkeypatch.setattr(module, "BUSY_MILLISECONDS", 20)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as first:
        first.connection()
        for _ in range(20):  # more than the pool holds
            with pytest.raises(OperationalError, match="locked"), database.write() as second:
                second.connection()
    with database.write() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()


def test_a_forked_child_takes_a_connection_of_its_own(database: Database) -> None:
    """Caught when mutated: no look at the process id; both would talk over the parent's connection."""
    with database.read() as session:
        parents = session.connection().connection.driver_connection
    child = os.fork()
    if child == 0:
        with database.read() as session:
            own = session.connection().connection.driver_connection is not parents
            works = session.execute(text("SELECT 1")).scalar_one() == 1
        os._exit(0 if own and works else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(database) == []


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg_3(scheme: str) -> None:
    """Caught when mutated: no entry for postgres:// in DRIVERS."""
    url = parse_url(f"{scheme}://me:secret@host:5433/name?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.port, url.database, url.password) == ("host", 5433, "name", "secret")


@pytest.mark.parametrize(
    "url", ["mysql://me@host/name", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+psycopg2://host/name"]
)
def test_other_urls_are_refused_with_the_remedy(url: str) -> None:
    """Caught when mutated: passing any URL on to SQLAlchemy."""
    with pytest.raises(DatabaseUrlError, match="sqlite:///<file>"):
        Database(url)
