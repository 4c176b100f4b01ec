"""Every example of docs/filters.md, as the server answers it."""

import json
import re
from pathlib import Path
from urllib.parse import quote

from flask.testing import FlaskClient

from tests.service.requests import EXPERIMENTS, strict
from workers.experiments.filtering.fields import FIELDS, OPEN, PARTS

PAGE = (Path(__file__).parents[2] / "docs" / "filters.md").read_text()
SAFE = "/?&=,"  # of a URL as the page shows it; a filter's own = is read alike with and without its percent sign


def test_the_examples_are_answered_as_the_page_says(client: FlaskClient) -> None:
    """Caught mutations: a message reworded, a member renamed, a rule of missing values changed, and the page not."""
    submissions, *_ = re.findall(r"```json\n(\[.*?\])\n```", PAGE, re.DOTALL)
    for body in json.loads(submissions):
        assert client.post(EXPERIMENTS, json=body).status_code == 200
    examples = re.findall(r"```http\nGET (.*?)\n```\n\n```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert len(examples) == 6
    for url, answer in examples:
        found = strict(client.get(quote(url, safe=SAFE)))
        assert found.get("errors", found) == json.loads(answer), url


def test_the_page_names_every_field() -> None:
    """Caught mutation: a field added to the table and not to the page."""
    shown = set(re.findall(r"`([^`]+)`", PAGE.partition("## The fields")[2].partition("## What is missing")[0]))
    known = {*FIELDS, *PARTS, "metrics.<name>.<part>", *(text for name, text in OPEN.items() if name != "metrics")}
    assert known <= shown
