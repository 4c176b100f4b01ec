"""The picture of what probes saw: the numbers that they left, each in the panel of its probe, and links to it."""

import io
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from service.context import NAME
from tests.database.scene import Scene, curve
from tests.engine.populations import Recorder, spec
from tests.service.requests import EXPERIMENTS, problem
from tests.service.test_plots import svg
from tests.service.test_web import page
from workers.catalogue import load
from workers.engine.population import Job, run_population
from workers.experiments.lifecycle import Status
from workers.experiments.measurement import Measurement
from workers.experiments.spec import ExperimentSpec

QUICK = {"kind": "hessian-spectrum", "products": 20, "vectors": 2, "vector_steps": 5}
EVERY = [QUICK, "pruning-curve", {"kind": "modulus-of-continuity", "points": 20_000}, "line-regions", "linear-regions"]


@pytest.fixture
def database_kind() -> str:
    """SQLite alone: drawing is slow, and does not depend on where the numbers come from."""
    return "sqlite"


@dataclass(frozen=True, kw_only=True)
class Probed:
    """An experiment that the engine has run."""

    spec: ExperimentSpec
    left: Measurement

    def last(self, metric: str) -> float:
        """Return the last value of a metric."""
        return next(curve.values[-1] for curve in self.left.curves if curve.name == metric)

    def arrays(self, file: str) -> Any:
        """Return the arrays of an artifact."""
        return np.load(io.BytesIO(next(each.content for each in self.left.artifacts if each.name == f"{file}.npz")))


def probed(*probes: Any, **changes: Any) -> Probed:
    """Train a small relu network for some steps and look at it with the probes."""
    load.load()
    given = {"network": {"width": 8, "activation": "relu"}, "training": {"steps": 20}, **changes}
    found, recorder = spec(probes=list(probes), **given), Recorder()
    run_population([Job(id="it", spec=found)], recorder)
    return Probed(spec=found, left=recorder.finished["it"])


@pytest.fixture(scope="module")
def everything() -> Probed:
    """A regression with a probe of each kind that is drawn."""
    return probed(*EVERY)


def stored(scene: Scene, experiment: Probed, name: str = "mine") -> str:
    """Store an experiment and return its path."""
    claimed = scene.running(spec=experiment.spec, name=name)
    scene.finish(claimed, experiment.left)
    return f"{EXPERIMENTS}/{claimed.id}"


def texts(client: FlaskClient, path: str) -> list[str]:
    """Return the lines of text in the picture, each of which matplotlib notes in a comment."""
    return re.findall(r"<!-- (.+?) -->", svg(client, f"{path}/plots/probes.svg"))


def test_every_panel_names_its_axes_and_is_drawn_the_same_each_time(
    client: FlaskClient, scene: Scene, everything: Probed
) -> None:
    """Caught mutations: a kind without a panel; a date or random names inside; an axis without its name."""
    path = stored(scene, everything, "a $name$ of mine")
    shown = texts(client, path)
    labels = [
        *("hessian-spectrum", "eigenvalue of the Hessian of the training loss", "density (log scale)"),
        *("pruning-curve", "sparsity (share of the weights that are set to zero)", "test loss: mean squared"),
        *("modulus-of-continuity", "distance δ of two inputs (log scale)", "modulus of continuity ω(δ)"),
        *("line-regions", "linear pieces along a line", "lines (of 100)"),
        *("linear-regions", "input x", "slope of the model"),
    ]
    assert [label for label in labels if label not in shown] == []
    assert "Probes of a $name$ of mine" in shown
    small = stored(scene, probed("linear-regions"))
    for form, start in (("svg", b"<?xml"), ("png", b"\x89PNG\r\n\x1a\n")):
        first, second = (client.get(f"{small}/plots/probes.{form}").data for _ in range(2))
        assert first.startswith(start) and first == second


def test_the_legends_tell_the_numbers_that_were_measured(client: FlaskClient, scene: Scene, everything: Probed) -> None:
    """Caught mutations: the ends of the spectrum exchanged; the fully pruned loss as the unpruned one."""
    shown = texts(client, stored(scene, everything))
    told = [
        f"up to {everything.last('sharpness'):.3g}",
        f"down to {everything.last('smallest_eigenvalue'):.3g}",
        f"unpruned: {everything.last('test_loss'):.3g}",
        f"sparsity: {everything.last('prunable_sparsity'):g}",
        f"{everything.last('modulus_exponent'):.3f}",
        f"mean: {everything.last('line_regions_mean'):.4g}",
        f"pieces: {everything.last('linear_regions'):.0f}",
    ]
    assert [line for line in told if line not in shown] == []


def test_a_pruning_panel_shows_the_curve_that_its_probe_follows(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: the loss always; a regression's error without its unit."""
    digits = {"target": None, "dataset": {"kind": "wine"}}
    classified = probed({"kind": "pruning-curve", "curve": "test_accuracy"}, **digits)
    shown = texts(client, stored(scene, classified))
    assert "test accuracy (share that" in shown and "right)" in " ".join(shown)
    assert f"unpruned: {classified.last('test_accuracy'):.3g}" in shown
    regression = probed({"kind": "pruning-curve", "curve": "test_l2_error"})
    shown = texts(client, stored(scene, regression))
    assert "test L2 error (units of" in shown and f"unpruned: {regression.last('test_l2_error'):.3g}" in shown


def test_of_the_snapshots_the_last_is_drawn(client: FlaskClient, scene: Scene) -> None:
    """Steps 9 and 18, of which "9" is the later word. Caught mutations: the last name; the first step."""
    staged = probed(
        {"kind": "pruning-curve", "at": "snapshots"}, training={"steps": 18, "snapshots": 2, "evaluate_every": 3}
    )
    first, last = (staged.arrays(f"pruning-curve-{step}")["test_loss"][0] for step in (9, 18))
    shown = texts(client, stored(scene, staged))
    assert f"{first:.3g}" != f"{last:.3g}"
    assert f"unpruned: {last:.3g}" in shown and "pruning-curve, at step 18" in shown


def test_probes_that_share_a_label_or_a_kind_have_panels_of_their_own(client: FlaskClient, scene: Scene) -> None:
    """Files have the engine's names. Caught mutations: the kind for the label; one lost; one domain for all."""
    whole = {"kind": "line-regions", "label": "a", "through": "domain"}
    both = probed(whole, {"kind": "linear-regions", "label": "a", "domain": [5, 7]}, "linear-regions")
    assert both.last("a_linear_regions") != both.last("linear_regions") == both.last("a_line_regions_max")
    shown = texts(client, stored(scene, both))
    titles = [line for line in shown if line.endswith("regions")]
    assert titles == ["a: line-regions", "a: linear-regions", "linear-regions"]
    counted = [line for line in shown if line.startswith("pieces: ")]
    assert counted == [f"pieces: {both.last(name):.0f}" for name in ("a_linear_regions", "linear_regions")]
    assert "6.50" in shown


def test_a_diverged_run_says_whose_weights_were_looked_at(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: the picture of a model that the training has left behind, without a word."""
    wild = {"steps": 200, "optimizer": {"kind": "sgd", "learning_rate": 1e6}}
    shown = texts(client, stored(scene, probed("linear-regions", training=wild)))
    assert any(re.fullmatch(r"diverged at step \d+; drawn with the weights of step \d+", line) for line in shown)


def pictures(client: FlaskClient, path: str) -> dict[str, int]:
    """Return what each picture answers."""
    return {name: client.get(f"{path}/plots/{name}.svg").status_code for name in ("loss", "fit", "probes")}


def test_without_anything_to_draw_a_sentence_says_why(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: an empty picture; one sentence for all; a failure where a file has gone."""
    lp, hessian = probed("lp-error"), probed(QUICK)
    recorded = {"type": "recorded", "config": {}, "metrics": {}, "curves": {"train_loss": [[0, 1], [2.0, 1.0]]}}
    lost = scene.running(spec=hessian.spec)
    scene.finish(lost, Measurement(curves=(curve("sharpness", math.nan),)))
    gone = scene.running(spec=hessian.spec)
    scene.finish(gone, Measurement(curves=(curve("sharpness", 1.0),)))
    failed = scene.bring_to(Status.FAILED, spec=hessian.spec).id
    whys = {
        stored(scene, lp): "has none of them",
        f"{EXPERIMENTS}/{scene.submit(spec=hessian.spec)}": "have not measured yet",
        f"{EXPERIMENTS}/{failed}": "have not measured.",
        f"{EXPERIMENTS}/{lost.id}": "left no finite number",
        f"{EXPERIMENTS}/{gone.id}": "no longer here",
        client.post(EXPERIMENTS, json={"spec": recorded}).headers["Location"]: "another kind of experiment",
    }
    for path, why in whys.items():
        assert why in problem(client.get(f"{path}/plots/probes.svg"), 404, "not-found")["detail"]


def test_an_experiment_links_to_the_pictures_that_it_has(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: links that answer 404; a picture without its link; links that move without a version."""
    whole = probed("linear-regions")
    paths = [stored(scene, each) for each in (whole, probed(), probed(target=None, dataset={"kind": "wine"}))]
    paths += [f"{EXPERIMENTS}/{scene.bring_to(status).id}" for status in (Status.QUEUED, Status.FAILED)]
    recorded = {"type": "recorded", "config": {}, "metrics": {"height": 1.5}, "curves": {}}
    paths.append(client.post(EXPERIMENTS, json={"spec": recorded}).headers["Location"])
    listed: Any = {each["links"]["self"]: each for each in client.get(EXPERIMENTS).get_json()["data"]}
    for path in paths:
        links = client.get(path).get_json()["links"]
        there = {name for name, status in pictures(client, path).items() if status == 200}
        assert {name: link for name, link in links.items() if name.endswith("_plot")} == {
            f"{name}_plot": f"{path}/plots/{name}.svg" for name in there
        }
        assert listed[path]["links"] == links
    assert set(pictures(client, paths[0]).values()) == {200}


def test_a_list_asks_no_more_for_its_links(app: Flask, client: FlaskClient, scene: Scene) -> None:
    """As many queries for five experiments as for one. Caught mutation: a look at the artifacts of each."""
    whole = probed("linear-regions")
    stored(scene, whole)
    asked: list[str] = []
    event.listen(app.extensions[NAME].database.engine, "before_cursor_execute", lambda *of: asked.append(of[2]))
    client.get(EXPERIMENTS)
    one, _ = len(asked), [stored(scene, whole) for _ in range(4)]
    asked.clear()
    assert len(client.get(EXPERIMENTS).get_json()["data"]) == 5
    assert len(asked) == one > 0


def test_the_page_of_an_experiment_shows_its_probes(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a picture that only those find who know its address."""
    path = stored(scene, probed("linear-regions"))
    text, outline = page(client, f"/experiments/{path.rpartition('/')[2]}")
    assert f"{path}/plots/probes.svg" in outline.values("src") and "What its probes left" in text
    assert f"{path}/plots/probes.svg" in page(client, "/")[1].values("href")
