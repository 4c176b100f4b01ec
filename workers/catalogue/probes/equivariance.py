"""How well a map of a moved input is the moved map of the input."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.grids import area
from workers.catalogue.kinds import Architecture, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.symmetries import SymmetryProbe
from workers.catalogue.values import DataSizes, Reading, Subject, Task


@probes.register(
    "equivariance",
    source="Cohen and Welling 2016, arXiv:1602.07576, section 2; normalised by the spread between inputs",
)
@dataclass(frozen=True, kw_only=True)
class Equivariance(SymmetryProbe):
    """The distance between f(g x) and g f(x) for shifts, quarter turns or mirror images g of an image-like f.

    f are the features before the head (cnn, group-cnn, locally-connected), whose orientations g permutes, or outputs
    that are an image. The error of one g is the root mean square over inputs, channels and positions, divided by
    that of f(x) - f(y) between different inputs: 0 for an exact identity, near 1 where g f(x) is no better than
    another input's map. Dividing by |f| instead would let a nearly constant map pass. Features with a stride s are
    moved by t / s; where that is no whole number, by the better of its neighbours.

    Metrics: equivariance_error, root mean square over all g, and equivariance_error_max; with _interior only
    positions that see no padding and no seam of the shift, before and after, NaN where there are none (and an output
    of another architecture has none unless `margin` is given); equivariance_spread, the distance between inputs as a
    fraction of the root mean square of f. All are NaN for a map that is the same for all inputs. Arrays: per g
    `motions` (the shift, or the element: 4 if mirrored from left to right, plus the quarter turns that follow),
    `errors` and `errors_interior`.
    """

    of: Literal["features", "output"] = parameter(
        "features", "the map: what the head reads, or the outputs as an image"
    )
    margin: int | None = parameter(
        None,
        "positions of f along each side that do not count as interior; null: those that see padding",
        minimum=0,
        maximum=2**20,
    )

    def metric_names(self) -> tuple[str, ...]:
        """Return the errors and the spread."""
        kinds = ("error", "error_max", "error_interior", "error_interior_max", "spread")
        return self.named(*(f"equivariance_{kind}" for kind in kinds))

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield what keeps inputs from being moved, and outputs that are no image."""
        if list(architecture.misfits(sizes, task)):
            return  # said elsewhere, and the sizes of the layers do not exist
        yield from self.frame_problems(sizes, architecture)
        if self.of == "features" and not isinstance(architecture, GridNetwork):
            detail = f"{architecture.kind} has no features on a grid: use output"
            yield Problem(path=("of",), detail=detail)
        frame = self.frame(architecture, sizes.inputs)
        if self.of == "output" and frame is not None:
            is_map = isinstance(architecture, GridNetwork) and architecture.head == "map"
            if isinstance(architecture, GridNetwork) and not is_map:
                yield Problem(path=("of",), detail='the outputs are no image: use features or the head "map"')
            elif not is_map and sizes.outputs % area(frame.size, frame.axes):
                detail = f"{sizes.outputs} outputs are no channels of {area(frame.size, frame.axes)} positions"
                yield Problem(path=("of",), detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Move the inputs one by one and compare."""
        from workers.engine.equivariance import equivariance, image_map, moved_inputs

        frame = self.frame(subject.architecture, subject.inputs)
        assert frame is not None, "the spec refuses inputs that form no frame"
        inputs = moved_inputs(subject, frame, self.inputs, self.count)
        viewed = image_map(subject, frame, self.of, self.margin)
        found = equivariance(viewed, frame, inputs, self.motions(frame))
        values = (*found.mean_and_largest("errors"), *found.mean_and_largest("errors_interior"), found.spread)
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays=found.arrays)
