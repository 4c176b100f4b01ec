"""Probes on models whose answers are known by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, probes, targets
from workers.catalogue.probes.lp_error import LpError
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Samples, Scaling, Subject
from workers.experiments.codec import decode_component

SAMPLED = datasets.get("sampled")(train_size=20, validation_size=0, test_size=30)
TABLE = datasets.get("wine")()


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


def zero_model(target: Any) -> Subject:
    """Return a subject whose error is the target itself."""
    found = subject(mlp(width=2, depth=1), SAMPLED, target)
    return replace(found, predict=lambda x: np.zeros((len(x), 1)))


def measured(kind: str, looked_at: Subject, **fields: Any) -> dict[str, float]:
    """Return the metrics of a probe."""
    return dict(decode_component(Probe, {"kind": kind, **fields}).measure(looked_at).metrics)


@pytest.mark.parametrize("rule", ["edge-refined", "grid", "quasi-monte-carlo"])
def test_the_norms_of_x_are_known(rule: str) -> None:
    """x on [0, 1]: (p + 1)**(-1/p). Mutation: leave out the root."""
    metrics = measured(
        "lp-error", zero_model(targets.get("product")(inputs=1, domain=(0.0, 1.0))), p=[1, 1.5, 2, "inf"], rule=rule
    )
    # Quasi-Monte-Carlo: 65,536 points shifted at random.
    expected = {"l1_error": 0.5, "l1_5_error": 2.5 ** (-1 / 1.5), "l2_error": 3**-0.5, "sup_error": 1.0}
    assert metrics == pytest.approx(expected, abs=1e-12 if rule == "edge-refined" else 1e-4)


def test_a_domain_of_its_own_extrapolates() -> None:
    """x on [2, 4]. Mutation: the target's box always."""
    product = targets.get("product")(inputs=1, domain=(0.0, 1.0))
    metrics = measured("lp-error", zero_model(product), p=[1, "inf"], domain=[[2, 4]])
    assert metrics == pytest.approx({"l1_error": 3.0, "sup_error": 4.0})


def test_the_rule_test_takes_the_test_samples() -> None:
    """Errors 3 and 4: mean 3.5, root mean square 5/sqrt(2). Mutation: the truth instead of the samples."""
    looked_at = zero_model(some_target())
    test = Samples(inputs=np.zeros((2, 1)), outputs=np.array([[3.0], [-4.0]]))
    looked_at = replace(looked_at, split=replace(looked_at.split, test=test))
    metrics = measured("lp-error", looked_at, rule="test")
    assert metrics == pytest.approx({"l1_error": 3.5, "l2_error": 5 / math.sqrt(2), "sup_error": 4.0})


def test_huge_and_non_finite_errors_do_not_overflow() -> None:
    """1e200 to the power 2. Mutation: plain powers."""
    looked_at = zero_model(some_target())
    for value, expected in ((1e200, 1e200), (math.inf, math.inf), (0.0, 0.0)):
        test = Samples(inputs=np.zeros((3, 1)), outputs=np.full((3, 1), value))
        metrics = measured(
            "lp-error", replace(looked_at, split=replace(looked_at.split, test=test)), p=[2], rule="test"
        )
        assert metrics["l2_error"] == pytest.approx(expected)


@pytest.mark.parametrize(("inputs", "rule"), [(1, "edge-refined"), (2, "grid"), (3, "quasi-monte-carlo")])
def test_auto_chooses_by_the_number_of_inputs(inputs: int, rule: str) -> None:
    """Mutation: one rule for all."""
    product = targets.get("product")(inputs=inputs)
    looked_at = subject(mlp(width=2, depth=1), SAMPLED, product)
    assert measured("lp-error", looked_at) == measured("lp-error", looked_at, rule=rule)


def misfits(given: dict[str, Any], architecture: Any, dataset: Any, target: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking at such an experiment."""
    probe: Probe = decode_component(Probe, given)
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


PRODUCT = targets.get("product")(inputs=3)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"kind": "lp-error"}, []),
        ({"kind": "lp-error", "rule": "edge-refined"}, ["/rule"]),
        ({"kind": "lp-error", "rule": "grid", "resolution": 1000}, ["/resolution"]),
        ({"kind": "lp-error", "domain": [[0, 1]]}, ["/domain"]),
        ({"kind": "lp-error", "rule": "test", "domain": [[0, 1]] * 3}, ["/domain"]),
        ({"kind": "linear-regions"}, [""]),
        ({"kind": "classification"}, [""]),
        ({"kind": "steps-to-target", "curve": "test_accuracy"}, ["/curve"]),
        ({"kind": "steps-to-target", "curve": "validation_loss"}, ["/curve"]),
        ({"kind": "generalization-gap"}, []),
    ],
    ids=str,
)
def test_a_probe_says_why_it_cannot_look_at_a_regression_in_three_inputs(
    given: dict[str, Any], pointers: list[str]
) -> None:
    """Mutation: no misfits()."""
    assert misfits(given, mlp(), SAMPLED, PRODUCT) == pointers


def test_a_probe_says_what_it_lacks_elsewhere() -> None:
    """A table of classes; one input and a smooth activation; few points. Mutation: no misfits()."""
    assert misfits({"kind": "lp-error", "rule": "grid", "resolution": 4}, mlp(), TABLE, None) == [
        "",
        "/rule",
        "/resolution",
    ]
    assert misfits({"kind": "linear-regions"}, mlp(activation="tanh"), SAMPLED, some_target()) == [""]
    assert misfits({"kind": "linear-regions"}, mlp(), SAMPLED, some_target()) == []
    assert misfits({"kind": "linear-regions"}, architectures.get("polynomial")(), SAMPLED, some_target()) == [""]
    assert misfits({"kind": "lp-error", "resolution": 79}, mlp(), SAMPLED, some_target()) == ["/resolution"]
    assert misfits(
        {"kind": "classification", "on": "validation"}, mlp(), datasets.get("wine")(validation_fraction=0.0), None
    ) == ["/on"]


@pytest.mark.parametrize(
    ("p", "name"), [(1, "l1_error"), (2.0, "l2_error"), (1.25, "l1_25_error"), ("inf", "sup_error")]
)
def test_metric_names_are_words_of_the_field(p: Any, name: str) -> None:
    """Mutation: l1.0_error."""
    assert LpError(p=(p,), label="far").metric_names() == (f"far_{name}",)


def test_an_exponent_twice_is_refused() -> None:
    """1 and 1.0 are one. Mutation: no problems()."""
    with pytest.raises(InvalidError, match="twice"):
        decode_component(Probe, {"kind": "lp-error", "p": [1, 1.0]})


def classified(outputs: list[list[float]], truth: list[int]) -> dict[str, Any]:
    """Return what the classification probe reads from such outputs on the test rows."""
    looked_at = subject(mlp(width=2, depth=1), TABLE, None)
    test = Samples(inputs=np.zeros((len(truth), 13)), outputs=np.eye(3)[truth])
    looked_at = replace(looked_at, split=replace(looked_at.split, test=test), predict=lambda x: np.array(outputs))
    reading = probes.get("classification")().measure(looked_at)
    return {**reading.metrics, "confusion": reading.arrays["confusion"].tolist()}


def test_a_classification_is_read_from_logits() -> None:
    """Logits (0, ln 2, 0): probabilities 1/4, 1/2, 1/4. Mutation: transpose the confusion matrix."""
    found = classified([[0.0, math.log(2), 0.0], [9.0, 0.0, 0.0]], [2, 0])
    sure = math.log(1 + 2 * math.exp(-9))
    assert found["test_classification_accuracy"] == 0.5
    assert found["test_cross_entropy"] == pytest.approx((math.log(4) + sure) / 2)
    assert found["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_a_classification_is_read_from_an_estimators_probabilities() -> None:
    """-ln(0.6) and, for a class without a chance, -ln(eps). Mutation: softmax of probabilities."""
    found = classified([[0.6, 0.4, 0.0], [0.0, 1.0, 0.0]], [0, 2])
    assert found["test_cross_entropy"] == pytest.approx(-(math.log(0.6) + math.log(2.0**-52)) / 2)


def test_the_gap_is_read_at_the_last_evaluation_where_both_are_finite() -> None:
    """Mutation: the last point of each curve."""
    looked_at = replace(
        zero_model(some_target()),
        curves={"train_loss": ([0, 5, 9], [3.0, 1.0, math.nan]), "test_loss": ([0, 5, 9], [3.0, 1.5, 7.0])},
    )
    assert measured("generalization-gap", looked_at) == {"generalization_gap": 0.5}
    nothing = measured("generalization-gap", replace(looked_at, curves={}))
    assert math.isnan(nothing["generalization_gap"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"threshold": 0.5}, 20.0),
        ({"threshold": 0.7}, 10.0),
        ({"threshold": 0.1}, math.nan),
        ({"threshold": 2.0, "direction": "above"}, math.nan),
        ({"threshold": 1.0, "direction": "above"}, 0.0),
    ],
)
def test_steps_to_target_is_the_first_evaluation_at_or_beyond_it(fields: dict[str, Any], expected: float) -> None:
    """Also when the curve leaves again. Mutation: the last one."""
    curve = ([0, 10, 20, 30], [1.0, 0.6, 0.5, 0.8])
    looked_at = replace(zero_model(some_target()), curves={"test_loss": curve})
    found = measured("steps-to-target", looked_at, **fields)["steps_to_target"]
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def hat() -> Subject:
    """Return relu(x) - 2 relu(x - 1) in the network's units, which are half of the data's, shifted by 10."""
    found = subject(mlp(width=2, depth=1), SAMPLED, targets.get("product")(inputs=1, domain=(5.0, 15.0)))
    one = np.ones(1)
    scaling = Scaling(input_mean=10 * one, input_scale=2 * one, output_mean=one, output_scale=3 * one)
    state = {
        "layers.0.weight": np.array([[1.0], [1.0]]),
        "layers.0.bias": np.array([0.0, -1.0]),
        "layers.1.weight": np.array([[1.0, -2.0]]),
        "layers.1.bias": np.zeros(1),
    }
    return replace(found, scaling=scaling, state=state)


def test_linear_regions_are_counted_in_the_units_of_the_data() -> None:
    """Kinks at 10 and 12, slopes 0, 3/2, -3/2; none on [13, 14]. Mutation: the scaling of the data it looks at."""
    probe = probes.get("linear-regions")()
    reading = probe.measure(hat())
    assert reading.metrics == {"linear_regions": 3.0}
    assert np.allclose(reading.arrays["breakpoints"], [10, 12])
    assert np.allclose(reading.arrays["slopes"][:, 0], [0, 1.5, -1.5])
    assert measured("linear-regions", hat(), domain=[13, 14]) == {"linear_regions": 1.0}


def test_weights_that_are_not_finite_have_no_count() -> None:
    """A diverged run. Mutation: let the engine raise."""
    broken = hat()
    broken.state["layers.0.bias"][0] = math.nan
    assert math.isnan(measured("linear-regions", broken)["linear_regions"])
