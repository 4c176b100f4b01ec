"""The embedded service as a user starts it, in a folder of its own."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

WHYDEEP = Path(sys.executable).with_name("whydeep")


class Service:
    """A running `whydeep up` with its home and address."""

    def __init__(self, home: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.created = time.time()
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
        given = {**inherited, "WHYDEEP_HOME": str(home), "COLUMNS": "200", **(environment or {})}
        self.log = home.parent / f"{home.name}-up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(WHYDEEP), "up", "--port", "0", *options],
                env=given,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def await_url(self, seconds: float = 60) -> str:
        """Return the address once it is printed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := re.search(r"serves (http://\S+)", self.log.read_text()):
                return found[1]
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def processes(self) -> list[psutil.Process]:
        """Return every living process of this home, and the runners that lost their worker since it started."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.status() != psutil.STATUS_ZOMBIE and (self._is_ours(process) or self._is_orphan(process)):
                    found.append(process)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        # The broker writes its title over its environment, but the title names its socket under home.
        in_title = f"{self.home}/" in " ".join(process.cmdline())
        return in_title or process.environ().get("WHYDEEP_HOME") == str(self.home)

    def _is_orphan(self, process: psutil.Process) -> bool:
        # A runner inherits no variable of ours.
        is_runner = "workers.runner" in process.cmdline()
        return is_runner and process.ppid() == 1 and process.create_time() >= self.created

    def await_nobody(self, seconds: float = 10) -> list[str]:
        """Return what still runs after `seconds`, or nothing."""
        deadline = time.monotonic() + seconds
        while (alive := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [" ".join(process.cmdline()) for process in alive]

    def clear(self) -> None:
        """Kill whatever is left, so that a test that failed leaves nothing either."""
        self.process.kill()
        self.process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start services that are cleared away after the test, whatever came of it."""
    started: list[Service] = []

    def begin(home: Path, *options: str, environment: dict[str, str] | None = None) -> Service:
        started.append(Service(home, *options, environment=environment))
        return started[-1]

    yield begin
    for service in started:
        service.clear()


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One embedded service for the tests that only talk to it."""
    running = Service(tmp_path_factory.mktemp("embedded") / "home")
    try:
        running.await_url()
        yield running
    finally:
        running.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(timeout=40)
        running.clear()


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """An HTTP client of the service."""
    with httpx.Client(base_url=service.await_url(), timeout=60) as http:
        yield http
