"""What a process has loaded once it is up, by a look into its sys.modules.

Static contracts do not follow the discovery of components; this does.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ["torch", "numpy", "scipy", "matplotlib", "sklearn", "pandas", "mlxtend"]
WEB = ["flask", "flask_smorest", "marshmallow", "webargs", "apispec", "werkzeug"]
MACHINERY = ["workers.supervisor", "workers.engine", "workers.runner"]

API = "from service.app import create_app; create_app(); import workers.messages"
WORKER = """
import importlib
from workers.messages import celery
from workers.catalogue.load import load
for name in celery.conf.imports:
    importlib.import_module(name)
load()
"""


def loaded(code: str, suspects: list[str], home: Path) -> set[str]:
    """Run code in a fresh process; return which of the suspects it has loaded."""
    look = f"{code}\nimport json, sys\nprint(json.dumps([name for name in {suspects!r} if name in sys.modules]))"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
    done = subprocess.run(
        [sys.executable, "-c", look],
        cwd=ROOT,
        env=environment | {"WHYDEEP_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "suspects"), [(API, HEAVY + MACHINERY), (WORKER, [*HEAVY, *WEB, "workers.engine.population"])]
)
def test_a_process_loads_only_what_it_needs(tmp_path: Path, code: str, suspects: list[str]) -> None:
    """Catches an import at the top of a component, and one behind the discovery of components."""
    assert loaded(code, suspects, tmp_path) == set()


@pytest.mark.parametrize(
    ("code", "offence", "suspects"),
    [(API, "import numpy", HEAVY), (WORKER, "import marshmallow", WEB)],
)
def test_the_look_sees_an_offence(tmp_path: Path, code: str, offence: str, suspects: list[str]) -> None:
    """The negative control: the same processes with one wrong import."""
    assert offence.split()[1] in loaded(f"{code}\n{offence}", suspects, tmp_path)
