"""A whole service for a benchmark: database and broker by URL, the API and two training workers; or `whydeep up`."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.servers import find_postgres, postgres_server, valkey_server

WHYDEEP = str(Path(sys.executable).with_name("whydeep"))
PORT = 8901
URL = f"http://127.0.0.1:{PORT}"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
WORKERS = 2
START_SECONDS = 60


@contextlib.contextmanager
def by_url():
    """Yield the environment of migrated servers: those that WHYDEEP_*_URL name, or private ones that flush."""
    with contextlib.ExitStack() as stack:
        database = os.environ.get("WHYDEEP_DATABASE_URL") or stack.enter_context(
            postgres_server(find_postgres(), durable=True)
        )
        broker = os.environ.get("WHYDEEP_BROKER_URL") or stack.enter_context(valkey_server())
        environment = os.environ | ONE_THREAD | {"WHYDEEP_DATABASE_URL": database, "WHYDEEP_BROKER_URL": broker}
        subprocess.run([WHYDEEP, "migrate"], env=environment, check=True, stdout=sys.stderr)
        yield environment


@contextlib.contextmanager
def processes(environment):
    """Run the API, two training workers and nothing else."""
    commands = [
        ["api", "--port", str(PORT)],
        *(["worker", "--queue", "cpu", "--name", f"w{number}"] for number in range(WORKERS)),
    ]
    running = [
        subprocess.Popen([WHYDEEP, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=30)


@contextlib.contextmanager
def embedded():
    """Yield the address of `whydeep up` with two training workers, on SQLite in a folder of its own."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
    with tempfile.TemporaryDirectory(prefix="wd-") as folder, Path(folder, "log").open("w+b") as log:
        service = subprocess.Popen(
            [WHYDEEP, "up", "--port", "0", "--workers", str(WORKERS)],
            env=inherited | {"WHYDEEP_HOME": f"{folder}/home", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield _address(service, Path(folder, "log"))
        finally:
            service.terminate()
            service.wait(timeout=60)


def wait_until_ready(client):
    """Return when the API answers."""
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the API did not start")


def _address(service, log):
    """Return the address once the service has printed it."""
    deadline = time.monotonic() + START_SECONDS
    while service.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"serves (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise SystemExit(f"the service did not start:\n{log.read_text()}")
