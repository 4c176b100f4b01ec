"""One new file is all that a new component takes: in the operator's folder, and in the tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUMP = '''"""A bump."""

from dataclasses import dataclass

from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import REQUIRED, parameter


@targets.register("gaussian-bump", source="Gauss 1809, Theoria motus")
@dataclass(frozen=True, kw_only=True)
class GaussianBump(Target):
    """exp(-(x / width)**2) on [-1, 1]."""

    width: float = parameter(REQUIRED, "distance at which it falls to 1/e", minimum=0.01, maximum=10.0, example=0.5)

    @property
    def box(self):
        """Return the domain of x."""
        return {"x": (-1.0, 1.0)}

    def function(self, seed):
        """Return the bump (n, 1) to (n, 1)."""
        import numpy as np

        return lambda x: np.exp(-((x / self.width) ** 2))
'''
LOOK = """
import json, os, sys
from pathlib import Path
import workers
from workers.catalogue.load import load
load(os.environ.get("WHYDEEP_COMPONENTS"))
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode, encode
from workers.experiments.jsonschema import all_schemas
from workers.experiments.pages import write_pages
spec = {"type": "approximation", "target": {"kind": "gaussian-bump", "width": 0.5},
        "dataset": {"kind": "sampled"}, "architecture": {"kind": "mlp"}, "training": {"kind": "gradient"}}
try:
    decode(spec | {"target": {"kind": "gaussian-bump", "width": 0}})
    refused = []
except InvalidError as error:
    refused = [problem.pointer for problem in error.problems]
schemas = all_schemas()
pages = [path for path in write_pages(Path(sys.argv[1])) if path.stem == "gaussian-bump"]
from service.app import create_app
client = create_app().test_client()
served = client.get("/v1/catalogue/targets/gaussian-bump").get_json()
document = client.get("/openapi.json").get_json()
print(json.dumps({
    "catalogue": served["source"],
    "openapi": document["components"]["schemas"]["GaussianBumpTarget"] == schemas["GaussianBumpTarget"],
    "tree": str(Path(workers.__file__).parents[1]),
    "decoded": encode(decode(spec))["target"],
    "refused": refused,
    "schema": schemas["GaussianBumpTarget"]["properties"]["width"]["maximum"],
    "union": schemas["Target"]["discriminator"]["mapping"].get("gaussian-bump"),
    "page": [path.read_text().splitlines()[0] for path in pages],
}))
"""


def ran(arguments: list[str], home: Path, tree: Path, components: Path | None) -> str:
    """Run Python on the tree; return its output."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
    environment |= {"PYTHONPATH": str(tree), "WHYDEEP_HOME": str(home)}
    if components is not None:
        environment["WHYDEEP_COMPONENTS"] = str(components)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=["in the operator's folder", "in the tree"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path | None]:
    """Return a tree and a folder of components, one of which has the new file."""
    if request.param == "in the operator's folder":
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "bump.py").write_text(BUMP)
        return ROOT, tmp_path / "mine"
    tree = tmp_path / "tree"
    for folder in ("workers", "service", "migrations", "tests/catalogue"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "tests/__init__.py"):
        shutil.copy(ROOT / file, tree / file)
    (tree / "workers/catalogue/targets/gaussian_bump.py").write_text(BUMP)
    return tree, None


def test_it_appears_everywhere(place: tuple[Path, Path | None], tmp_path: Path) -> None:
    """Validation, schema, page, catalogue, OpenAPI document. Mutation: a list of components kept by hand."""
    found: dict[str, Any] = json.loads(ran(["-c", LOOK, str(tmp_path / "pages")], tmp_path / "home", *place))
    assert found == {
        "catalogue": "Gauss 1809, Theoria motus",
        "openapi": True,
        "tree": str(place[0]),
        "decoded": {"kind": "gaussian-bump", "width": 0.5},
        "refused": ["/target/width"],
        "schema": 10.0,
        "union": "#/components/schemas/GaussianBumpTarget",
        "page": ["# gaussian-bump"],
    }


def test_the_contract_tests_find_it(place: tuple[Path, Path | None], tmp_path: Path) -> None:
    """Six tests of every component and one of targets. Mutation: a contract suite over a fixed list."""
    suite = ["-m", "pytest", "tests/catalogue/test_every_component.py", "-q", "-k", "gaussian-bump"]
    said = ran([*suite, "-p", "no:cacheprovider"], tmp_path / "home", *place)
    assert "7 passed" in said
