"""Who a worker is, so that another on the same host can prove that it is dead."""

import os
import socket
from pathlib import Path

import psutil

from workers.database.ids import new_id
from workers.database.values import WorkerIdentity

INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of the Linux kernel
SAME_START_SECONDS = 0.5  # a process id is not reused within it; start times are counted in hundredths


def this_worker(queue: str) -> WorkerIdentity:
    """Return a new identity of this process."""
    return WorkerIdentity(
        id=new_id("wrk"),
        host=host(),
        pid=os.getpid(),
        boot_id=boot_id(),
        process_started=process_started(os.getpid()) or 0.0,
        queue=queue,
    )


def provably_dead(worker: WorkerIdentity) -> bool:
    """Say whether the worker ran on this host and is certainly gone; False where that cannot be known."""
    if worker.host != host():
        return False
    if worker.boot_id != boot_id():
        return True
    started = process_started(worker.pid)
    return started is None or abs(started - worker.process_started) > SAME_START_SECONDS


def host() -> str:
    """Return the host's name, with the process id namespace where it is a container's own."""
    # Two containers may share a name; the process ids of one say nothing about those of the other.
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        namespace = INITIAL_PID_NAMESPACE
    name = socket.gethostname()
    return name if namespace == INITIAL_PID_NAMESPACE else f"{name}/{namespace}"


def boot_id() -> str:
    """Return what changes at each boot of the machine, the empty string where nothing exact is known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_started(pid: int) -> float | None:
    """Return the seconds from boot to the start of a process, None where there is none (a zombie counts as none)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        # The difference is free of the wall clock: a step of it moves both.
        return process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None
