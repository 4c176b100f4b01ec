"""What a spec means and costs, without storing anything."""

from typing import Any

from service.context import Context
from service.submission import admitted
from workers.experiments.codec import encode, spec_hash
from workers.experiments.shape import backend_of, queue_of, shape_key
from workers.experiments.spec import ExperimentSpec


def validated(context: Context, spec: ExperimentSpec) -> dict[str, Any]:
    """Return the members of a validation reply; raise ProblemError for what a submission would refuse."""
    cost = admitted(context, spec)
    return {
        "spec": encode(spec),
        "spec_hash": spec_hash(spec),
        "parameters": cost.parameters,
        "estimate": cost,
        "backend": backend_of(spec),
        "shape_key": shape_key(spec),
        "queue": queue_of(spec),
    }
