"""The documents say what the code does: generated pages are fresh, links lead somewhere, examples are valid."""

import json
import re
from pathlib import Path

import pytest

from workers.catalogue.load import load
from workers.experiments.codec import decode
from workers.experiments.pages import write_pages

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))


def test_the_component_pages_are_what_the_registry_gives(tmp_path: Path) -> None:
    """Caught mutation: a default changed in a component without `make docs`."""
    load()
    fresh = {path.relative_to(tmp_path): path.read_text() for path in write_pages(tmp_path)}
    kept = ROOT / "docs" / "components"
    assert fresh == {path.relative_to(kept): path.read_text() for path in kept.rglob("*.md")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    """Caught mutation: a page renamed and its link left behind."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def test_the_experiment_of_the_readme_is_valid() -> None:
    """Caught mutation: a field renamed and the README left behind."""
    load()
    body = re.search(r"-d '(\{.*?\n\})'", (ROOT / "README.md").read_text(), re.DOTALL)
    assert body is not None
    decode(json.loads(body[1])["spec"])
