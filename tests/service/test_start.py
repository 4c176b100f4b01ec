"""The start: settings that cannot hold are refused, the key is made once, a bad component file stops it."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from service.app import create_app
from service.secret_key import secret_key
from service.settings import ServiceSettings
from tests.databases import sqlite_url
from workers.catalogue.kinds import targets
from workers.catalogue.registry import RegistrationError
from workers.settings import SettingsError, read_settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AUTH", "keys"), ("AUTH", "None"), ("PORT", "http"), ("MAX_PARAMETERS", "0"), ("MAX_FLOPS", "-1"),
     ("MAX_BODY_BYTES", "1e6"), ("MAX_WAITERS", "0")],
)  # fmt: skip
def test_a_setting_that_cannot_hold_is_named(variable: str, value: str) -> None:
    """Caught mutation: an unknown auth taken as none."""
    with pytest.raises(SettingsError, match=f"WHYDEEP_{variable}="):
        read_settings(ServiceSettings, {f"WHYDEEP_{variable}": value})


def test_settings_come_from_the_environment() -> None:
    """Caught mutation: names that differ from the fields'."""
    settings = read_settings(ServiceSettings, {"WHYDEEP_PORT": "81", "WHYDEEP_ALLOWED_HOSTS": "A.example,b"})
    assert settings.port == 81
    assert settings.host_names == {"127.0.0.1", "localhost", "[::1]", "a.example", "b"}


def test_the_key_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    """Caught mutations: a key per start; a key that others may read."""
    settings = ServiceSettings(home=tmp_path / "home")
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(secret_key(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1 and len(keys[0]) >= 43
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]
    assert stat.S_IMODE((tmp_path / "home" / "secret_key").stat().st_mode) == 0o600


def test_the_operator_s_key_is_taken_and_nothing_written(tmp_path: Path) -> None:
    """Caught mutation: a key under home that wins."""
    settings = ServiceSettings(home=tmp_path / "home", secret_key="given")
    assert secret_key(settings) == "given"
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Caught mutation: an OSError without the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="WHYDEEP_SECRET_KEY"):
        secret_key(ServiceSettings(home=tmp_path / "file"))


@pytest.mark.parametrize("text", ["import nothing_of_this_name", "def", "1 / 0"])
def test_a_component_file_that_does_not_import_stops_the_start(tmp_path: Path, text: str) -> None:
    """Caught mutation: a warning in place of the refusal."""
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(RegistrationError, match=r"mine\.py"):
        create_app(ServiceSettings(home=tmp_path / "home", components=str(tmp_path)))


def test_a_component_of_the_operator_s_is_served(
    tmp_path: Path, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catalogue, OpenAPI and validation follow from one file. Caught mutation: schemas built before the folder."""
    monkeypatch.setattr(targets, "_members", dict(targets))  # other tests shall not see it
    (tmp_path / "ours.py").write_text(COMPONENT)
    client = make_app(sqlite_url(tmp_path / "x.db"), components=str(tmp_path)).test_client()
    found = client.get("/v1/catalogue/targets/absolute-of-ours").json
    assert found is not None
    assert (found["description"], found["source"]) == ("|x - center|.", "folklore")
    assert found["example"] == {"kind": "absolute-of-ours", "center": 0.0}
    assert found["schema"]["properties"]["center"]["maximum"] == 1.0
    schemas = client.get("/openapi.json").json["components"]["schemas"]  # type: ignore[index]
    assert schemas["Target"]["discriminator"]["mapping"]["absolute-of-ours"] in str(schemas["Target"]["oneOf"])


COMPONENT = '''
"""A target."""
from dataclasses import dataclass
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter

@targets.register("absolute-of-ours", source="folklore")
@dataclass(frozen=True, kw_only=True)
class Absolute(Target):
    """|x - center|."""

    center: float = parameter(0.0, "where the kink is", minimum=-1.0, maximum=1.0)

    @property
    def box(self):
        return {"x": (-1.0, 1.0)}

    def function(self, seed):
        return lambda x: abs(x - self.center)
'''


def test_the_catalogue_describes_every_component(tmp_path: Path, make_app: Callable[..., Flask]) -> None:
    """Caught mutation: an example that its own decoder refuses; a name that leads nowhere."""
    client = make_app(sqlite_url(tmp_path / "x.db")).test_client()
    for kind in client.get("/v1/catalogue").json["data"]:  # type: ignore[index]
        listed = client.get(kind["links"]["self"]).json["data"]  # type: ignore[index]
        assert [each["name"] for each in listed] == kind["components"]
        for each in listed:
            assert client.get(each["links"]["self"]).json == each
            assert each["description"] and each["source"] and each["example"]
    missing = client.get("/v1/catalogue/target/x")
    assert (missing.status_code, "targets" in missing.json["detail"]) == (404, True)  # type: ignore[index]
    missing = client.get("/v1/catalogue/targets/sine-sun")
    assert (missing.status_code, "sine-sum" in missing.json["detail"]) == (404, True)  # type: ignore[index]
