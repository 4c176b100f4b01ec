"""Fixtures of laboratories: a database and a broker of their own, and workers that end with them."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases import copied_sqlite, postgres_database
from tests.supervisor.laboratory import SELDOM_SECONDS, Laboratory, WorkerProcess

_broker_numbers = itertools.cycle(range(1, 16))


@contextmanager
def laboratory_on(database_url: str, broker_url: str, folder: Path) -> Iterator[Laboratory]:
    """Yield a laboratory; its workers end afterwards."""
    laboratory = Laboratory(database_url, broker_url, folder)
    try:
        yield laboratory
    finally:
        laboratory.close()


@pytest.fixture(scope="package")
def shared(sqlite_template: Path, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """One laboratory on SQLite for tests that leave nothing running in it."""
    folder = tmp_path_factory.mktemp("shared")
    with laboratory_on(copied_sqlite(sqlite_template, folder / "shared.db"), valkey_url, folder) as laboratory:
        yield laboratory


@pytest.fixture(scope="package")
def worker(shared: Laboratory) -> WorkerProcess:
    """The training worker of the shared laboratory, warm, which looks only when it is rung."""
    return shared.worker(poll_seconds=SELDOM_SECONDS, lease_seconds=60.0, fence_seconds=30.0)


@pytest.fixture(scope="module")
def own_broker(valkey_url: str) -> str:
    """URL of a numbered database of the broker, so that no other module's worker hears the rings."""
    return valkey_url.replace("virtual_host=0", f"virtual_host={next(_broker_numbers)}")


@pytest.fixture(scope="module")
def laboratory(
    sqlite_template: Path, own_broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    """A laboratory on SQLite for one module."""
    folder = tmp_path_factory.mktemp("own")
    with laboratory_on(copied_sqlite(sqlite_template, folder / "own.db"), own_broker, folder) as laboratory:
        yield laboratory


@pytest.fixture(scope="module")
def postgres_laboratory(
    postgres_url: str, postgres_template: str, own_broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    """A laboratory on PostgreSQL for one module."""
    with (
        postgres_database(postgres_url, postgres_template) as url,
        laboratory_on(url, own_broker, tmp_path_factory.mktemp("postgres")) as laboratory,
    ):
        yield laboratory
