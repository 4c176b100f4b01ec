"""The schema's revisions: up, down, which one is there; safe while several processes start at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import workers
from workers.database.session import Database, engine_for

WAIT_MILLISECONDS = 120_000  # for another process that migrates
LOCK = 0x77_68_79_64_65_65_70  # "whydeep": the advisory lock of migrations


class MigrationError(Exception):
    """A migration would have left rows that name missing ones; nothing was changed."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema up to `revision`; whoever comes second waits, then finds nothing to do."""
    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to `revision`; "base" drops everything."""
    _migrate(url, lambda config: command.downgrade(config, revision))


def current(url: str) -> str | None:
    """Return the revision of the schema, None where there is none."""
    database = Database(url)
    try:
        return _revision(database)
    finally:
        database.dispose()


def head() -> str:
    """Return the newest revision that this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def is_current(database: Database) -> bool:
    """Say whether the schema is the one that this code was written for."""
    return _revision(database) == head()


def _revision(database: Database) -> str | None:
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def _config() -> Config:
    config = Config()
    # Beside the package, in a checkout and in an installation alike.
    scripts = Path(workers.__file__).parents[1] / "migrations"
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _migrate(url: str, run: Callable[[Config], None]) -> None:
    with _locked(url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        run(config)


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """Yield a connection in a transaction that no other migration runs beside; it commits all or nothing."""
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                yield from _locked_sqlite(connection)
            else:
                yield from _locked_postgresql(connection)
    finally:
        engine.dispose()


def _locked_sqlite(connection: Connection) -> Iterator[Connection]:
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute(f"PRAGMA busy_timeout={WAIT_MILLISECONDS}")
    raw.execute("PRAGMA foreign_keys=OFF")  # a copied table is dropped: nothing may go with it
    with connection.begin():
        yield connection
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise MigrationError(f"{MigrationError.__doc__} First: a row of {broken[0]} names one of {broken[2]}.")


def _locked_postgresql(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SET LOCAL lock_timeout = {WAIT_MILLISECONDS}"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        yield connection
