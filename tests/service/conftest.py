"""The application on real databases, and what workers would have done to them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.context import NAME, Context
from service.settings import ServiceSettings
from tests.database.scene import Scene
from tests.databases import copied_sqlite


def application(url: str, home: Path, **changes: object) -> Flask:
    """Return the application on a database; its broker does not exist, which must not matter."""
    given = {"database_url": url, "home": home, "broker_url": f"redis+socket://{home}/none.sock", **changes}
    return create_app(ServiceSettings(**given))  # type: ignore[arg-type]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """A maker of applications, from a database's URL and settings."""
    made: list[Flask] = []

    def make(url: str, **changes: object) -> Flask:
        made.append(application(url, tmp_path / "home", **changes))
        return made[-1]

    yield make
    for app in made:
        app.extensions[NAME].database.dispose()


@pytest.fixture
def app(migrated_url: str, make_app: Callable[..., Flask]) -> Flask:
    """The application on a fresh database, once on each kind."""
    return make_app(migrated_url)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of it."""
    return app.test_client()


@pytest.fixture
def scene(app: Flask) -> Scene:
    """What workers do to the same project."""
    context: Context = app.extensions[NAME]
    return Scene(database=context.database, project_id=context.project_id)


@pytest.fixture(scope="module")
def sqlite_app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application on SQLite for all tests of a file that store nothing."""
    folder = tmp_path_factory.mktemp("service")
    app = application(copied_sqlite(sqlite_template, folder / "shared.db"), folder / "home")
    yield app
    app.extensions[NAME].database.dispose()


@pytest.fixture
def reader(sqlite_app: Flask) -> FlaskClient:
    """A client of the shared application."""
    return sqlite_app.test_client()
