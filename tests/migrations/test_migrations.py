"""Revisions: up, down, up with rows inside; the models agree; two processes at once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, delete, func, inspect, select
from sqlalchemy.exc import IntegrityError

from tests.database.scene import Scene, measurement, model
from workers.database import migrate, queries
from workers.database.inferences import ask
from workers.database.models import Base, BlobRow, ProjectRow
from workers.database.session import Database

ROOT = Path(__file__).parents[2]
REVISIONS = [script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()][::-1]
OPTIONS = {"compare_type": True, "compare_server_default": True}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database that starts empty."""
    database = Database(database_url)
    yield database
    database.dispose()


def fill(database: Database) -> tuple[Scene, str]:
    """Leave rows in every table and return a finished experiment."""
    with database.write() as session:
        scene = Scene(database=database, project_id=queries.ensure_project(session))
    claimed = scene.running(tags=("smoke",), metadata={"a": "b"})
    assert scene.finish(claimed, measurement(3.0, 1.0, artifacts=[model()]))
    scene.write(ask, scene.project_id, claimed.id, [[0.5]], scene.tick())
    scene.running()
    return scene, claimed.id


def tables(database: Database) -> set[str]:
    """Return the names of our tables."""
    with database.read() as session:
        return set(inspect(session.connection()).get_table_names()) - {"alembic_version"}


def differences(database: Database) -> list[Any]:
    """Return what a new revision would have to change."""
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts=OPTIONS)
        return list(compare_metadata(context, Base.metadata))


def test_every_revision_goes_up_and_down_and_up(database: Database, database_url: str) -> None:
    """Caught when mutated: a table forgotten in a downgrade, or dropped before one that names it."""
    assert REVISIONS[-1] == migrate.head()
    for revision in REVISIONS:
        migrate.upgrade(database_url, revision)
    for below, revision in pairwise(["base", *REVISIONS][::-1]):
        assert migrate.current(database_url) == below
        migrate.downgrade(database_url, revision)
    assert migrate.current(database_url) is None
    assert tables(database) == set()
    migrate.upgrade(database_url)
    assert migrate.is_current(database)


def test_models_and_migrations_agree(database: Database, database_url: str) -> None:
    """Caught when mutated: a column's length, nullability or an index changed in one of the two."""
    migrate.upgrade(database_url)
    assert differences(database) == []


def test_rows_survive_going_up_again(database: Database, database_url: str) -> None:
    """Caught when mutated: an upgrade that makes its tables anew."""
    migrate.upgrade(database_url)
    scene, finished = fill(database)
    before = scene.view(finished)
    migrate.upgrade(database_url)
    assert scene.view(finished) == before


def test_going_down_with_rows_inside_keeps_what_the_older_schema_knows(database: Database, database_url: str) -> None:
    """Caught when mutated: DELETE or CASCADE in a downgrade; a foreign key that forbids it."""
    migrate.upgrade(database_url)
    _, finished = fill(database)
    migrate.downgrade(database_url, "0001")
    assert "experiments" in tables(database)
    assert "metrics" not in tables(database)
    migrate.upgrade(database_url)
    with database.read() as session:
        assert queries.events_of(session, finished)[-1].kind == "succeeded"
        assert session.execute(select(func.count()).select_from(BlobRow)).scalar_one() == 0
    migrate.downgrade(database_url, "base")
    assert tables(database) == set()


def test_foreign_keys_are_checked_after_a_migration_too(database: Database, database_url: str) -> None:
    """Caught when mutated: PRAGMA foreign_keys=OFF left on the connections of the service."""
    migrate.upgrade(database_url)
    scene, _ = fill(database)
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(delete(ProjectRow).where(ProjectRow.id == scene.project_id))


def test_a_failing_migration_changes_nothing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught when mutated: committing step by step; SQLite does so unless told that its DDL is transactional."""
    migrate.upgrade(database_url, "0001")

    def break_off(config: Any, revision: str) -> None:
        upgrade(config, revision)
        raise ZeroDivisionError

    upgrade = migrate.command.upgrade
    monkeypatch.setattr(migrate.command, "upgrade", break_off)
    with pytest.raises(ZeroDivisionError):
        migrate.upgrade(database_url)
    assert migrate.current(database_url) == "0001"
    assert "metrics" not in tables(database)


def test_processes_that_upgrade_at_once_all_succeed(database: Database, database_url: str) -> None:
    """Caught when mutated: no advisory lock on PostgreSQL, plain BEGIN on SQLite."""
    program = "import sys; from workers.database.migrate import upgrade; upgrade(sys.argv[1])"
    command = [sys.executable, "-W", "error", "-c", program, database_url]
    started = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert ends == [("", 0)] * 3
    assert migrate.is_current(database)


def test_a_database_without_a_schema_is_not_current(database: Database) -> None:
    """Caught when mutated: taking a missing version table for an error or for the newest revision."""
    assert migrate.is_current(database) is False


def migrated_by(function: Callable[[Connection], object], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrate by a function in place of a revision."""
    monkeypatch.setattr(migrate.command, "upgrade", lambda config, revision: function(config.attributes["connection"]))
    migrate.upgrade(url)


def test_changing_a_table_takes_nothing_with_it(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught when mutated: foreign keys on while migrating; dropping the old table would delete what names it."""
    migrate.upgrade(database_url)
    scene, finished = fill(database)
    before = scene.view(finished), scene.kinds(finished)

    def copy(connection: Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table(
            "experiments", recreate="always" if database.dialect == "sqlite" else "never"
        ) as batch:
            batch.add_column(Column("extra", Integer()))

    migrated_by(copy, database_url, monkeypatch)
    assert (scene.view(finished), scene.kinds(finished)) == before


def test_a_migration_that_breaks_a_reference_changes_nothing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught when mutated: no check before the commit, where SQLite has its foreign keys off."""
    migrate.upgrade(database_url)
    scene, finished = fill(database)
    with pytest.raises((migrate.MigrationError, IntegrityError)):
        migrated_by(lambda connection: connection.execute(delete(ProjectRow)), database_url, monkeypatch)
    assert scene.view(finished).project_id == scene.project_id
