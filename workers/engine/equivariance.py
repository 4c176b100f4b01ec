"""Errors of f(g x) against g f(x) and against f(x), for motions g of inputs on a line or a square."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.kinds import Network
from workers.catalogue.symmetries import Frame, Motion
from workers.catalogue.values import Subject, Task
from workers.engine.convolution import GridModule
from workers.engine.loop import load_state
from workers.engine.material import DTYPES
from workers.engine.motions import Lattice, acted, carried, labels, landings
from workers.engine.philox import Purpose, Stream

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

    Map = Callable[[Floats], Tensor]

ROWS = 64  # inputs evaluated at a time: bounds the memory


@dataclass(frozen=True, kw_only=True)
class ImageMap:
    """A map of images (n, channels, size, ...) to float64 (n, channels, orientations, positions) on a lattice."""

    function: "Map"
    orientations: int
    lattice: Lattice


@dataclass(frozen=True, kw_only=True)
class SymmetryErrors:
    """Per motion (e,) an array for each name, `errors` first; the spread between inputs relative to the map's size."""

    motions: Sequence[Motion]
    values: "dict[str, Floats]"
    spread: float

    def mean_and_largest(self, name: str) -> tuple[float, float]:
        """Return the root mean square and the largest over the motions whose value is known."""
        known = self.values[name][~np.isnan(self.values[name])]
        return (math.sqrt(np.mean(known**2)), float(known.max())) if len(known) else (math.nan, math.nan)

    @property
    def arrays(self) -> dict[str, Any]:
        """Return what is stored: the motions beside the values."""
        return {"motions": labels(self.motions), **self.values}


def moved_inputs(
    subject: Subject, frame: Frame, source: Literal["test", "noise"], count: int, margin: int = 0
) -> "Floats":
    """Return inputs (n, channels, size, ...) in the network's units, 0 on the margin along each side."""
    if source == "noise":
        flat = Stream(seed=subject.seed, purpose=Purpose.PROBE).child("symmetry").normals((count, subject.inputs))
    else:
        flat = (subject.split.test.inputs[:count] - subject.scaling.input_mean) / subject.scaling.input_scale
    images = np.array(flat).reshape(-1, frame.channels, *(frame.size,) * frame.axes)
    kept = np.zeros(frame.size)
    kept[margin : frame.size - margin] = 1.0
    return images * (kept if frame.axes == 1 else np.outer(kept, kept))


def image_map(subject: Subject, frame: Frame, of: Literal["features", "output"], margin: int | None) -> ImageMap:
    """Return the subject's features, or its outputs as an image; `margin` replaces what their positions see."""
    architecture = subject.architecture
    places, stride, orientations, inside = frame.size, 1, 1, (False,) * frame.size
    function = outputs_of(subject)
    if isinstance(architecture, GridNetwork):
        stack = architecture.grid(subject.inputs, subject.outputs)
        places, stride, inside = stack.places, stack.field.stride, stack.field.inside(stack.size, stack.places)
        if of == "features":
            orientations = stack.layers[-1].orientations
            module = _module(subject)
            assert isinstance(module, GridModule)
            function = _evaluator(module.features, subject.dtype)
    if margin is not None:
        inside = tuple(margin <= place < places - margin for place in range(places))

    def images(inputs: "Floats") -> Tensor:
        return function(inputs).reshape(len(inputs), -1, orientations, places**frame.axes)

    return ImageMap(
        function=images,
        orientations=orientations,
        lattice=Lattice(places=places, stride=stride, inside=inside),
    )


def outputs_of(subject: Subject) -> "Map":
    """Return the map of inputs (n, ...) to outputs (n, m), both in the units of a network."""
    if isinstance(subject.architecture, Network):
        return _evaluator(_module(subject), subject.dtype)
    scaling = subject.scaling

    def estimate(inputs: "Floats") -> Tensor:
        found = subject.predict(inputs.reshape(len(inputs), -1) * scaling.input_scale + scaling.input_mean)
        return torch.from_numpy((found - scaling.output_mean) / scaling.output_scale)

    return estimate


def equivariance(viewed: ImageMap, frame: Frame, inputs: "Floats", motions: Sequence[Motion]) -> SymmetryErrors:
    """Return `errors` of f(g x) against g f(x), and `errors_interior`, NaN where no position is interior."""
    still = viewed.function(inputs)
    spread = _spread(still)
    whole, interior = [], []
    for motion in motions:
        found = viewed.function(acted(inputs, motion))
        turned = still[:, :, carried(viewed.orientations, motion)]
        places = list(landings(viewed.lattice, frame, motion))
        whole.append(min(_square(found - turned[..., place.whole]) for place in places))
        inner = [(found - turned[..., place.interior])[..., place.known] for place in places if place.known.any()]
        interior.append(min(map(_square, inner), default=math.nan))
    values = {"errors": _relative(whole, spread), "errors_interior": _relative(interior, spread)}
    return SymmetryErrors(motions=motions, values=values, spread=_against(spread, still))


def invariance(subject: Subject, inputs: "Floats", motions: Sequence[Motion]) -> SymmetryErrors:
    """Return `errors` of f(g x) against f(x), and the `consistency` of its classes, NaN for a regression."""
    function = outputs_of(subject)
    still = function(inputs)
    spread = _spread(still)
    found = [function(acted(inputs, motion)) for motion in motions]
    classes = subject.split.task is Task.CLASSIFICATION
    stays = [float((each.argmax(1) == still.argmax(1)).double().mean()) if classes else math.nan for each in found]
    values = {
        "errors": _relative([_square(each - still) for each in found], spread),
        "consistency": np.array(stays),
    }
    return SymmetryErrors(motions=motions, values=values, spread=_against(spread, still))


def _module(subject: Subject) -> torch.nn.Module:
    assert isinstance(subject.architecture, Network)
    module = subject.architecture.module(subject.inputs, subject.outputs).to(DTYPES[subject.dtype])
    load_state(module, subject.state)
    return module.eval()


def _evaluator(function: Callable[[Tensor], Tensor], dtype: str) -> "Map":
    def evaluated(inputs: "Floats") -> Tensor:
        rows = torch.from_numpy(inputs.reshape(len(inputs), -1)).to(DTYPES[dtype])
        with torch.no_grad():
            return torch.cat([function(some) for some in torch.split(rows, ROWS)]).double()

    return evaluated


def _square(difference: Tensor) -> float:
    return float(difference.square().mean())


def _spread(values: Tensor) -> float:
    """Return the mean square of f(x) - f(y) over all pairs of different inputs and all numbers of f."""
    return 2 * float(values.var(dim=0).mean())


def _relative(squares: list[float], spread: float) -> "Floats":
    # By torch: a division by a spread of zero gives infinity or NaN, not a warning.
    return (torch.tensor(squares, dtype=torch.float64) / spread).sqrt().numpy()


def _against(spread: float, values: Tensor) -> float:
    return float(_relative([spread], _square(values))[0])
