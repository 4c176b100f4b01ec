"""Pages for people: what they show is true, escaped, leads somewhere, and needs no script."""

import itertools
import math
import re
import shlex
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.web import words
from tests.builders import spec_json
from tests.database.scene import Scene, curve, measurement, model
from tests.service.requests import EXPERIMENTS, problem
from tests.service.test_plots import finished, predictions
from workers.database import queries
from workers.experiments.lifecycle import Outcome, Status
from workers.experiments.measurement import Measurement

UNFINISHED = [status for status in Status if status is not Status.SUCCEEDED]
HOSTILE = "<script>alert(1)</script> & \"'"


@pytest.fixture
def database_kind() -> str:
    """SQLite alone: the queries are those of the interface, which are tested on both."""
    return "sqlite"


class Outline(HTMLParser):
    """Tags with their attributes, and the levels of headings in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [str(found[name]) for _, found in self.tags if name in found]


def page(client: FlaskClient, path: str) -> tuple[str, Outline]:
    """Return a page after checking what holds for all of them."""
    reply = client.get(path)
    assert (reply.status_code, reply.mimetype) == (200, "text/html"), reply.text
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "script-src" not in policy
    outline = Outline(reply.text)
    tags = [tag for tag, _ in outline.tags]
    assert "script" not in tags and not outline.values("style") and not re.search(r'="on\w+', reply.text)
    assert all(found.get("alt") for tag, found in outline.tags if tag == "img")
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = outline.values("id")
    assert len(ids) == len(set(ids)) and set(outline.values("aria-labelledby")) <= set(ids)
    return reply.text, outline


@pytest.fixture
def everything(scene: Scene, client: FlaskClient) -> dict[str, str]:
    """The id of an experiment of each sort."""
    rate = scene.running(name="a rate", spec=spec_json(dataset={"kind": "digits"}, target=None)).id
    ids = {status.value: scene.bring_to(status, name=f"one {status}").id for status in UNFINISHED}
    ids["running classification"] = rate
    ids["fitted"] = finished(scene, name=HOSTILE).split("/")[-2]
    ids["wide"] = finished(scene, 3).split("/")[-2]
    broken = curve("train_loss", 0.5, math.nan)
    claimed = scene.running(name="broken")
    files = (predictions(1),)
    scene.finish(claimed, Measurement(curves=(broken,), artifacts=files, outcome=Outcome.DIVERGED, stopped_at_step=1))
    ids["diverged"] = claimed.id
    recorded = {"type": "recorded", "config": {}, "metrics": {"height": 1.5}, "curves": {}}
    ids["recorded"] = client.post(EXPERIMENTS, json={"spec": recorded}).get_json()["id"]
    return ids


@pytest.mark.parametrize("path", ["/", "/docs", "/problems", "/problems/validation-error"])
def test_a_page_has_an_order_of_headings_and_runs_nothing(reader: FlaskClient, path: str) -> None:
    """Caught mutations: headings that skip a level; a picture without words; an inline script or style."""
    page(reader, path)


def test_everything_that_pages_link_to_is_there(client: FlaskClient, everything: dict[str, str]) -> None:
    """Caught mutation: a link to the fit of a wide experiment or to the loss of a queued one, which are 404."""
    paths = ["/", *(f"/experiments/{each}" for each in everything.values())]
    links = set()
    for path in paths:
        _, outline = page(client, path)
        links |= {*outline.values("href"), *outline.values("src")}
    assert {f"/experiments/{each}" for each in everything.values()} <= links
    assert f"{EXPERIMENTS}/{everything['fitted']}/plots/fit.svg" in links
    for link in sorted(links):
        assert link.startswith(("/", "#")), link
        if not link.startswith(("#", "/readyz")):
            reply = client.get(link.partition("#")[0], buffered=True)
            assert reply.status_code == 200, link


def test_a_page_escapes_what_a_client_wrote(client: FlaskClient, everything: dict[str, str]) -> None:
    """Caught mutation: a name marked as safe."""
    for path in ("/", f"/experiments/{everything['fitted']}"):
        text, _ = page(client, path)
        assert "&lt;script&gt;alert(1)" in text and "<script" not in text


def test_the_newest_experiment_stands_first(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: the oldest shown; a page that grows with the database."""
    assert "None yet" in page(client, "/")[0]
    made = [scene.submit(name=f"number {number}") for number in range(14)]
    text, _ = page(client, "/")
    assert re.findall(r"number (\d+)</a>", text) == [str(number) for number in range(13, 1, -1)]
    assert made[0] not in text and "None yet" not in text


def test_divergence_and_missing_numbers_are_called_by_their_names(
    client: FlaskClient, everything: dict[str, str]
) -> None:
    """Caught mutations: a diverged run shown as succeeded; NaN shown as 0 or left out."""
    for path in ("/", f"/experiments/{everything['diverged']}"):
        text, _ = page(client, path)
        assert "succeeded, diverged at step 1" in text and "<b>NaN</b>" in text
    assert "reported by a client, not computed here" in page(client, f"/experiments/{everything['recorded']}")[0]
    assert "failed: internal" in page(client, f"/experiments/{everything['failed']}")[0]


def test_an_experiment_page_shows_its_numbers_spec_and_files(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: the first value for the last; defaults left out of the spec; a file without its link."""
    claimed = scene.running(name="mine")
    scene.finish(claimed, measurement(2.0, 0.123456, artifacts=[model(b"x" * 1500)]))
    text, outline = page(client, f"/experiments/{claimed.id}")
    assert "<h1>mine</h1>" in text and "<b>0.1235</b>" in text and "&#34;learning_rate&#34;: 0.001" in text
    artifact = scene.read(queries.artifacts_of, claimed.id)[0]
    assert f"/v1/artifacts/{artifact.id}/content" in outline.values("href") and "1.5 kB" in text


def test_a_page_of_nothing_is_a_problem(reader: FlaskClient) -> None:
    """Caught mutation: an empty page."""
    problem(reader.get("/experiments/exp_00000000000000000000000000"), 404, "not-found")


def test_the_command_of_the_front_page_works_as_it_stands(client: FlaskClient) -> None:
    """Its words go to this server as curl would send them. Caught mutations: a fixed port; a field renamed."""
    reply = client.get("/", base_url="http://localhost:1234")
    parser = Text()
    parser.feed(reply.text)
    given = shlex.split(parser.command)
    assert given[:3] == ["curl", "-s", "http://localhost:1234/v1/experiments"]
    options: list[tuple[str, str]] = list(zip(given[3::2], given[4::2], strict=True))
    headers: Any = [value.split(": ", 1) for option, value in options if option == "-H" and "Prefer" not in value]
    body = next(value for option, value in options if option == "-d")
    assert client.post(given[2], data=body, headers=headers).status_code == 202


class Text(HTMLParser):
    """The text of the first pre element."""

    command, inside = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter."""
        self.inside = self.inside or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Leave."""
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        """Collect."""
        self.command += data if self.inside else ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5.0, "0 s"), (0.0334, "0.033 s"), (59.9, "59 s"), (60.0, "1 min"), (7_199.0, "1 h"), (200_000.0, "2 d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    """Caught mutations: rounding up to what has not passed; a clock that is behind shown as a negative age."""
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert words.span(seconds) == text
    assert words.age(now - timedelta(seconds=seconds), now) == f"{text} ago"


def test_figures_and_sizes_are_short() -> None:
    """Caught mutations: 1000 kB; a number's name in another spelling than the interface's."""
    assert [words.figure(value) for value in (0.123456, 1e-9, math.nan, -math.inf)] == [
        "0.1235",
        "1e-09",
        "NaN",
        "-Infinity",
    ]
    assert [words.size(count) for count in (0, 999, 1_500, 999_600, 5 * 10**12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "1 MB",
        "5e+03 GB",
    ]
