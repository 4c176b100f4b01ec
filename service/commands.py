"""The `whydeep` command."""

import os
import sys
from pathlib import Path

import click
import httpx
from rich.console import Console

from service.embedded import home, stack
from service.embedded.broker import BrokerError
from service.embedded.home import HomeError
from service.embedded.stack import Plan, Stack, StartError
from service.follow import follow, show, submit
from service.settings import ServiceSettings
from workers.catalogue.kinds import REGISTRIES
from workers.catalogue.load import load
from workers.catalogue.registry import RegistrationError
from workers.settings import SettingsError, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whydeep")
def main() -> None:
    """Measure why deep learning works."""


@main.command()
@click.option("--host", default=None, help="address to listen on [WHYDEEP_HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="port; 0: any free one [WHYDEEP_PORT, else 8080]"
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="training workers, one core each"
)
@click.option(
    "--queue", type=click.Choice(["cpu", "gpu", "cpu,gpu"]), default="cpu", show_default=True, help="what they train on"
)
@click.option(
    "--example", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="experiment to submit and follow"
)
@click.option("--once", is_flag=True, help="stop after the example; exit 0 only if it succeeded")
def up(host: str | None, port: int | None, workers: int, queue: str, example: Path | None, once: bool) -> None:
    """Run the whole service on this machine until Ctrl-C."""
    if once and example is None:
        raise click.UsageError("--once needs --example")
    try:
        settings = _settings(host, port)
        with home.locked(settings.home.expanduser().absolute()) as folder:
            code = _run(Plan(settings=settings, home=folder, workers=workers, queue=queue), example, once)
    except (BrokerError, HomeError, StartError, SettingsError, RegistrationError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


@main.command()
@click.option("--host", default=None, help="address to listen on [WHYDEEP_HOST, else 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="port [WHYDEEP_PORT, else 8080]")
def api(host: str | None, port: int | None) -> None:
    """Run the API alone, for a database and a broker given by URL."""
    settings = _settings(host, port)
    command = stack.api_command(settings.host, settings.port)
    os.environ.update(stack.address(settings))
    os.execv(command[0], command)


@main.command()
@click.option("--queue", type=click.Choice(["cpu", "gpu", "inference"]), default="cpu", show_default=True)
@click.option("--name", default="whydeep", show_default=True, help="Celery's name of this worker, before the @host")
def worker(queue: str, name: str) -> None:
    """Run one worker: an ordinary Celery worker with the options it needs."""
    command = stack.worker_command(queue, name)
    os.environ.update(stack.ONE_THREAD)
    os.execv(command[0], command)


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from workers.database.migrate import current, upgrade

    url = _settings().resolved_database_url
    upgrade(url)
    click.echo(f"schema at revision {current(url)}")


@main.command()
@click.option(
    "--write", type=click.Path(file_okay=False, path_type=Path), help="write a page per component into this folder"
)
def catalogue(write: Path | None) -> None:
    """List what experiments can be made of."""
    try:
        load(_settings().components)
    except RegistrationError as error:
        raise click.ClickException(str(error)) from error
    if write is not None:
        from workers.experiments.pages import write_pages

        click.echo(f"wrote {len(write_pages(write))} pages to {write}")
        return
    for registry in REGISTRIES:
        click.echo(f"{registry.plural}:")
        for name, cls in registry:
            click.echo(f"  {name:20} {(cls.__doc__ or '').splitlines()[0]}")


def _settings(host: str | None = None, port: int | None = None) -> ServiceSettings:
    environment = dict(os.environ)
    if host is not None:
        environment["WHYDEEP_HOST"] = host
    if port is not None:
        environment["WHYDEEP_PORT"] = str(port or stack.free_port(host or environment.get("WHYDEEP_HOST", "127.0.0.1")))
    try:
        settings: ServiceSettings = read_settings(ServiceSettings, environment)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    return settings


def _run(plan: Plan, example: Path | None, once: bool) -> int:
    console = Console(highlight=False)
    load(plan.settings.components)
    for name in home.stop_leftovers(plan.home):
        console.print(f"stopped {name}, left running by an earlier start")
    stack.refuse_taken_port(plan.settings.host, plan.settings.port)
    _migrate(plan)
    running = Stack(plan, console.print)
    stack.on_interrupt(running)
    code = 0
    try:
        with console.status("starting"):
            running.start()
        console.print(f"whydeep serves [bold]{plan.url}[/bold]")
        console.print(f"  documentation {plan.url}/docs\n  data and logs {plan.home}", soft_wrap=True)
        if example is not None:
            code = _example(plan, example, console)
        if not once:
            console.print("Ctrl-C stops it.")
            running.stopping.wait()
    except KeyboardInterrupt:
        code = 130 if once else 0
    finally:
        with console.status("stopping"):
            running.stop()
        console.print("stopped")
    return code


def _migrate(plan: Plan) -> None:
    from workers.database.migrate import upgrade

    upgrade(plan.settings.resolved_database_url)


def _example(plan: Plan, path: Path, console: Console) -> int:
    with httpx.Client(base_url=plan.url, timeout=30) as client:
        experiment = follow(client, submit(client, path), console)
        show(client, experiment, console)
    return 0 if experiment["status"] == "succeeded" else 1
