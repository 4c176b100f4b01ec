"""Linear regression by more factors than it needs: whether gradient descent gets faster."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.factored_regression import Regressions

LARGEST_WORK = 2**38  # products, problems times rates times samples times inputs times steps: minutes on one core


@simulations.register("implicit-acceleration", source="Arora, Cohen and Hazan 2018, arXiv:1802.06509")
@dataclass(frozen=True, kw_only=True)
class ImplicitAcceleration(Simulation):
    """Steps that gradient descent of an l_p regression takes with one layer of weights and with several.

    The answers are linear in normal inputs whose variances run from 1 down to 1 / condition, evenly on a log scale;
    the loss is the mean of |error|**p / p. The deep arm writes the weights as a vector times layers - 1 numbers,
    a deep linear network of width 1, which can compute nothing more. Both arms start from the same small weights,
    the factors balanced, and each may choose the best of `rates` learning rates, evenly spaced on a log scale, for
    each problem. Counted are the steps until the loss is `ratio` of the first one. Depth is known to help for p > 2
    and not for p = 2. With the rule `end-to-end` the deep arm moves the product by the equation that it follows
    for small rates.

    Metrics: faster_share, of the problems on which the deep arm takes fewer steps, with its 95 % Wilson interval
    faster_share_low, faster_share_high; tied_share; shallow_steps_median and deep_steps_median, infinite where
    most problems do not get there; speedup_median, of the ratio of the two on those that both solve; unsolved_share,
    of the problems on which an arm does not get there; edge_share, of those where the best rate of an arm is the
    first or last. Arrays: shallow_steps and deep_steps (problems,).
    """

    p: float = parameter(4.0, "power of the error in the loss", minimum=1.0, maximum=16.0)
    layers: int = parameter(2, "N, factors of the deep arm", minimum=2, maximum=16)
    rule: Literal["factors", "end-to-end"] = parameter("factors", "how the deep arm moves")
    problems_drawn: int = parameter(10, "regressions", minimum=1, maximum=10_000)
    inputs: int = parameter(20, "d, weights of the regression", minimum=1, maximum=1000)
    samples: int = parameter(200, "n, of each regression", minimum=1, maximum=100_000)
    condition: float = parameter(100.0, "largest over smallest variance of an input", minimum=1.0, maximum=1e6)
    start_length: float = parameter(
        0.1, "length of the initial weights; answers have mean square 1", exclusive_minimum=0.0, maximum=10.0
    )
    lowest_rate: float = parameter(1e-3, "smallest learning rate", exclusive_minimum=0.0, maximum=1e3)
    highest_rate: float = parameter(10.0, "largest learning rate", exclusive_minimum=0.0, maximum=1e3)
    rates: int = parameter(15, "learning rates tried", minimum=2, maximum=100)
    ratio: float = parameter(1e-4, "of the first loss, at which an arm has arrived", exclusive_minimum=0.0, maximum=0.9)
    steps: int = parameter(3000, "most steps of a run", minimum=1, maximum=1_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield rates out of order and too much work."""
        if self.lowest_rate >= self.highest_rate:
            detail = f"must be greater than lowest_rate = {self.lowest_rate:g}"
            yield Problem(path=("highest_rate",), code="range", detail=detail)
        work = self.problems_drawn * self.rates * self.samples * self.inputs * self.steps
        if work > LARGEST_WORK:
            detail = f"{work:.1e} products are to be computed, at most {LARGEST_WORK:.1e}: take fewer problems or steps"
            yield Problem(path=("problems_drawn",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return who was faster, and the steps of both arms."""
        return (
            *with_interval("faster_share"),
            "tied_share",
            "shallow_steps_median",
            "deep_steps_median",
            "speedup_median",
            "unsolved_share",
            "edge_share",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Let both arms solve every problem; problem i depends on the seed, its sizes and i alone."""
        import numpy as np

        from workers.engine.factored_regression import EndToEnd, Factors, steps_to
        from workers.engine.replicates import share_metrics

        rates = np.geomspace(self.lowest_rate, self.highest_rate, self.rates)
        deep = Factors if self.rule == "factors" else EndToEnd
        reached = np.empty((2, self.problems_drawn, self.rates))
        for index in range(self.problems_drawn):
            problem, start = self._problem(seed, index)
            for arm, path in enumerate((EndToEnd(start, 1), deep(start, self.layers))):
                reached[arm, index] = steps_to(problem, path, rates, ratio=self.ratio, steps=self.steps)[0]
            progress(index + 1, self.problems_drawn)
        shallow, many = reached.min(axis=2)
        solved = np.isfinite(shallow) & np.isfinite(many)
        best = np.argmin(reached, axis=2)
        edge = np.isfinite(reached.min(axis=2)) & ((best == 0) | (best == self.rates - 1))
        steps = {
            "tied_share": float(np.mean(solved & (shallow == many))),
            "shallow_steps_median": _median(shallow),
            "deep_steps_median": _median(many),
            "speedup_median": _median(shallow[solved] / np.maximum(many[solved], 1)),
            "unsolved_share": float(np.mean(~solved)),
            "edge_share": float(np.mean(edge.any(axis=0))),
        }
        share = share_metrics("faster_share", int(np.sum(many < shallow)), self.problems_drawn)
        return Reading(metrics=share | steps, arrays={"shallow_steps": shallow, "deep_steps": many})

    def _problem(self, seed: int, index: int) -> "tuple[Regressions, Floats]":
        """Return one regression, and initial weights (1, rates, d)."""
        import numpy as np

        from workers.engine.factored_regression import Regressions
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        spread = np.sqrt(np.geomspace(1.0, 1 / self.condition, self.inputs))
        inputs = stream.child("inputs").normals((self.samples, self.inputs), step=index) * spread
        answers = inputs @ stream.child("truth").normals(self.inputs, step=index)
        start = stream.child("start").normals(self.inputs, step=index)
        start *= self.start_length / np.linalg.norm(start)
        problem = Regressions(inputs=inputs[None], answers=(answers / np.sqrt(np.mean(answers**2)))[None], p=self.p)
        return problem, np.tile(start, (1, self.rates, 1))


def _median(values: "Floats") -> float:
    """Return the lower of the middle values, NaN without values; infinite ones count."""
    return float(sorted(values)[(len(values) - 1) // 2]) if len(values) else math.nan
