"""Models: a function found by training, fitting or construction, saved as safetensors and loaded again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.numpy import load, save
from torch import Tensor

from workers.catalogue.kinds import Architecture, Estimator, Network
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.values import Scaling, Task
from workers.engine.evaluation import log_probabilities
from workers.engine.loop import load_state
from workers.engine.material import DTYPES, Material
from workers.experiments.codec import decode_component, encode_component
from workers.experiments.costs import rows_at_once
from workers.experiments.spec import Approximation, ExperimentSpec

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

FORMAT = "whydeep-1"
SCALING = ("input_mean", "input_scale", "output_mean", "output_scale")


@dataclass(frozen=True, kw_only=True)
class Model:
    """An architecture with its state, and the scaling between the units of the data and its own."""

    architecture: Architecture
    inputs: int
    outputs: int
    task: Task
    dtype: str
    scaling: Scaling
    state: "State"

    def scaled(self) -> Callable[[Tensor], Tensor]:
        """Return the map of scaled inputs (n, d) to scaled outputs (n, m); a classifier's are log probabilities."""
        architecture, state = self.architecture, self.state
        if isinstance(architecture, Network):
            return _network(architecture, self)
        assert isinstance(architecture, Estimator)

        def estimate(inputs: Tensor) -> Tensor:
            found = np.asarray(architecture.predict(state, inputs.double().cpu().numpy()))
            if self.task is Task.CLASSIFICATION:
                found = log_probabilities(found)
            return torch.from_numpy(found).to(inputs.device)

        return estimate

    def predict(self) -> "Callable[[Floats], Floats]":
        """Return the map (n, d) to (n, m) in the units of the data, float64.

        For a classification a network gives its outputs before any softmax, an estimator class probabilities.
        """
        architecture, state, scaling = self.architecture, self.state, self.scaling
        rows = rows_at_once(architecture, self.inputs, self.outputs)
        network = _network(architecture, self) if isinstance(architecture, Network) else None

        def predict(inputs: "Floats") -> "Floats":
            given = (np.asarray(inputs, dtype=np.float64) - scaling.input_mean) / scaling.input_scale
            if network is not None:
                found = network(torch.from_numpy(given)).double().numpy()
            else:
                assert isinstance(architecture, Estimator)
                # In blocks: an estimator may hold a row of its basis, or a path per tree, for every sample.
                blocks = (given[first : first + rows] for first in range(0, max(1, len(given)), rows))
                found = np.concatenate([np.asarray(architecture.predict(state, b), dtype=np.float64) for b in blocks])
            return np.asarray(found * scaling.output_scale + scaling.output_mean)

        return predict


def model_with(state: "State", spec: Approximation, material: Material) -> Model:
    """Return the spec's own architecture in a state, for data scaled as the material is."""
    assert spec.architecture is not None, "another experiment's model is read, not made"
    return Model(
        architecture=spec.architecture,
        inputs=spec.sizes.inputs,
        outputs=spec.sizes.outputs,
        task=material.split.task,
        dtype="float64" if isinstance(spec.architecture, Estimator) else spec.dtype,
        scaling=material.scaling,
        state=state,
    )


def _network(architecture: Network, model: Model) -> Callable[[Tensor], Tensor]:
    dtype = DTYPES[model.dtype]
    module = architecture.module(model.inputs, model.outputs).to(dtype)
    load_state(module, model.state)
    module.eval()
    rows = rows_at_once(architecture, model.inputs, model.outputs)

    def network(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            found = [module(some.to("cpu", dtype)) for some in torch.split(inputs, rows)]
        return torch.cat(found).to(inputs.device)

    return network


def save_model(model: Model) -> bytes:
    """Return safetensors with the arrays of the state, the scaling, and the architecture as metadata.

    A dense stack's arrays load into a plain stack of torch.nn.Linear. Equal models give equal bytes.
    """
    known = {
        "format": FORMAT,
        "architecture": encode_component(model.architecture),
        "inputs": model.inputs,
        "outputs": model.outputs,
        "task": str(model.task),
        "dtype": model.dtype,
    }
    taken = set(SCALING) & set(model.state)
    if taken:
        raise ValueError(f"{model.architecture.kind}: rename the arrays {', '.join(sorted(taken))} of its state")
    scaling = {name: getattr(model.scaling, name) for name in SCALING}
    # Arrays that are not contiguous would be written in the order of their memory.
    arrays = {name: np.ascontiguousarray(array) for name, array in (model.state | scaling).items()}
    return save(arrays, {"whydeep": json.dumps(known, sort_keys=True, separators=(",", ":"))})


def read_model(content: bytes) -> Model:
    """Return a saved model; raise InvalidError for bytes that are none."""
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        known = json.loads(header["__metadata__"]["whydeep"])
        arrays = load(content)
        scaling = Scaling(**{name: arrays.pop(name) for name in SCALING})
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidError([Problem(detail=f"these bytes are no model of ours: {error}")]) from error
    return Model(
        architecture=decode_component(Architecture, known["architecture"]),
        inputs=known["inputs"],
        outputs=known["outputs"],
        task=Task(known["task"]),
        dtype=known["dtype"],
        scaling=scaling,
        state=arrays,
    )


def load_model(spec: ExperimentSpec, content: bytes) -> "Callable[[Floats], Floats]":
    """Return the map (n, d) to (n, m), float64, in the units of the data, of the model that `spec` left.

    Raise InvalidError for bytes of another architecture than the spec's; the map raises it for another d.
    """
    model = read_model(content)
    if isinstance(spec, Approximation) and spec.architecture not in (None, model.architecture):
        raise InvalidError([Problem(detail=f"the bytes hold another model, of kind {model.architecture.kind!r}")])
    predict = model.predict()

    def checked(inputs: "Floats") -> "Floats":
        if inputs.ndim != 2 or inputs.shape[1] != model.inputs:
            detail = f"must be rows of {model.inputs} numbers; got an array of shape {inputs.shape}"
            raise InvalidError([Problem(path=("inputs",), code="shape", detail=detail)])
        return predict(inputs)

    return checked
