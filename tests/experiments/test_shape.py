"""The shape key: what experiments of one population must share, and what they need not."""

from typing import Any

import pytest

from tests.experiments.specs import SINE, changed, without
from workers.catalogue.problems import InvalidError
from workers.experiments.backends import chunk_slots
from workers.experiments.codec import decode
from workers.experiments.shape import backend_of, device_of, shape_key

OUT: list[tuple[str, Any]] = [
    ("seed", 9),
    ("seeds", {"init": 3}),
    ("target", {"kind": "sine-sum", "frequencies": [3, 4]}),
    ("target.domain", {"x": [0, 9]}),
    ("dataset.noise_sd", 0.5),
    ("dataset.train_size", 500),
    ("dataset.design", "sobol"),
    ("dataset.standardise", True),
    ("architecture.initialisation", {"scheme": "he", "scale": 3}),
    ("training.optimizer.learning_rate", 0.1),
    ("training.optimizer.beta2", 0.9),
    ("training.schedule", "constant"),
    ("training.steps", 777),
    ("training.evaluate_every", 7),
    ("training.early_stopping", {"patience": 3}),
    ("training.snapshots", 2),
    ("probes", []),
    ("device", "cpu"),
]
IN: list[tuple[str, Any]] = [
    ("architecture.width", 65),
    ("architecture.depth", 3),
    ("architecture.activation", "relu"),
    ("architecture.bias", False),
    ("architecture.residual", True),
    ("architecture", {"kind": "sigmoid-steps"}),
    ("target", {"kind": "product"}),
    ("training.optimizer", {"kind": "sgd"}),
    ("training.batch_size", 32),
    ("training.batch_size", None),
    ("training", None),
    ("dataset.test_size", 100),
    ("dataset.validation_size", 100),
    ("dtype", "float64"),
    ("device", "cuda"),
    ("backend", "written"),
]


def key(value: dict[str, Any]) -> str:
    """Return the shape key of the JSON."""
    return shape_key(decode(value))


@pytest.mark.parametrize(("path", "value"), OUT, ids=[f"{path}={value}" for path, value in OUT])
def test_what_may_differ_inside_a_population_is_out_of_the_key(path: str, value: Any) -> None:
    """Mutation: digest the whole spec."""
    assert key(changed(path, value)) == key(SINE)


@pytest.mark.parametrize(("path", "value"), IN, ids=[f"{path}={value}" for path, value in IN])
def test_what_the_tensor_program_is_made_of_is_in_the_key(path: str, value: Any) -> None:
    """Mutation: leave that member out of _written_shape."""
    other = without("probes", changed(path, value))
    assert key(other) != key(without("probes"))


def test_a_structural_flag_of_the_optimizer_is_in_and_its_numbers_are_out() -> None:
    """Nesterov changes the update, the momentum only a coefficient. Mutation: nesterov among the numeric fields."""
    sgd = {"kind": "sgd", "momentum": 0.9}
    plain, nesterov, slower = (
        key(changed("training.optimizer", sgd | more)) for more in ({}, {"nesterov": True}, {"momentum": 0.5})
    )
    assert plain == slower != nesterov


def test_full_batches_share_their_training_size() -> None:
    """Mutation: batch_size null in the key as null."""
    full = changed("training.batch_size", None)
    assert key(full) != key(changed("dataset.train_size", 500, full))


@pytest.mark.parametrize(
    ("value", "backend"),
    [
        (SINE, "compiled"),
        (changed("training.steps", 199), "written"),
        (changed("device", "cuda"), "written"),
        (changed("architecture.activation", "gelu"), "written"),
        (changed("backend", "loop"), "loop"),
        (changed("backend", "compiled", changed("training.steps", 1)), "compiled"),
        (changed("training", None), "measure"),
        (changed("training", {"kind": "fit"}, changed("architecture", {"kind": "polynomial"})), "fit"),
        ({"type": "simulation", "simulation": {"kind": "goe-eigenvalues"}}, "simulation"),
        ({"type": "recorded", "config": {}, "metrics": {}}, "none"),
    ],
)
def test_the_back_end_follows_from_the_spec(value: dict[str, Any], backend: str) -> None:
    """Mutation: fit for every untrained model."""
    assert backend_of(decode(value)) == backend and key(value).startswith(f"{backend}-")


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (changed("backend", "compiled", changed("device", "cuda")), '"written" or "loop"'),
        (changed("backend", "compiled", changed("architecture.activation", "sine")), '"written" or "loop"'),
        (changed("backend", "vmap"), '"compiled" or "written" or "loop"'),
        (changed("backend", "vmap", changed("architecture", {"kind": "cnn"})), 'use "loop"'),
        (changed("backend", "loop", changed("training", None)), "leave it out"),
    ],
)
def test_a_back_end_that_cannot_train_the_network_is_refused(value: dict[str, Any], remedy: str) -> None:
    """Mutation: take the back end unchecked."""
    with pytest.raises(InvalidError) as caught:
        decode(value)
    assert [problem.pointer for problem in caught.value.problems] == ["/backend"]
    assert remedy in caught.value.problems[0].detail


def test_auto_is_the_cpu_on_every_machine() -> None:
    """Mutation: ask torch."""
    assert [device_of(decode(changed("device", name))) for name in ("auto", "cpu", "cuda")] == ["cpu", "cpu", "cuda"]


def test_slots_are_a_power_of_two_that_fits_the_cache() -> None:
    """256 numbers, 64 rows: 2 * 64 * 256 * 4 bytes = 2**17 a member, of 2**20. Mutation: the chunk in one slot's."""
    assert [chunk_slots(numbers, 64, 4, "cpu") for numbers in (100_000, 256, 4)] == [2, 8, 32]
    assert chunk_slots(256, 64, 4, "cuda") == 64


def test_a_network_that_does_not_fit_its_data_is_refused_for_that_alone() -> None:
    """A square of 2 columns is none. Caught mutation: its back ends and probes are asked for sizes all the same."""
    product = changed("target", {"kind": "product"}, changed("architecture", {"kind": "locally-connected"}))
    for more in ({"backend": "vmap"}, {"probes": [{"kind": "hessian-spectrum"}, {"kind": "pruning-curve"}]}):
        with pytest.raises(InvalidError) as caught:
            decode(product | more)
        assert {problem.pointer.split("/")[1] for problem in caught.value.problems} == {"architecture"}
