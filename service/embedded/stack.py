"""Start, watch and stop the processes of the embedded service."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.embedded import broker, home
from service.embedded.child import Child
from service.settings import ServiceSettings

# Each process computes on one thread: two threads on shared cores were measured several times slower.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
STOP_SECONDS = 15.0


class StartError(Exception):
    """The service did not start; the message names the process and shows the end of its log."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `up` shall run."""

    settings: ServiceSettings
    home: Path
    workers: int
    queue: str

    @property
    def url(self) -> str:
        """Return the address of the API."""
        return f"http://{self.settings.host}:{self.settings.port}"


def free_port(host: str) -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def refuse_taken_port(host: str, port: int) -> None:
    """Raise StartError when something already listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another with --port"
            ) from error


class Stack:
    """The running processes: `start` brings all up and revives what dies, `stop` ends all."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan, self.say = plan, say
        self.children: list[Child] = []
        self.stopping = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start broker, API and workers; return when the API answers; raise StartError."""
        environment = self._environment()
        if not self.plan.settings.broker_url:
            path = broker.socket_path(self.plan.home)
            path.unlink(missing_ok=True)
            environment["WHYDEEP_BROKER_URL"] = f"redis+socket://{path}?virtual_host=0"
            self._launch("broker", broker.command(path), environment)
            broker.await_answer(path, seconds=20)
        # Workers first: their runners warm up while the API starts.
        for number in range(self.plan.workers):
            self._launch(f"worker-{number}", worker_command(self.plan.queue, f"worker-{number}"), environment)
        self._launch("inference", worker_command("inference", "inference"), environment)
        self._launch("api", api_command(self.plan.settings.host, self.plan.settings.port), environment)
        self._await_api(seconds=60)
        self.watcher.start()

    def _watch(self) -> None:
        while not self.stopping.wait(0.2):
            for child in self.children:
                if child.revive():
                    self.say(f"{child.name} had ended and was started again; its log is {child.log}")
                    self._remember()

    def stop(self) -> None:
        """Stop all, the broker last; kill what does not stop in time."""
        self.stopping.set()
        if self.watcher.is_alive():
            self.watcher.join()
        serving = [child for child in self.children if child.name != "broker"]
        for child in serving:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in serving:
            child.wait(max(0.1, deadline - time.monotonic()))
        for child in self.children:
            if child.name == "broker":
                child.ask_to_stop()
                child.wait(3.0)
        (self.plan.home / "processes.json").unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill all at once."""
        self.stopping.set()
        for child in self.children:
            child.kill()

    def _launch(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        child = Child(name=name, command=command, environment=environment, log=self.plan.home / "logs" / f"{name}.log")
        child.start()
        self.children.append(child)
        self._remember()

    def _remember(self) -> None:
        home.remember(self.plan.home, {child.name: child.process.pid for child in self.children if child.process})

    def _environment(self) -> dict[str, str]:
        own = {"WHYDEEP_HOME": str(self.plan.home), "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **ONE_THREAD, **address(self.plan.settings), **own}

    def _await_api(self, seconds: float) -> None:
        api = self.children[-1]
        deadline = time.monotonic() + seconds
        while not self.stopping.is_set():
            if api.process is not None and api.process.poll() is not None:
                raise StartError(f"the API ended at once; the end of {api.log}:\n{api.last_lines()}")
            try:
                if httpx.get(f"{self.plan.url}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise StartError(
                    f"the API did not answer within {seconds:g} s; the end of {api.log}:\n{api.last_lines()}"
                )
            time.sleep(0.05)


def address(settings: ServiceSettings) -> dict[str, str]:
    """Return the variables that tell the API where it listens, and so under which name it is addressed."""
    return {"WHYDEEP_HOST": settings.host, "WHYDEEP_PORT": str(settings.port)}


def api_command(host: str, port: int) -> list[str]:
    """Return the command of the API process."""
    options = ["--worker-class", "gthread", "--workers", "1", "--threads", "16", "--bind", f"{host}:{port}"]
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "service.app:create_app()",
        *options,
        "--graceful-timeout",
        "5",
        "--no-control-socket",
    ]


def worker_command(queue: str, name: str) -> list[str]:
    """Return the command of a Celery worker on `queue`."""
    options = ["-Q", queue, "-P", "threads", "-c", "1", "--without-gossip", "--without-mingle", "-n", f"{name}@%h"]
    return [sys.executable, "-m", "celery", "-A", "workers.messages:celery", "worker", *options, "--loglevel", "INFO"]


def on_interrupt(stack: Stack) -> None:
    """Let the first Ctrl-C or SIGTERM stop in order and a second one kill."""
    asked = threading.Event()

    def handle(number: int, frame: object) -> None:
        if asked.is_set():
            stack.kill()
            os._exit(130)
        asked.set()
        stack.stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
