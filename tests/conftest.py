"""Fixtures for all tests: real servers for the session, a fresh database for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import (
    copied_sqlite,
    migrated_postgres,
    migrated_sqlite,
    postgres_database,
    psycopg_url,
    sqlite_url,
)
from tests.servers import find_postgres, postgres_server, valkey_server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an admin database: WHYDEEP_TEST_DATABASE_URL, or a server of this session's own."""
    given = os.environ.get("WHYDEEP_TEST_DATABASE_URL")
    if given:
        yield psycopg_url(given)
        return
    with postgres_server(find_postgres()) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Celery URL of a Valkey server of this session's own."""
    with valkey_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Name of the database that the test runs on: it runs once on each."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh, empty database."""
    if database_kind == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def migrated_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh database with the newest schema and no rows."""
    if database_kind == "sqlite":
        yield copied_sqlite(request.getfixturevalue("sqlite_template"), tmp_path / "migrated.db")
        return
    template = request.getfixturevalue("postgres_template")
    with postgres_database(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File with the newest schema, to be copied."""
    return migrated_sqlite(tmp_path_factory.mktemp("template") / "migrated.db")


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """Name of a PostgreSQL database with the newest schema, to be copied."""
    with migrated_postgres(postgres_url) as name:
        yield name
