"""How often the kernel killed for memory in the control group of this process."""

from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")


def oom_kills(root: Path = CGROUP_ROOT, membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the kernel's count of out-of-memory kills, 0 where it keeps none."""
    for path in _counters(root, membership):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        counts = dict(line.split(maxsplit=1) for line in lines if " " in line)
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0


def _counters(root: Path, membership: Path) -> list[Path]:
    """Return where the count may stand: version 2 of cgroups, version 1, and each as a container sees it."""
    try:
        groups = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in groups:
        inside = path.lstrip("/")
        if controllers == "":
            found += [root / inside / "memory.events", root / "memory.events"]
        elif "memory" in controllers.split(","):
            found += [root / "memory" / inside / "memory.oom_control", root / "memory" / "memory.oom_control"]
    return found
