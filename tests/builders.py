"""The smallest valid specs and submissions, to be changed where a test needs it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from workers.catalogue import load
from workers.database.values import NewExperiment
from workers.experiments.codec import decode

SMALLEST: dict[str, Any] = {
    "type": "approximation",
    "target": {"kind": "sine-sum"},
    "dataset": {"kind": "sampled", "train_size": 16, "validation_size": 0, "test_size": 16},
    "architecture": {"kind": "mlp", "width": 2, "depth": 1},
    "training": {"kind": "gradient", "steps": 2, "batch_size": 8, "evaluate_every": 1},
}


def spec_json(**changes: Any) -> dict[str, Any]:
    """Return the smallest valid approximation as JSON, with `changes` merged in at every depth.

    An object replaces another one of a different kind whole.
    """
    return merged(SMALLEST, changes)


def new_experiment(**changes: Any) -> NewExperiment:
    """Return a submission; `spec` may be JSON, decoded here, and is the smallest one by default."""
    _load()
    spec = changes.pop("spec", spec_json())
    return NewExperiment(spec=decode(spec) if isinstance(spec, Mapping) else spec, **changes)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` merged in at every depth."""
    result = dict(base)
    for name, change in changes.items():
        old = result.get(name)
        mergeable = isinstance(old, Mapping) and isinstance(change, Mapping)
        same_kind = mergeable and change.get("kind", old.get("kind")) == old.get("kind")
        result[name] = merged(old, change) if same_kind else change
    return result


@cache
def _load() -> None:
    load.load()
