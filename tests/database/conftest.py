"""Fixtures of the database tests: each test runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.database.scene import Scene
from tests.databases import copied_sqlite, postgres_database
from workers.database.models import Base
from workers.database.queries import ensure_project
from workers.database.session import Database


@pytest.fixture(scope="session")
def shared_postgres(postgres_url: str, postgres_template: str) -> Iterator[Database]:
    """One migrated PostgreSQL database for all tests: emptying it is ten times faster than a copy."""
    with postgres_database(postgres_url, postgres_template) as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def database(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database without rows."""
    if database_kind == "sqlite":
        database = Database(copied_sqlite(request.getfixturevalue("sqlite_template"), tmp_path / "migrated.db"))
        yield database
        database.dispose()
        return
    database = request.getfixturevalue("shared_postgres")
    with database.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
    yield database


@pytest.fixture
def scene(database: Database) -> Scene:
    """A project on that database."""
    with database.write() as session:
        return Scene(database=database, project_id=ensure_project(session))
