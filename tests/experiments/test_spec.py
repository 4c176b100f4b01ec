"""Rules between the parts of a spec."""

from typing import Any

import pytest

from tests.experiments.specs import SINE, changed, without
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode
from workers.experiments.spec import Approximation

DIGITS: dict[str, Any] = {
    "type": "approximation",
    "dataset": {"kind": "digits"},
    "architecture": {"kind": "mlp"},
    "training": {"kind": "gradient"},
}
RECORDED: dict[str, Any] = {"type": "recorded", "config": {"any": ["thing"]}, "metrics": {"test_loss": 0.5}}


def pointers(value: Any) -> list[str]:
    """Return the places of what is wrong."""
    try:
        decode(value)
    except InvalidError as error:
        return [problem.pointer for problem in error.problems]
    return []


CASES: list[tuple[dict[str, Any], list[str]]] = [
    (SINE, []),
    (DIGITS, []),
    (RECORDED, []),
    (without("target"), ["/target"]),
    (changed("target", SINE["target"], DIGITS), ["/target"]),
    (without("architecture"), ["/architecture"]),
    (without("training"), ["/training"]),
    (changed("model_of", "exp_1"), ["/architecture", "/training"]),
    ({"type": "approximation", "dataset": {"kind": "digits"}, "model_of": "exp_1"}, []),
    (changed("training.batch_size", 1025), ["/training/batch_size"]),
    (changed("training.batch_size", 1024), []),
    (changed("training", {"kind": "fit"}), ["/training"]),
    (changed("training", None), []),
    (changed("architecture", {"kind": "polynomial"}), ["/training"]),
    (changed("training", None, changed("architecture", {"kind": "polynomial"})), ["/training"]),
    (changed("training.loss", "cross-entropy"), ["/training/loss"]),
    (changed("training.loss", "mse", DIGITS), []),
    (changed("training.early_stopping", {}), []),
    (changed("training.early_stopping", {}, changed("dataset.validation_size", 0)), ["/training/early_stopping"]),
    (changed("training.snapshots", 50, changed("training.steps", 10)), ["/training/snapshots"]),
    (changed("dataset.design", "grid"), []),
    (changed("dataset.test_domain", [[0, 1], [0, 1]]), ["/dataset/test_domain"]),
    (changed("probes", [{"kind": "lp-error"}] * 2), ["/probes"] * 3),
    (changed("probes", [{"kind": "lp-error"}, {"kind": "lp-error", "label": "far", "domain": [[1, 2]]}]), []),
    (changed("probes", [{"kind": "lp-error", "p": [2], "label": "test"}]), ["/probes"]),
    (changed("probes", [{"kind": "lp-error", "p": [2], "label": "predictions"}]), ["/probes/0/label"]),
    (changed("probes", [{"kind": "linear-regions"}]), ["/probes/0"]),
    (changed("probes", [{"kind": "lp-error", "at": "snapshots"}]), ["/probes/0/at"]),
    (changed("training.snapshots", 2, changed("probes.0.at", "snapshots")), []),
    (changed("architecture", {"kind": "multiplication-tree"}), ["/architecture"]),
    (changed("seeds", {"data": -1}), ["/seeds/data"]),
    (changed("curves", {"a": [[0, 1], [1.0]]}, RECORDED), ["/curves/a"]),
    (changed("curves", {"a": [[0, 1.5], [1.0, 2.0]]}, RECORDED), ["/curves/a/0"]),
    (changed("curves", {"a": [[0, 1], [1.0, 2.0]]}, RECORDED), []),
    (changed("curves", {"a": [[0, 2**53], [1.0, 2.0]]}, RECORDED), []),
    (changed("curves", {"a": [[1e300], [1.0]]}, RECORDED), ["/curves/a/0"]),
]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=range(len(CASES)))
def test_parts_that_do_not_go_together_are_named(value: dict[str, Any], expected: list[str]) -> None:
    """Mutation: drop any of the rules in problems()."""
    assert pointers(value) == expected


def test_two_inputs_need_a_square_number_of_grid_points() -> None:
    """1,024 is one, 1,000 is none. Mutation: forget the misfits of the data set."""
    plane = changed("target", {"kind": "product"}, changed("dataset.design", "grid"))
    assert pointers(plane) == []
    assert pointers(changed("dataset.train_size", 1000, plane)) == ["/dataset/train_size"]


def test_the_seed_of_a_purpose_defaults_to_the_seed() -> None:
    """Also when it is refined to 0. Mutation: `or`."""
    spec = decode(changed("seeds", {"init": 0}, changed("seed", 7)))
    assert isinstance(spec, Approximation)
    assert [spec.seed_of("data"), spec.seed_of("init"), spec.seed_of("order")] == [7, 0, 7]


def test_the_loss_is_the_usual_one_of_the_task() -> None:
    """Mutation: mse always."""
    found = [decode(value) for value in (SINE, DIGITS, changed("training", None, DIGITS))]
    assert [spec.loss.kind for spec in found if isinstance(spec, Approximation)] == [
        "mse",
        "cross-entropy",
        "cross-entropy",
    ]


def test_evaluations_and_snapshots_have_their_steps() -> None:
    """The last step always; snapshots evenly. Mutation: leave the last step out."""
    spec = decode(changed("training.snapshots", 3, changed("training.evaluate_every", 900)))
    assert isinstance(spec, Approximation)
    training: Any = spec.training
    assert training.evaluation_steps() == [0, 900, 1800, 2000]
    assert training.snapshot_steps() == [667, 1333, 2000]
