"""Aggregates of sweeps over HTTP: groups, replicates, fits, tuning, and what they cannot mean."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.database.scene import Scene, curve, measurement
from tests.service.requests import problem, strict
from tests.service.test_sweeps import finish_all, posted
from workers.database import results
from workers.experiments.lifecycle import Outcome


def measured(scene: Scene, value_of: Callable[[dict[str, Any]], float], **curves: Any) -> None:
    """Let a worker finish everything that waits with a train_loss that ends at what the spec's JSON gives."""
    while (claim := scene.claim(least=100, most=100)) is not None:
        for each in claim.experiments:
            found = measurement(9.0, value_of(dict(each.spec)))
            extra = tuple(curve(name, 1.0, function(each.spec)) for name, function in curves.items())
            result = replace(found, curves=(*found.curves, *extra))
            assert scene.write(results.finish, each.id, each.fence, result, scene.now)


def test_an_aggregate_is_over_seeds_within_groups(client: FlaskClient, scene: Scene) -> None:
    """By hand: width/seed gives 2, 3, 4 and 4, 5, 6. Caught mutations: groups by seed; the first value for the last."""
    path = posted(client).headers["Location"]
    measured(scene, lambda spec: float(spec["architecture"]["width"] + spec["seed"]))
    url = f"{path}/aggregate?metric=metrics.train_loss.last&group_by=architecture.width"
    body = strict(client.get(url))
    assert body["over"] == ["seed"] and body["fit"] is None
    narrow, wide = body["groups"]
    assert (narrow["coordinates"], narrow["values"], narrow["mean"], narrow["n"]) == (
        {"architecture.width": 2},
        [2.0, 3.0, 4.0],
        3.0,
        3,
    )
    assert (wide["mean"], wide["sd"]) == (5.0, 1.0)
    # Student's t with 2 degrees of freedom: 4.3027 standard errors of 1 / sqrt(3).
    assert wide["ci_high"] - 5.0 == pytest.approx(4.302652729911275 / 3**0.5, rel=1e-9)
    assert client.get(url).data == client.get(url).data
    first = strict(client.get(url.replace(".last", ".first")))["groups"]
    assert [group["mean"] for group in first] == [9.0, 9.0]


def test_an_aggregate_counts_what_has_no_value(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutations: a failed cell dropped; a cancelled one counted as open."""
    path = posted(client).headers["Location"]
    claim = scene.claim(least=2, most=2)
    assert claim is not None
    done, broken = claim.experiments
    scene.write(results.finish, done.id, done.fence, measurement(1.0, 0.5), scene.now)
    scene.write(results.fail, broken.id, broken.fence, "internal", "broke", scene.now)
    (only,) = strict(client.get(f"{path}/aggregate?metric=metrics.train_loss.last&over=seed,architecture.width"))[
        "groups"
    ]
    assert (only["n"], only["n_failed"], only["n_open"], only["coordinates"]) == (1, 1, 4, {})
    assert only["ci_low"] is None and "one value" in only["method"]
    client.post(f"{path}/cancel")
    (only,) = strict(
        client.get(f"{path}/aggregate?metric=metrics.train_loss.last&over=seed,architecture.width&policy=worst")
    )["groups"]
    assert (only["n"], only["n_failed"], only["n_open"], only["max"]) == (6, 5, 0, "Infinity")


def test_a_diverged_run_is_counted_as_one(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutation: its last finite loss averaged with the others', as if it had come through."""
    path = posted(client, axes={"seed": {"count": 3}}).headers["Location"]
    claim = scene.claim(least=3, most=3)
    assert claim is not None
    for each, outcome in zip(
        claim.experiments, (Outcome.COMPLETED, Outcome.DIVERGED, Outcome.EARLY_STOPPED), strict=True
    ):
        value = 50.0 if outcome is Outcome.DIVERGED else 1.0
        scene.write(results.finish, each.id, each.fence, measurement(9.0, value, outcome=outcome), scene.now)
    url = f"{path}/aggregate?metric=metrics.train_loss.last"
    (only,) = strict(client.get(url))["groups"]
    assert (only["n"], only["n_diverged"], only["mean"]) == (2, 1, 1.0) and "1 diverged" in only["rests_on"]
    (finite,) = strict(client.get(f"{url}&policy=finite"))["groups"]
    assert (finite["n"], finite["max"]) == (3, 50.0)


def test_a_power_law_is_fitted_to_the_groups(client: FlaskClient, scene: Scene) -> None:
    """3 / width**2 exactly. Caught mutations: an exponent of the wrong sign; points below the floor kept."""
    path = posted(client, axes={"architecture.width": {"log_range": [2, 32, 2]}, "seed": {"count": 2}}).headers[
        "Location"
    ]
    measured(scene, lambda spec: 3.0 / spec["architecture"]["width"] ** 2)
    url = f"{path}/aggregate?metric=metrics.train_loss.last&group_by=architecture.width&fit=power_law"
    fit = strict(client.get(url))["fit"]
    (exponent,) = [each for each in fit["coefficients"] if each["name"] == "exponent"]
    assert exponent["estimate"] == pytest.approx(-2.0, rel=1e-9) and fit["n"] == 5
    lifted = strict(client.get(f"{url}&floor=0.01"))["fit"]
    assert lifted["n"] == 4 and len(lifted["left_out"]) == 1 and "floor" in lifted["left_out"][0]["reason"]


def test_tuning_chooses_by_validation_and_reports_the_rest(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutation: the rate with the least test loss is reported, which was never measured fairly."""
    rates = "training.optimizer.learning_rate"
    path = posted(client, axes={rates: [0.1, 0.2], "seed": {"count": 2}}).headers["Location"]

    def rate(spec: Any) -> float:
        return float(spec["training"]["optimizer"]["learning_rate"])

    measured(scene, rate, validation_loss=lambda spec: -rate(spec))
    url = f"{path}/aggregate?metric=metrics.train_loss.last&best_over={rates}"
    (only,) = strict(client.get(f"{url}&best_by=metrics.validation_loss.last"))["groups"]
    assert (only["tuned"]["chosen"], only["values"]) == ({rates: 0.2}, [0.2, 0.2])


@pytest.mark.parametrize(
    ("query", "parameter", "sentence"),
    [
        ("metric=metrics.train_loss.last&group_by=seed", "group_by", "architecture.width varies too"),
        ("metric=metrics.train_loss.last&group_by=architecture.widht", "group_by", "did you mean 'architecture.width'"),
        ("metric=train_loss&group_by=architecture.width", "metric", "train_loss"),
        ("metric=metrics.train_loss&group_by=architecture.width", "metric", "one part of one metric"),
        ("metric=metrics.trian_loss.last&group_by=architecture.width", "metric", "did you mean 'train_loss'"),
        ("metric=metrics.train_loss.last&group_by=architecture.width&over=architecture.width", "over", "already"),
        ("metric=metrics.train_loss.last&best_over=architecture.width", "best_by", "given together"),
        (
            "metric=metrics.a.last&best_over=architecture.width&best_by=metrics.test_loss.last",
            "best_by",
            "on other data",
        ),
        ("metric=metrics.train_loss.last&over=architecture.width,seed&fit=linear", "fit", "one axis of numbers"),
        ("metric=metrics.train_loss.last&group_by=architecture.width&ci=95", "ci", "less than 1"),
        ("metric=metrics.train_loss.last&group_by=architecture.width&ci=nan", "ci", "must be a number"),
        ("metric=metrics.train_loss.last&group_by=architecture.width&floor=1e-9", "floor", "belongs to a fit"),
        ("group_by=architecture.width", "metric", "required"),
    ],
)
def test_what_an_aggregate_cannot_mean_is_refused(
    client: FlaskClient, scene: Scene, query: str, parameter: str, sentence: str
) -> None:
    """Caught mutations: an axis that is averaged over without a word; tuning on what is reported."""
    path = posted(client).headers["Location"]
    finish_all(scene)
    reply = client.get(f"{path}/aggregate?{query}")
    document = problem(reply, 422, reply.json["code"])  # type: ignore[index]
    assert any(each["parameter"] == parameter and sentence in each["detail"] for each in document["errors"]), document
