"""How much the units of a hidden layer tell about the input and about its class."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Architecture, Network, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

MOST_PAIRS = 2**28  # of inputs, for the noisy estimate: some seconds
PARTS = ("train", "validation", "test")


@probes.register(
    "layer-information",
    source="Shwartz-Ziv and Tishby 2017, arXiv:1703.00810; Saxe et al. 2018, doi:10.1088/1742-5468/ab3985; "
    "Kolchinsky and Tracey 2017, arXiv:1706.02419",
)
@dataclass(frozen=True, kw_only=True)
class LayerInformation(Probe):
    """Mutual information, in bits, of a hidden layer's units T with the input X and with the class Y.

    The samples are taken as all there is, each equally likely. T is a function of X, so I(X;T) = H(T), which is log2
    of their number for every injective layer at all times: what an estimator finds less is what it does not resolve.
    `equal-bins` counts rows of units rounded to bins of `bin_width`, the same at every stage of training, however
    far units grow; `own-range` those in `bins` bins between the layer's smallest and largest unit at this stage, which
    widen as units grow; `exact` the different rows of floats; `noise` adds normal noise of deviation `noise_sd` and
    gives an upper bound. Metrics: input_information, I(X;T); label_information, I(T;Y), which cannot exceed the
    entropy of the classes. At snapshots they become curves over the steps.
    """

    layer: int = parameter(1, "hidden layer, counted from the last one", minimum=1, maximum=256)
    estimator: Literal["equal-bins", "own-range", "noise", "exact"] = parameter(
        "equal-bins", "how units are told apart"
    )
    bin_width: float = parameter(
        1 / 15, "width of equal bins, a fifteenth for 30 between -1 and 1", exclusive_minimum=0.0, maximum=1e6
    )
    bins: int = parameter(30, "bins of the layer's own range", minimum=1, maximum=1_000_000)
    noise_sd: float = parameter(0.1, "standard deviation of the noise on a unit", exclusive_minimum=0.0, maximum=1e6)
    on: Literal["all", "train", "test"] = parameter("all", "which samples: all parts of the data, or one")

    def metric_names(self) -> tuple[str, ...]:
        """Return the two informations."""
        return self.named("input_information", "label_information")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield models without such a layer, answers that are no classes, and too many pairs."""
        if task is not Task.CLASSIFICATION:
            yield Problem(detail="needs a classification: its information is about classes")
        if list(architecture.misfits(sizes, task)):
            return  # said elsewhere
        stack = architecture.stack(sizes.inputs, sizes.outputs) if isinstance(architecture, Network) else None
        if stack is None:
            yield Problem(detail="needs a network of fully connected layers, such as mlp")
        elif self.layer > len(stack.sizes) - 2:
            detail = f"must be at most {len(stack.sizes) - 2}, the hidden layers of the network"
            yield Problem(path=("layer",), code="range", detail=detail)
        parts = PARTS if self.on == "all" else (self.on,)
        count = sum(getattr(sizes, part) for part in parts)
        if self.estimator == "noise" and count**2 > MOST_PAIRS:
            detail = f"compares {count} samples with each other: use equal-bins, or at most {int(MOST_PAIRS**0.5)}"
            yield Problem(path=("estimator",), code="range", detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Compute the layer and count."""
        import numpy as np

        from workers.engine.hidden_layers import hidden_units
        from workers.engine.layer_information import information

        assert subject.stack is not None, "misfits refuses models that are no dense stack"
        parts = [getattr(subject.split, part) for part in (PARTS if self.on == "all" else (self.on,))]
        inputs = np.concatenate([part.inputs for part in parts])
        labels = np.concatenate([part.outputs for part in parts]).argmax(axis=1)
        units = hidden_units(subject, inputs, len(subject.stack.sizes) - 1 - self.layer)
        values = (float("nan"),) * 2
        if np.isfinite(units).all():  # a diverged model says nothing
            values = information(self._resolved(units), labels, self._entropy())
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)))

    def _resolved(self, units: "Floats") -> "Floats":
        """Return what the estimator sees of the units, by bins that are the same for all classes."""
        from workers.engine.layer_information import bins_of_range, equal_bins

        if self.estimator == "equal-bins":
            return equal_bins(units, self.bin_width)
        return bins_of_range(units, self.bins) if self.estimator == "own-range" else units

    def _entropy(self) -> "Callable[[Floats], float]":
        from workers.engine.layer_information import entropy_of_bins, noisy_entropy

        return partial(noisy_entropy, noise_sd=self.noise_sd) if self.estimator == "noise" else entropy_of_bins
