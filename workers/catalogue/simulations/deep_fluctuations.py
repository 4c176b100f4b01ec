"""How much random initial weights disturb the signal through a deep network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

LARGEST_DRAW = 2**31  # normal numbers in all: about a minute on one core
FOURTH_MOMENT = {"relu": 5, "linear": 2}  # c in E[K**2] = (1 + c / width)**depth


@simulations.register(
    "deep-fluctuations",
    source="Hanin and Nica 2020, arXiv:1812.05994; Roberts, Yaida and Hanin 2022, arXiv:2106.10165, chapter 4",
)
@dataclass(frozen=True, kw_only=True)
class DeepFluctuations(Simulation):
    """The spread, over random initial weights, of the mean square K of the last hidden layer's units.

    Weights are normal with variance 2 / width under relu (He et al. 2015) and 1 / width in a linear network, biases
    0, and the input has mean square 1, so K is 1 on average at every depth. Its fluctuations depend on
    depth / width: E[K**2] = (1 + c / width)**depth, near exp(c depth / width), c = 5 for relu and 2 for a linear
    network, and log K has a variance near c depth / width. Units are drawn layer by layer given the mean square
    below, which is the law of the network itself and takes no matrices.

    Metrics: log_variance with its 95 % interval log_variance_low, log_variance_high, and predicted_log_variance, the
    exact one; second_moment, of E[K**2], with second_moment_low, second_moment_high and predicted_second_moment;
    depth_to_width; dead_share, the share of networks with a layer of zeros alone, which count in second_moment only.
    Past a depth_to_width of 1/4 the mean of K**2 rests on a few networks and is too small: read log_variance there.
    The array kernels (networks,) holds K.
    """

    width: int = parameter(64, "units per layer", minimum=4, maximum=4096)
    depth: int = parameter(16, "layers", minimum=1, maximum=4096)
    activation: Literal["relu", "linear"] = parameter("relu", "nonlinearity of the units")
    networks: int = parameter(4000, "independent initial weights", minimum=100, maximum=1_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too many numbers, and relu layers so narrow and many that all may be dead."""
        most = LARGEST_DRAW // (self.width * self.depth)
        if self.networks > most:
            detail = f"must be at most {most} for {self.depth} layers of {self.width} units"
            yield Problem(path=("networks",), code="range", detail=detail)
        elif self.activation == "relu" and self.depth > 2 ** (self.width - 1):
            detail = f"leaves hardly a network of width {self.width} alive: use at most {2 ** (self.width - 1)}"
            yield Problem(path=("depth",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the two measures with intervals and predictions, the ratio and the dead."""
        measures = ("log_variance", "second_moment")
        predicted = (f"predicted_{name}" for name in measures)
        return (*(n for name in measures for n in with_interval(name)), *predicted, "depth_to_width", "dead_share")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Draw the networks in blocks; network i depends on the seed, width and depth and i alone."""
        import numpy as np

        from workers.engine.deep_fluctuations import kernels, log_variance
        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics, variance_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        found = np.empty(self.networks)
        block = block_of(self.width * self.depth)
        for start in range(0, self.networks, block):
            stop = min(start + block, self.networks)
            shape = (stop - start, self.depth, self.width)
            found[start:stop] = kernels(stream, shape, self.activation, step=start // block)
            progress(stop, self.networks)
        alive = found[found > 0]
        metrics = variance_metrics("log_variance", np.log(alive)) | mean_metrics("second_moment", np.square(found))
        metrics |= {
            "predicted_log_variance": log_variance(self.width, self.depth, self.activation),
            "predicted_second_moment": (1 + FOURTH_MOMENT[self.activation] / self.width) ** self.depth,
            "depth_to_width": self.depth / self.width,
            "dead_share": 1 - len(alive) / self.networks,
        }
        return Reading(metrics=metrics, arrays={"kernels": found})
