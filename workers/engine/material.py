"""The data of a member: drawn, scaled and put on its device."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.values import Samples, Scaling, Split
from workers.experiments.codec import encode_component
from workers.experiments.spec import Approximation

DTYPES = {"float32": torch.float32, "float64": torch.float64}
KEPT_DRAWS = 4  # experiments that differ in rates or initial weights alone share one draw


@dataclass(frozen=True, kw_only=True)
class Part:
    """Scaled samples: inputs (n, d) and targets (n, m) in the network's precision, exact (n, m) in float64."""

    inputs: Tensor
    targets: Tensor
    exact: Tensor


@dataclass(frozen=True, kw_only=True)
class Material:
    """One draw of a data set with its scaled parts: train, validation and test, those that have samples."""

    split: Split
    scaling: Scaling
    parts: dict[str, Part]

    @cached_property
    def digest(self) -> str:
        """Return sha256 over the drawn arrays in the units of the data."""
        found = hashlib.sha256()
        for name in ("train", "validation", "test"):
            samples: Samples = getattr(self.split, name)
            for array in (samples.inputs, samples.outputs):
                found.update(f"{name}{array.shape}".encode())
                found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return found.hexdigest()


def prepare(split: Split, scaling: Scaling, dtype: torch.dtype, device: torch.device) -> Material:
    """Return the samples as a network with this scaling sees them."""
    parts = {}
    for name in ("train", "validation", "test"):
        samples: Samples = getattr(split, name)
        if len(samples.inputs):
            # Row by row: the kernel reads memory, and a data set may give columns that were chosen by an index.
            inputs = torch.from_numpy((samples.inputs - scaling.input_mean) / scaling.input_scale).contiguous()
            exact = torch.from_numpy((samples.outputs - scaling.output_mean) / scaling.output_scale).contiguous()
            exact = exact.to(device)
            parts[name] = Part(inputs=inputs.to(device, dtype), targets=exact.to(dtype), exact=exact)
    return Material(split=split, scaling=scaling, parts=parts)


class Draws:
    """The last few draws, so that members with equal data share their memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Material] = OrderedDict()

    def material(self, spec: Approximation, device: torch.device) -> Material:
        """Return the data of the spec, drawn unless it was drawn just before."""
        key = draw_key(spec) + spec.dtype
        if key not in self._kept:
            split = draw(spec)
            self._kept[key] = prepare(split, split.scaling, DTYPES[spec.dtype], device)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_DRAWS:
            self._kept.popitem(last=False)
        return self._kept[key]


def draw(spec: Approximation) -> Split:
    """Draw the samples of the spec: a pure function of target, data set and seed."""
    return spec.dataset.split(spec.target, spec.seed_of("data"))


def draw_key(spec: Approximation) -> str:
    """Return a text that is equal for specs with equal samples."""
    target = None if spec.target is None else encode_component(spec.target)
    return json.dumps([encode_component(spec.dataset), target, spec.seed_of("data")], sort_keys=True)
