"""Magnitude pruning: the smallest weights of a network set to zero."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workers.catalogue.kinds import Network
from workers.catalogue.values import Subject
from workers.engine.evaluation import evaluate
from workers.engine.material import DTYPES, prepare
from workers.engine.models import Model
from workers.engine.numerics import torch_device

if TYPE_CHECKING:
    from workers.catalogue.values import State

Floats: TypeAlias = npt.NDArray[np.float64]
Scope: TypeAlias = Literal["global", "layer"]


def prunable(network: Network, inputs: int, outputs: int) -> tuple[str, ...]:
    """Return the names of the trained arrays of two or more axes: weights and kernels, no biases and no buffers."""
    module = network.module(inputs, outputs)
    return tuple(name for name, each in module.named_parameters() if each.requires_grad and each.ndim >= 2)


def pruned(state: "State", names: Sequence[str], sparsity: float, scope: Scope) -> "State":
    """Return the state with the smallest |weights| of the named arrays set to zero.

    Of n weights, round(sparsity n) go: of all arrays together, or of each by itself. Of equal ones the first goes.
    """
    groups = [tuple(names)] if scope == "global" else [(name,) for name in names]
    changed = dict(state)
    for group in groups:
        flat = np.concatenate([np.reshape(state[name], -1) for name in group])
        gone = np.argsort(np.abs(flat), kind="stable")[: round(sparsity * len(flat))]
        flat[gone] = 0.0
        pieces = np.split(flat, np.cumsum([state[name].size for name in group])[:-1])
        changed |= {name: piece.reshape(state[name].shape) for name, piece in zip(group, pieces, strict=True)}
    return changed


def pruning_curve(subject: Subject, sparsities: Sequence[float], scope: Scope) -> dict[str, Floats]:
    """Return test_loss, test_accuracy or test_l2_error, and remaining_weights: one entry per sparsity.

    Loss and error are those of the curves of training. The pruned network is not trained again.
    """
    network = subject.architecture
    assert isinstance(network, Network), "the spec refuses estimators"
    names = prunable(network, subject.inputs, subject.outputs)
    material = prepare(subject.split, subject.scaling, DTYPES[subject.dtype], torch_device("cpu"))
    material = replace(material, parts={"test": material.parts["test"]})
    found: dict[str, list[float]] = {}
    for sparsity in sparsities:
        model = Model(
            architecture=network,
            inputs=subject.inputs,
            outputs=subject.outputs,
            task=subject.split.task,
            dtype=subject.dtype,
            scaling=subject.scaling,
            state=pruned(subject.state, names, sparsity, scope),
        )
        values = evaluate(material, model.scaled(), subject.loss, subject.architecture)
        values["remaining_weights"] = float(sum(np.count_nonzero(model.state[name]) for name in names))
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(each) for name, each in found.items()}
