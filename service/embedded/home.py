"""The folder that holds the embedded service: locked, on a local disk, aware of what an earlier start left."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

NETWORK_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb",
    "smb3",
    "smbfs",
    "afs",
    "ncpfs",
    "glusterfs",
    "ceph",
    "fuse.sshfs",
)


class HomeError(Exception):
    """WHYDEEP_HOME cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def locked(home: Path) -> Iterator[Path]:
    """Create `home` with mode 700, hold its lock, and yield it; raise HomeError when it is taken or unfit."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise HomeError(f"{home}: {error.strerror}; set WHYDEEP_HOME to a folder you may write") from error
    refuse_network(home)
    with (home / "lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise HomeError(f"{home} is in use by process {owner}: stop it, or set another WHYDEEP_HOME") from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield home


def refuse_network(home: Path) -> None:
    """Raise HomeError when `home` lies on a network file system, where SQLite's locks do not hold."""
    mounts = [mount for mount in psutil.disk_partitions(all=True) if home.is_relative_to(mount.mountpoint)]
    mount = max(mounts, key=lambda found: len(found.mountpoint), default=None)
    if mount is not None and mount.fstype.lower() in NETWORK_FILE_SYSTEMS:
        remedy = "set WHYDEEP_HOME, or WHYDEEP_DATABASE_URL to a PostgreSQL"
        raise HomeError(f"{home} is on {mount.fstype}: SQLite needs a local disk; {remedy}")


def remember(home: Path, pids: dict[str, int]) -> None:
    """Write down which processes belong to this home, so that a later start finds them."""
    known = {}
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            known[name] = [pid, psutil.Process(pid).create_time()]
    temporary = home / "processes.json.new"
    temporary.write_text(json.dumps(known))
    temporary.replace(home / "processes.json")


def stop_leftovers(home: Path, patience_seconds: float = 10.0) -> list[str]:
    """Stop what a killed predecessor left running, and return the names; a reused pid is left alone."""
    try:
        known = json.loads((home / "processes.json").read_text())
    except (OSError, ValueError):
        return []
    alive = []
    for name, (pid, created) in known.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            # The start time tells the process from a later one with the same number.
            if abs(process.create_time() - created) < 1.0:
                alive.append((name, process))
    for _, process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs([process for _, process in alive], timeout=patience_seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return [name for name, _ in alive]
