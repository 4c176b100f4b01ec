"""Fresh databases for the tests: empty ones, and copies of a migrated one."""

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text


@contextmanager
def postgres_database(admin_url: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a new database, a copy of the template, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    _administrate(admin_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield _written(make_url(admin_url).set(database=name))
    finally:
        _administrate(admin_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def migrated_postgres(admin_url: str) -> Iterator[str]:
    """Yield the name of a database with the newest schema, to serve as a template."""
    with postgres_database(admin_url) as url:
        _upgrade(url)
        name = make_url(url).database or ""
        # A template that anyone is connected to cannot be copied.
        _administrate(admin_url, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        _administrate(admin_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield name


def migrated_sqlite(path: Path) -> Path:
    """Make an SQLite file with the newest schema and nothing left beside it."""
    _upgrade(sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def copied_sqlite(template: Path, path: Path) -> str:
    """Copy an SQLite file and return the copy's URL."""
    shutil.copyfile(template, path)
    return sqlite_url(path)


def sqlite_url(path: Path) -> str:
    """Write the URL of an SQLite file."""
    return f"sqlite:///{path}"


def psycopg_url(url: str) -> str:
    """Write a PostgreSQL URL of any driver as one of psycopg 3."""
    return _written(make_url(url).set(drivername="postgresql+psycopg"))


def _upgrade(url: str) -> None:
    from workers.database.migrate import upgrade

    upgrade(url)


def _administrate(admin_url: str, statement: str) -> None:
    engine = create_engine(admin_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def _written(url: URL) -> str:
    return url.render_as_string(hide_password=False)
