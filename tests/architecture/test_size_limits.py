"""Every file and every function stays short enough to be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LINES = 300
FUNCTION_LINES = 40  # a function has fewer


def python_files() -> Iterator[Path]:
    """Yield each Python file that the limits hold for."""
    for folder in ("service", "workers", "tests"):
        yield from (ROOT / folder).rglob("*.py")
    yield from (ROOT / "migrations").glob("*.py")


def too_long(path: Path) -> list[str]:
    """List what exceeds a limit in one file, each with its length in lines."""
    source = path.read_text()
    lines = len(source.splitlines())
    found = [f"{path}: {lines} lines"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= FUNCTION_LINES:
                found.append(f"{path}:{node.lineno} {node.name}: {length} lines")
    return found


def test_no_file_and_no_function_is_too_long() -> None:
    """Catches a file of 301 lines and a function of 40; the test below shows that it looks."""
    files = list(python_files())
    assert len(files) > 20
    assert [found for path in files for found in too_long(path)] == []


def test_the_limits_refuse_one_line_more(tmp_path: Path) -> None:
    """The negative control: the longest that is allowed passes, one line more does not."""
    path = tmp_path / "long.py"
    path.write_text("x = 1\n" * 300)
    assert too_long(path) == []
    path.write_text("x = 1\n" * 301)
    assert too_long(path) == [f"{path}: 301 lines"]
    path.write_text("async def f():\n" + "    x = 1\n" * 38)
    assert too_long(path) == []
    path.write_text("class A:\n    def f():\n" + "        x = 1\n" * 39)
    assert too_long(path) == [f"{path}:2 f: 40 lines"]
