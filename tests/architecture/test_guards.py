"""Each guard of `make lint` catches the mistake that it is there for.

Each case adds one offending import to a copy of the tree and names the guard that must refuse it. The
dynamic half, what a process has really loaded, is in test_process_imports.py: no static contract follows
the discovery of components.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent

# file that the line is added to (made where it does not exist), the line, the contract that breaks
CONTRACTS = [
    ("workers/settings.py", "import service.settings", "the service is built on the workers, never the reverse"),
    ("workers/settings.py", "import workers.experiments.spec", "layers of the experiment system"),
    ("workers/catalogue/registry.py", "import workers.experiments.codec", "layers of the experiment system"),
    ("workers/database/session.py", "import workers.supervisor", "layers of the experiment system"),
    ("workers/unlisted.py", "", "layers of the experiment system"),
    ("workers/catalogue/targets/step.py", "def f() -> None:\n    import torch", "torch lives in the engine"),
    ("workers/supervisor/__init__.py", "import torch", "torch lives in the engine"),
    ("workers/supervisor/__init__.py", "import workers.engine.philox", "torch lives in the engine"),
    ("service/submission.py", "import torch", "torch lives in the engine"),
    ("workers/database/session.py", "import flask", "the web stays in the service"),
    ("workers/experiments/codec.py", "import marshmallow", "the web stays in the service"),
    (
        "service/submission.py",
        "import workers.supervisor",
        "the service sees specs, rows and messages, not the machinery",
    ),
    ("workers/engine/philox.py", "import sqlalchemy", "the science knows neither rows nor messages"),
    ("workers/experiments/spec.py", "import workers.messages", "the science knows neither rows nor messages"),
    (
        "workers/catalogue/targets/step.py",
        "import workers.catalogue.targets.sawtooth",
        "components do not know each other",
    ),
]

# the same for ruff, with the rule that refuses it
RULES = [
    ("workers/catalogue/targets/step.py", "from workers.engine import philox", "TID253"),
    ("workers/catalogue/targets/step.py", "import torch", "TID253"),
    ("service/submission.py", "import numpy as np", "TID253"),
    ("workers/database/session.py", "import scipy.stats", "TID253"),
    ("service/submission.py", "from .settings import Settings", "TID252"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy of both packages and of the configuration of the guards."""
    for package in ("service", "workers"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(path: Path, line: str) -> None:
    """Append a line to a module, which need not exist."""
    text = path.read_text() if path.exists() else '"""A module."""\n'
    path.write_text(f"{text}\n{line}\n")


def broken_contracts(tree: Path) -> set[str]:
    """Return the names of the contracts that do not hold."""
    command = [PROGRAMS / "lint-imports", "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return {line.partition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line}


def refusals(tree: Path, name: str) -> set[str]:
    """Return the codes of ruff's rules that refuse a file."""
    command = [PROGRAMS / "ruff", "check", "--no-cache", "--select", "TID", "--output-format", "concise", name]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return {line.split()[1] for line in done.stdout.splitlines() if line.startswith(name)}


def test_the_tree_as_it_is_breaks_no_contract(tree: Path) -> None:
    """The negative control of the cases below."""
    assert broken_contracts(tree) == set()


@pytest.mark.parametrize(("name", "line", "contract"), CONTRACTS)
def test_a_contract_refuses_the_import(tree: Path, name: str, line: str, contract: str) -> None:
    """Catches a contract that no longer covers the module, or that was deleted."""
    add(tree / name, line)
    assert contract in broken_contracts(tree)


@pytest.mark.parametrize(("name", "line", "rule"), RULES)
def test_ruff_refuses_the_import(tree: Path, name: str, line: str, rule: str) -> None:
    """Catches a module that was taken off the banned list, or a file that was excused."""
    assert refusals(tree, name) == set()
    add(tree / name, line)
    assert refusals(tree, name) == {rule}


def test_the_engine_may_import_torch_and_the_tests_too(tree: Path) -> None:
    """Catches a ban so wide that it would be switched off."""
    add(tree / "workers/engine/philox.py", "import torch")
    assert refusals(tree, "workers/engine/philox.py") == set()
