"""Models for the probes of symmetry: networks as they start, hand-made maps, inputs of one scale."""

from collections.abc import Callable
from typing import Any

import numpy as np

from workers.catalogue.kinds import Network, Probe, architectures, losses
from workers.catalogue.scalings import identity
from workers.catalogue.values import Samples, Scaling, Split, Subject, Task
from workers.experiments.codec import decode_component


def subject_of(
    architecture: Any,
    inputs: int,
    outputs: int,
    *,
    dtype: str = "float64",
    predict: Callable[[Any], Any] = lambda x: x,
    test: Any = None,
    scaling: Scaling | None = None,
    task: Task = Task.CLASSIFICATION,
) -> Subject:
    """Return the architecture as it starts on 12 test samples of standard normal inputs, classes in turn."""
    given = np.random.default_rng(0).normal(size=(12, inputs)) if test is None else np.asarray(test, dtype=np.float64)
    samples = Samples(inputs=given, outputs=np.eye(outputs)[np.arange(len(given)) % outputs])
    scaling = scaling or identity(inputs, outputs)
    split = Split(train=samples, validation=samples, test=samples, task=task, scaling=scaling)
    return Subject(
        predict=predict,
        truth=None,
        box=None,
        split=split,
        stack=None,
        state=architecture.initial_state(inputs, outputs, 0) if isinstance(architecture, Network) else {},
        curves={},
        seed=0,
        architecture=architecture,
        inputs=inputs,
        outputs=outputs,
        dtype=dtype,
        scaling=scaling,
        loss=losses.get("cross-entropy")(),
    )


def network(kind: str, **fields: Any) -> Any:
    """Return an architecture."""
    return architectures.get(kind)(**fields)


def probe(kind: str, **fields: Any) -> Any:
    """Return a probe from its JSON."""
    return decode_component(Probe, {"kind": kind, **fields})


def equivariance(architecture: Any, size: int, *, dtype: str = "float64", **fields: Any) -> dict[str, float]:
    """Return the metrics, without their first word, of features on noise of one channel."""
    axes = fields.pop("axes", 2)
    looked_at = subject_of(architecture, size**axes, 10, dtype=dtype)
    metrics = probe("equivariance", inputs="noise", count=6, **fields).measure(looked_at).metrics
    return {name.removeprefix("equivariance_"): value for name, value in metrics.items()}


def invariance(architecture: Any, size: int, *, dtype: str = "float64", **fields: Any) -> dict[str, float]:
    """Return the metrics, without their first word, of outputs on noise of one channel."""
    metrics = probe("invariance", inputs="noise", count=6, **fields).measure(
        subject_of(architecture, size**2, 10, dtype=dtype)
    )
    return {name.removeprefix("invariance_"): value for name, value in metrics.metrics.items()}
