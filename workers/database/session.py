"""The connection to the database: one engine per process, transactions that read or write."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from sqlalchemy import URL, Connection, CursorResult, Engine, UpdateBase, create_engine, event, insert, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

BUSY_MILLISECONDS = 5_000  # how long SQLite waits for another writer
STATEMENT_MILLISECONDS = 30_000
LOCK_MILLISECONDS = 5_000
IDLE_MILLISECONDS = 60_000  # a transaction left open so long is ended by the server
SILENCE_MILLISECONDS = 20_000  # unanswered for so long, a network connection counts as cut
POOL_SECONDS = 10.0
RECYCLE_SECONDS = 1_800
# Rows read before a change are read anew after it; nothing is looked up in the session instead.
OPTIONS = {"synchronize_session": False, "populate_existing": True}
DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

# What is raised when the database cannot be reached, is locked for too long or is full: worth another try.
UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)


class DatabaseUrlError(ValueError):
    """The database URL cannot be used: give sqlite:///<file> or postgresql://<user>@<host>/<name>."""


class Database:
    """A database by its URL; a process makes one and keeps it."""

    def __init__(self, url: str) -> None:
        self.engine = engine_for(url)
        self.dialect = self.engine.dialect.name
        self._pid = os.getpid()
        # One snapshot for all statements of a read, as SQLite gives anyhow: no half of an old state.
        snapshot = (
            {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.dialect == "postgresql" else {}
        )
        self._readers = self.engine.execution_options(writes=False, **snapshot)
        self._writers = self.engine.execution_options(writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that sees one snapshot and cannot write."""
        with self._session(self._readers) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session whose changes are committed together, or rolled back when an exception leaves it."""
        with self._session(self._writers) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close the connections that are not in use."""
        self.engine.dispose()

    def _session(self, engine: Engine) -> Session:
        if self._pid != os.getpid():  # forked: the parent's connections are not ours to use or close
            self.engine.dispose(close=False)
            self._pid = os.getpid()
        return Session(engine, expire_on_commit=False, execution_options=OPTIONS)


def upsert(session: Session, table: type[Any]) -> Any:
    """Return the INSERT of the session's database that knows ON CONFLICT."""
    return (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(table)


def insert_rows(session: Session, table: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, column name to value, by one statement; without rows do nothing.

    Past the unit of work, which nobody here uses and which costs as much again as sending the rows.
    """
    if rows:
        session.connection().execute(insert(table.__table__), rows)


def changed(session: Session, statement: UpdateBase) -> int:
    """Run an UPDATE or DELETE and return how many rows it met."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def engine_for(url: str) -> Engine:
    """Return an engine with the settings that the promises rest on; raise DatabaseUrlError."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    return create_engine(
        parsed,
        connect_args=_postgresql_arguments(parsed),
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
        pool_timeout=POOL_SECONDS,
        json_serializer=_strict_json,
    )


def parse_url(url: str) -> URL:
    """Return the URL with our driver; postgres://, postgresql:// and postgresql+psycopg:// mean the same."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUrlError(DatabaseUrlError.__doc__) from None  # the URL may hold a password
    driver = DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None or parsed.drivername not in (driver, driver.partition("+")[0], "postgres"):
        raise DatabaseUrlError(f"{DatabaseUrlError.__doc__} Got {parsed.drivername}://.")
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError("An SQLite database must be a file, shared by several processes: sqlite:///<file>.")
    return parsed.set(drivername=driver)


# NaN and infinity are no JSON: PostgreSQL refuses them, so SQLite must too.
_strict_json = partial(json.dumps, allow_nan=False)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_timeout=POOL_SECONDS, json_serializer=_strict_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin_sqlite` does
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    # Deferred, a transaction that reads first and writes then fails at once beside another writer.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    timeouts = {
        "statement_timeout": STATEMENT_MILLISECONDS,
        "lock_timeout": LOCK_MILLISECONDS,
        "idle_in_transaction_session_timeout": IDLE_MILLISECONDS,
    }
    given = url.query.get("options", "")
    options = [*(f"-c {name}={value}" for name, value in timeouts.items()), *([given] if given else [])]
    return {
        "options": " ".join(map(str, options)),
        "connect_timeout": 5,
        "tcp_user_timeout": SILENCE_MILLISECONDS,
    }
