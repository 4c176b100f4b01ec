"""The deployment files name commands, settings and files that exist."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from service.commands import main
from service.settings import ServiceSettings
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def variables(settings: type[Settings]) -> set[str]:
    """Name the variables that these settings are read from."""
    return {f"WHYDEEP_{declared.name.upper()}" for declared in dataclasses.fields(settings)}


def parsed(arguments: list[str]) -> click.Context:
    """Parse a command line of whydeep without running it; raise UsageError for one that it does not take."""
    command = main.commands[arguments[0]]
    return command.make_context(arguments[0], arguments[1:])


def test_the_services_are_those_that_the_design_names() -> None:
    """Catches a service that was dropped or renamed."""
    ours = {"migrate", "api", "worker", "inference-worker", "gpu-worker"}
    assert set(OURS) == ours
    assert set(SERVICES) == ours | {"postgres", "redis"}
    assert SERVICES["gpu-worker"]["profiles"] == ["gpu"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_command_is_one_that_whydeep_takes(name: str) -> None:
    """Catches a command or an option that was renamed; the negative control stands below."""
    parsed(OURS[name]["command"])


def test_a_wrong_option_is_refused() -> None:
    """The negative control of the test above."""
    with pytest.raises(click.UsageError):
        parsed(["worker", "--queue", "tpu"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_settings_exist(name: str) -> None:
    """Catches a variable that nothing reads."""
    known = variables(ServiceSettings if name == "api" else Settings)
    assert {key for key in OURS[name]["environment"] if key.startswith("WHYDEEP_")} <= known


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_wait_for_the_schema_and_give_up_their_rights(name: str) -> None:
    """Catches a worker that starts before the migration, and a container that may write or gain rights."""
    service = OURS[name]
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    needs = {"postgres": "service_healthy"} if name == "migrate" else {"migrate": "service_completed_successfully"}
    waits = {other: how["condition"] for other, how in service["depends_on"].items()}
    assert waits.items() >= needs.items()
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_secrets_have_no_defaults_and_only_the_api_is_reachable_from_this_machine() -> None:
    """Catches ${POSTGRES_PASSWORD:-whydeep}, a password in the file and a published database."""
    text = (ROOT / "compose.yaml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(.)", text.replace(":?", "?"))
    assert {name for name, _ in secrets} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "WHYDEEP_SECRET_KEY"}
    assert {after for _, after in secrets} == {"?"}
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:${WHYDEEP_PORT:-8080}:8080"]}


def test_redis_never_evicts_a_message() -> None:
    """Catches a Redis set up as a cache."""
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_only_the_workers_image_has_torch() -> None:
    """Catches an API image of gigabytes."""
    service, workers = ((ROOT / name / "Dockerfile").read_text() for name in ("service", "workers"))
    assert "torch==" not in service
    assert "[workers]" not in service
    assert "torch==2.13.0" in workers


def test_the_deployment_page_explains_every_setting() -> None:
    """Catches a setting that only the code knows."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert [name for name in sorted(variables(ServiceSettings)) if f"`{name}`" not in page] == []
