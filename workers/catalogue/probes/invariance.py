"""How little the outputs change when the input is moved."""

from collections.abc import Iterable
from dataclasses import dataclass

from workers.catalogue.kinds import Architecture, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.symmetries import SymmetryProbe
from workers.catalogue.values import DataSizes, Reading, Subject, Task


@probes.register(
    "invariance", source="Azulay and Weiss 2019, arXiv:1805.12177; normalised by the spread between inputs"
)
@dataclass(frozen=True, kw_only=True)
class Invariance(SymmetryProbe):
    """The distance between f(g x) and f(x) for shifts, quarter turns or mirror images g.

    f are the outputs. The error of one g is the root mean square over inputs of |f(g x) - f(x)|, divided by that of
    |f(x) - f(y)| between different inputs: 0 for an exact identity, near 1 where moving an input changes as much as
    taking another one. Dividing by |f| instead would let a nearly constant f pass.

    Metrics: invariance_error, root mean square over all g, and invariance_error_max; invariance_consistency, the
    fraction of (g, x) whose class, the largest output, stays, NaN for a regression; invariance_spread, the
    distance between inputs as a fraction of the root mean square of f. The errors are NaN for an f that is the same
    for all inputs. Arrays: per g `motions` (the shift, or the element: 4 if mirrored from left to right, plus the
    quarter turns that follow), `errors` and `consistency`.
    """

    margin: int = parameter(
        0,
        "positions along each side of the input that are set to 0 first, so that shifts by up to as many cut nothing; "
        "of all shifts only these are taken. Padding is out of reach of a shift t where the margin is t plus twice "
        "the reach of the receptive field",
        minimum=0,
        maximum=2**20,
    )

    def metric_names(self) -> tuple[str, ...]:
        """Return the errors, the consistency and the spread."""
        return self.named(*(f"invariance_{kind}" for kind in ("error", "error_max", "consistency", "spread")))

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield what keeps inputs from being moved, and a margin that leaves nothing."""
        if list(architecture.misfits(sizes, task)):
            return  # said elsewhere
        yield from self.frame_problems(sizes, architecture)
        frame = self.frame(architecture, sizes.inputs)
        if frame is not None and 2 * self.margin >= frame.size:
            yield Problem(path=("margin",), code="range", detail=f"leaves nothing of {frame.size} positions")

    def measure(self, subject: Subject) -> Reading:
        """Move the inputs one by one and compare the outputs."""
        from workers.engine.equivariance import invariance, moved_inputs

        frame = self.frame(subject.architecture, subject.inputs)
        assert frame is not None, "the spec refuses inputs that form no frame"
        inputs = moved_inputs(subject, frame, self.inputs, self.count, self.margin)
        found = invariance(subject, inputs, self.motions(frame, self.margin or None))
        values = (*found.mean_and_largest("errors"), float(found.values["consistency"].mean()), found.spread)
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays=found.arrays)
