"""What a literature says where only significant results are published."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats

LARGEST_DRAW = 2**30  # scores in all: about a minute on one core
FEWEST_PUBLISHED = 100  # expected, so that their mean has an interval


@simulations.register(
    "publication-filter",
    source="Hedges 1984, doi:10.3102/10769986009001061; Ioannidis 2005, doi:10.1371/journal.pmed.0020124",
)
@dataclass(frozen=True, kw_only=True)
class PublicationFilter(Simulation):
    """Studies of a trick against a baseline, of which those with a significant difference are published.

    A study has `runs` scores per arm, normal with standard deviation 1; a trick with an effect is better by `effect`
    on average. The difference of means, d, is tested against 0 with its known standard error sqrt(2 / runs), so among
    published studies it is a truncated normal variable: its mean exceeds the effect, the more so the lower the
    power. `share_with_effect` of the studies have an effect; of the published ones a share
    (1 - s) level / ((1 - s) level + s power) has none.

    Metrics, those marked * with a 95 % interval <name>_low, <name>_high: published_share* of all studies;
    published_effect*, the mean difference of the published studies whose trick has an effect, and inflation, that
    over the effect; false_share*, of the published ones without an effect; each with its closed form
    predicted_<name>; unfiltered_effect, the mean difference of all studies whose trick has an effect. Arrays
    (studies,): differences, has_effect, published.
    """

    effect: float = parameter(
        0.5,
        "difference of the means where there is one, in standard deviations of a score",
        exclusive_minimum=0.0,
        maximum=10.0,
    )
    share_with_effect: float = parameter(0.5, "share of the studies whose trick has it", minimum=0.01, maximum=0.99)
    runs: int = parameter(5, "scores per arm", minimum=1, maximum=1000)
    level: float = parameter(
        0.05, "probability of a significant difference where there is none", minimum=1e-4, maximum=0.5
    )
    sides: Literal["one", "two"] = parameter(
        "one", "whether only a better trick is significant, or a worse one too; two splits the level"
    )
    studies: int = parameter(100_000, "studies", minimum=1000, maximum=10_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too many scores, and too few published studies with or without an effect."""
        most = LARGEST_DRAW // (2 * self.runs)
        shares = (self.share_with_effect * self.level, (1 - self.share_with_effect) * self.level)
        least = math.ceil(FEWEST_PUBLISHED / min(shares))
        if least > most:
            detail = f"publishes too few of the {most} studies with {self.runs} runs that are drawn: raise it"
            yield Problem(path=("level",), code="range", detail=detail)
        elif not least <= self.studies <= most:
            detail = f"must be from {least}, so that {FEWEST_PUBLISHED} of each sort are published, to {most}"
            yield Problem(path=("studies",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return shares and effects with their intervals and predictions."""
        measured = ("published_share", "published_effect", "false_share")
        plain = ("inflation", "unfiltered_effect")
        predicted = (f"predicted_{name}" for name in (*measured, "inflation"))
        return (*(n for name in measured for n in with_interval(name)), *plain, *predicted)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Run the studies, keep the significant ones, compare."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics, share_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        differences = np.empty(self.studies)
        block = block_of(2 * self.runs)
        for start in range(0, self.studies, block):
            stop = min(start + block, self.studies)
            scores = stream.child("scores").normals((stop - start, 2, self.runs), start // block)
            differences[start:stop] = scores[:, 0].mean(axis=1) - scores[:, 1].mean(axis=1)
            progress(stop, self.studies)
        real = stream.child("effect").uniforms(self.studies) < self.share_with_effect
        differences[real] += self.effect
        published = self._significant(differences)
        found = differences[published & real]
        metrics = share_metrics("published_share", int(published.sum()), self.studies)
        metrics |= mean_metrics("published_effect", found)
        metrics |= share_metrics("false_share", int((published & ~real).sum()), int(published.sum()))
        metrics |= {
            "inflation": metrics["published_effect"] / self.effect,
            "unfiltered_effect": float(differences[real].mean()),
            **{f"predicted_{name}": value for name, value in self.predictions().items()},
        }
        arrays = {"differences": differences, "has_effect": real, "published": published}
        return Reading(metrics=metrics, arrays=arrays)

    @property
    def standard_error(self) -> float:
        """Return that of the difference of two means."""
        return math.sqrt(2 / self.runs)

    @property
    def threshold(self) -> float:
        """Return the difference, in standard errors, that is significant."""
        from scipy.special import ndtri

        return -float(ndtri(self.level / (1 if self.sides == "one" else 2)))

    def predictions(self) -> dict[str, float]:
        """Return the closed forms: power, mean of a truncated normal variable, Bayes' rule."""
        from scipy.special import ndtr

        shift, threshold = self.effect / self.standard_error, self.threshold
        power, tilt = float(ndtr(shift - threshold)), _density(threshold - shift)
        if self.sides == "two":
            power, tilt = power + float(ndtr(-shift - threshold)), tilt - _density(threshold + shift)
        true, false = self.share_with_effect * power, (1 - self.share_with_effect) * self.level
        published = self.effect + self.standard_error * tilt / power
        return {
            "published_share": true + false,
            "published_effect": published,
            "false_share": false / (true + false),
            "inflation": published / self.effect,
        }

    def _significant(self, differences: "Floats") -> "NDArray[np.bool_]":
        import numpy as np

        tested = differences / self.standard_error
        return np.asarray((tested if self.sides == "one" else np.abs(tested)) > self.threshold)


def _density(x: float) -> float:
    """Return the standard normal density."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
