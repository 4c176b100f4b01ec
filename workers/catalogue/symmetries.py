"""Probes that move the inputs by shifts, quarter turns and mirror images: what they share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.grids import area
from workers.catalogue.kinds import Architecture, Probe
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes

# Elements of the symmetry group of the square, as workers.engine.plane_groups counts them; 0 moves nothing.
ELEMENTS = {"rotations": (1, 2, 3), "reflections": (4, 5, 6, 7), "rotations-and-reflections": (1, 2, 3, 4, 5, 6, 7)}
MIRROR_IMAGE = 4
MOST_SHIFTS = 4096  # all of a square of 64 by 64 positions


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Inputs as channels on a line (1 axis) or a square (2 axes) with `size` positions along each axis."""

    axes: int
    channels: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A cyclic shift by so many positions along each axis, or else an element of the symmetry group of the square."""

    shift: tuple[int, ...] = ()
    element: int = 0


@dataclass(frozen=True, kw_only=True)
class SymmetryProbe(Probe):
    """Moves inputs and compares what the model makes of them. Abstract: a probe says with what.

    It works in the units that the network sees, in the network's own precision.
    """

    transformations: Literal["translations", "rotations", "reflections", "rotations-and-reflections"] = parameter(
        "translations",
        "how inputs are moved: cyclic shifts, quarter turns, the 4 mirror images of a square (1 of a line)",
    )
    shifts: tuple[tuple[int, ...], ...] | None = parameter(
        None,
        "of translations: positions along each axis; null: all that move anything",
        minimum=-(2**20),
        maximum=2**20,
        min_items=1,
        max_items=MOST_SHIFTS,
    )
    inputs: Literal["test", "noise"] = parameter("test", "the first test samples, or standard normal numbers")
    count: int = parameter(16, "inputs that are moved", minimum=2, maximum=256)
    dimensions: int | None = parameter(
        None, "axes of an input, 1 a line, 2 a square; null: those of the architecture", minimum=1, maximum=2
    )
    input_channels: int | None = parameter(
        None, "channels of an input; null: those of the architecture, or else 1", minimum=1, maximum=4096
    )

    def problems(self) -> Iterable[Problem]:
        """Yield shifts of something that is not shifted."""
        if self.shifts is not None and self.transformations != "translations":
            yield Problem(path=("shifts",), detail=f"has no part in {self.transformations}: leave it out")

    def frame(self, architecture: Architecture, inputs: int) -> Frame | None:
        """Return the frame of the inputs, or None where they form none."""
        axes, channels = self.dimensions, self.input_channels or 1
        if isinstance(architecture, GridNetwork):
            axes, channels = architecture.axes, architecture.input_channels
        if axes is None:
            return None
        size = round((inputs / channels) ** (1 / axes))
        return Frame(axes=axes, channels=channels, size=size) if channels * area(size, axes) == inputs else None

    def frame_problems(self, sizes: DataSizes, architecture: Architecture) -> Iterator[Problem]:
        """Yield why these inputs cannot be moved."""
        frame = self.frame(architecture, sizes.inputs)
        if isinstance(architecture, GridNetwork):
            for name, own in (("dimensions", architecture.axes), ("input_channels", architecture.input_channels)):
                if getattr(self, name) not in (None, own):
                    yield Problem(path=(name,), detail=f"the architecture has {own}: leave it out")
        elif self.dimensions is None:
            detail = "say whether inputs are lines (1) or squares (2): the architecture does not"
            yield Problem(path=("dimensions",), code="required", detail=detail)
        elif frame is None:
            detail = f"{sizes.inputs} inputs are not so many channels of a line or square"
            yield Problem(path=("input_channels",), code="range", detail=detail)
        if frame is not None:
            yield from self._problems_on(frame, sizes)

    def _problems_on(self, frame: Frame, sizes: DataSizes) -> Iterator[Problem]:
        if frame.axes == 1 and self.transformations not in ("translations", "reflections"):
            detail = "a line has no quarter turns: use translations or reflections"
            yield Problem(path=("transformations",), detail=detail)
        if any(len(shift) != frame.axes for shift in self.shifts or ()):
            yield Problem(path=("shifts",), code="length", detail=f"each must have {frame.axes} numbers, one per axis")
        if self.inputs == "test" and sizes.test < 2:
            yield Problem(path=("inputs",), detail="there are fewer than 2 test samples: use noise")
        positions = area(frame.size, frame.axes)
        if self.transformations == "translations" and self.shifts is None and positions > MOST_SHIFTS:
            detail = f"all shifts of {positions} positions are too many: list at most {MOST_SHIFTS}"
            yield Problem(path=("shifts",), code="range", detail=detail)

    def motions(self, frame: Frame, furthest: int | None = None) -> tuple[Motion, ...]:
        """Return how the inputs are moved; of all shifts those by at most `furthest` positions along an axis."""
        if self.transformations != "translations":
            elements = ELEMENTS[self.transformations] if frame.axes == 2 else (MIRROR_IMAGE,)
            return tuple(Motion(element=element) for element in elements)
        shifts: Iterable[tuple[int, ...]] = self.shifts or ()
        if self.shifts is None:
            reach = range(frame.size) if furthest is None else range(-furthest, furthest + 1)
            shifts = (shift for shift in product(reach, repeat=frame.axes) if any(shift))
        return tuple(Motion(shift=shift) for shift in shifts)
