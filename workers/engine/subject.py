"""What probes look at: a model with everything that is known about its problem."""

from typing import TYPE_CHECKING

from workers.catalogue.kinds import Network
from workers.catalogue.values import Split, Subject
from workers.engine.models import Model
from workers.engine.reports import Curves
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import State


def subject_of(spec: Approximation, model: Model, split: Split, curves: Curves) -> Subject:
    """Return the model as the spec's probes see it."""
    architecture, target = model.architecture, spec.target
    return Subject(
        predict=model.predict(),
        truth=None if target is None else target.function(spec.seed_of("data")),
        box=None if target is None else tuple(target.box.values()),
        split=split,
        stack=architecture.stack(model.inputs, model.outputs) if isinstance(architecture, Network) else None,
        state=_float64(model.state),
        curves=curves,
        seed=spec.seed,
        architecture=architecture,
        inputs=model.inputs,
        outputs=model.outputs,
        dtype=model.dtype,
        scaling=model.scaling,
        loss=spec.loss,
    )


def _float64(state: "State") -> "State":
    return {name: array.astype("f8") if array.dtype.kind == "f" else array for name, array in state.items()}
