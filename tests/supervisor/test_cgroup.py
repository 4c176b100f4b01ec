"""The kernel's count of memory kills, read from files as both versions of control groups write them."""

from pathlib import Path

import pytest

from workers.supervisor.cgroup import oom_kills

CASES = [
    ("0::/system.slice/w", "system.slice/w/memory.events", "low 0\nhigh 3\nmax 9\noom 2\noom_kill 4\n", 4),
    ("0::/not/visible/inside", "memory.events", "low 0\noom 2\noom_kill 1\n", 1),
    (
        "4:cpu,memory:/docker/a",
        "memory/docker/a/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
        7,
    ),
    ("4:memory:/docker/a", "memory/memory.oom_control", "oom_kill_disable 0\noom_kill 5\n", 5),
    ("4:cpu:/docker/a", "memory/memory.oom_control", "oom_kill 5\n", 0),
    ("0::/", "elsewhere", "oom_kill 5\n", 0),
    ("0::/", "memory.events", "low 0\n", 0),
]


@pytest.mark.parametrize(("membership", "name", "text", "expected"), CASES)
def test_the_count_is_found_where_the_kernel_keeps_it(
    tmp_path: Path, membership: str, name: str, text: str, expected: int
) -> None:
    """Catches `oom` read for `oom_kill`, and a version of control groups that is not known."""
    path = tmp_path / "cgroup" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (tmp_path / "membership").write_text(membership + "\n")
    assert oom_kills(tmp_path / "cgroup", tmp_path / "membership") == expected


def test_a_system_without_control_groups_has_no_count(tmp_path: Path) -> None:
    """Catches a worker that does not start on such a system."""
    assert oom_kills(tmp_path, tmp_path / "none") == 0
