"""How often tricks without any effect are declared better than a baseline."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.philox import Stream

LARGEST_DRAW = 2**29  # scores in all: about a minute on one core


@simulations.register(
    "best-of-tricks",
    source="Bouthillier et al. 2021, arXiv:2103.03098; Holm 1979, Scandinavian Journal of Statistics 6:65",
)
@dataclass(frozen=True, kw_only=True)
class BestOfTricks(Simulation):
    """False victories when k tricks, none of which changes anything, compete with one baseline.

    Scores of tricks and baseline are independent draws from one law. In every comparison, each a share of
    `comparisons`: `naive`, the best of the k first scores beats the baseline's first one, with probability
    k / (k + 1) for every continuous law; `single`, the first trick alone is better by a one-sided paired t test over
    `runs` scores, with probability `level` for a normal law; `uncorrected`, any of the k tricks is, each at that level;
    `corrected`, any is after Holm's correction, that is at level / k for the best one, with probability at most
    `level` for a normal law.

    Metrics: naive_rate, single_rate, uncorrected_rate and corrected_rate, each with its 95 % interval <name>_low,
    <name>_high; predicted_naive_rate. The array smallest_p (comparisons,) holds the smallest of the k p-values.
    """

    tricks: int = parameter(10, "tricks k that are tried", minimum=1, maximum=1000)
    runs: int = parameter(5, "scores of every trick and of the baseline in a test", minimum=2, maximum=1000)
    level: float = parameter(0.05, "level of the tests", minimum=1e-4, maximum=0.5)
    law: Literal["normal", "exponential"] = parameter("normal", "law of the scores; a test assumes the first")
    comparisons: int = parameter(20_000, "independent comparisons", minimum=100, maximum=10_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too many scores."""
        most = LARGEST_DRAW // ((self.tricks + 1) * self.runs)
        if self.comparisons > most:
            detail = f"must be at most {most} for {self.tricks} tricks with {self.runs} runs"
            yield Problem(path=("comparisons",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the rates with their intervals, and the rate that is predicted."""
        rates = ("naive_rate", "single_rate", "uncorrected_rate", "corrected_rate")
        return (*(n for name in rates for n in with_interval(name)), "predicted_naive_rate")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Compare in blocks."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import share_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        naive = np.empty(self.comparisons, dtype=bool)
        p = np.empty((self.comparisons, 2))  # of the first trick, of the best one
        block = block_of((self.tricks + 1) * self.runs)
        for start in range(0, self.comparisons, block):
            stop = min(start + block, self.comparisons)
            scores = self._scores(stream, stop - start, step=start // block)
            naive[start:stop] = scores[:, 1:, 0].max(axis=1) > scores[:, 0, 0]
            each = _p_values(scores[:, 1:] - scores[:, :1])
            p[start:stop] = np.stack([each[:, 0], each.min(axis=1)], axis=1)
            progress(stop, self.comparisons)
        victories = {
            "naive_rate": naive,
            "single_rate": p[:, 0] <= self.level,
            "uncorrected_rate": p[:, 1] <= self.level,
            "corrected_rate": p[:, 1] <= self.level / self.tricks,
        }
        metrics = {"predicted_naive_rate": self.tricks / (self.tricks + 1)}
        for name, won in victories.items():
            metrics |= share_metrics(name, int(won.sum()), self.comparisons)
        return Reading(metrics=metrics, arrays={"smallest_p": p[:, 1]})

    def _scores(self, stream: "Stream", count: int, *, step: int) -> "Floats":
        """Return scores (count, 1 + tricks, runs), the baseline's first."""
        import numpy as np

        shape = (count, 1 + self.tricks, self.runs)
        if self.law == "normal":
            return stream.normals(shape, step)
        return np.asarray(-np.log1p(-stream.uniforms(shape, step)))


def _p_values(differences: "Floats") -> "Floats":
    """Return p-values (...) of one-sided t tests of differences (..., runs) against a mean of 0 or less."""
    import numpy as np
    from scipy.special import stdtr

    runs = differences.shape[-1]
    t = differences.mean(axis=-1) / (differences.std(axis=-1, ddof=1) / np.sqrt(runs))
    return np.asarray(stdtr(runs - 1, -t))
