"""Fixtures of the database tests: each test runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.database.scene import Scene
from workers.database.queries import ensure_project
from workers.database.session import Database


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """A migrated database without rows."""
    database = Database(migrated_url)
    yield database
    database.dispose()


@pytest.fixture
def scene(database: Database) -> Scene:
    """A project on that database."""
    with database.write() as session:
        return Scene(database=database, project_id=ensure_project(session))
