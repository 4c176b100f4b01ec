"""Digits as signals along a line."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Dataset, Target, datasets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.scalings import identity, moments
from workers.catalogue.tables import one_hot, shuffled
from workers.catalogue.values import DataSizes, Samples, Scaling, Split, Task

if TYPE_CHECKING:
    from workers.engine.mnist1d import Recipe
    from workers.engine.philox import Purpose

CLASSES, POINTS = 10, 12
LARGEST_SIZE = 1_000_000


@datasets.register(
    "mnist1d", source="Greydanus and Kobak 2024, Scaling down deep learning with MNIST-1D, arXiv:2011.14439"
)
@dataclass(frozen=True, kw_only=True)
class Mnist1d(Dataset):
    """Digits 0 to 9 as signals of 40 points, generated from ten templates under random changes.

    A template of 12 points is padded with zeros, stretched to one frame, scaled, shifted, disturbed by correlated
    noise outside of the digit and by independent noise everywhere, sheared, and sampled at `length` points.
    Classes are equally frequent in each part. The scale is one for all points, as in the published recipe, but
    it is taken from the training samples alone. No other field than those of the recipe moves the test samples.
    """

    needs_target = False
    task = Task.CLASSIFICATION

    train_size: int = parameter(4000, "training samples", minimum=1, maximum=LARGEST_SIZE)
    validation_size: int = parameter(1000, "validation samples", minimum=0, maximum=LARGEST_SIZE)
    test_size: int = parameter(1000, "test samples", minimum=1, maximum=LARGEST_SIZE)
    shuffled: bool = parameter(
        False, "permute the points, alike in all samples, by the seed: their neighbourhood is lost"
    )
    shuffled_labels: float = parameter(
        0.0,
        "fraction of the training samples whose classes are exchanged among themselves at random; 1: random labels",
        minimum=0.0,
        maximum=1.0,
    )
    standardise: bool = parameter(
        True, "scale all points alike, to mean 0 and standard deviation 1 over the training samples"
    )
    padding: tuple[int, int] = parameter(
        (36, 60),
        "least and most zeros after the 12 points of a template; 12 and the most make the frame",
        minimum=0,
        maximum=1000,
    )
    scale_spread: float = parameter(
        0.4, "width of the uniform law of a signal's scale, around 1", minimum=0.0, maximum=2.0
    )
    translations: int = parameter(
        48, "number of shifts, in points of the frame: 0 to one less, equally likely", minimum=1, maximum=1012
    )
    correlated_noise_sd: float = parameter(
        0.25,
        "standard deviation, before it is smoothed over 2 points, of the noise outside of the digit; a template's "
        "own standard deviation is 1/6",
        minimum=0.0,
        maximum=1e3,
    )
    noise_sd: float = parameter(
        0.02, "standard deviation of the independent noise, in the same units", minimum=0.0, maximum=1e3
    )
    shear_spread: float = parameter(
        0.75, "width of the uniform law, around 0, of the slope over the whole frame", minimum=0.0, maximum=1e3
    )
    length: int = parameter(40, "points of a signal", minimum=2, maximum=4096)

    def problems(self) -> Iterable[Problem]:
        """Yield an empty range of paddings and shifts beyond the frame."""
        low, high = self.padding
        if low > high:
            detail = f"must be [least, most]; got {low} above {high}"
            yield Problem(path=("padding",), code="range", detail=detail)
        if self.translations > POINTS + high:
            detail = f"must be at most {POINTS + high}, the points of the frame: raise padding or lower it"
            yield Problem(path=("translations",), code="range", detail=detail)

    def sizes(self, target: Target | None) -> DataSizes:
        """Return the sizes asked for."""
        return DataSizes(
            inputs=self.length,
            outputs=CLASSES,
            train=self.train_size,
            validation=self.validation_size,
            test=self.test_size,
        )

    def split(self, target: Target | None, seed: int) -> Split:
        """Generate the three parts, each from a stream of its own."""
        from workers.engine.philox import Purpose, Stream

        train = self._drawn(seed, Purpose.DATA_INPUTS, self.train_size)
        labels = shuffled(train.outputs, self.shuffled_labels, Stream(seed=seed, purpose=Purpose.LABEL_NOISE))
        train = Samples(inputs=train.inputs, outputs=labels)
        return Split(
            train=train,
            validation=self._drawn(seed, Purpose.VALIDATION_INPUTS, self.validation_size),
            test=self._drawn(seed, Purpose.TEST_INPUTS, self.test_size),
            task=self.task,
            scaling=self._scaling(train),
        )

    @property
    def recipe(self) -> "Recipe":
        """Return the numbers of the recipe."""
        from workers.engine.mnist1d import Recipe

        return Recipe(
            padding=self.padding,
            scale_spread=self.scale_spread,
            translations=self.translations,
            correlated_noise_sd=self.correlated_noise_sd,
            noise_sd=self.noise_sd,
            shear_spread=self.shear_spread,
            length=self.length,
        )

    def _drawn(self, seed: int, purpose: "Purpose", count: int) -> Samples:
        import numpy as np

        from workers.engine.mnist1d import signals
        from workers.engine.philox import Purpose, Stream

        inputs, digits = signals(self.recipe, Stream(seed=seed, purpose=purpose), count)
        if self.shuffled:
            order = Stream(seed=seed, purpose=Purpose.PERMUTATION).permutation(self.length)
            inputs = np.take(inputs, order, axis=1)  # inputs[:, order] would lie column by column in memory
        return Samples(inputs=inputs, outputs=one_hot(digits, CLASSES))

    def _scaling(self, train: Samples) -> Scaling:
        import numpy as np

        plain = identity(self.length, CLASSES)
        if not self.standardise:
            return plain
        mean, scale = moments(train.inputs.reshape(-1, 1))
        return Scaling(
            input_mean=np.broadcast_to(mean, self.length).copy(),
            input_scale=np.broadcast_to(scale, self.length).copy(),
            output_mean=plain.output_mean,
            output_scale=plain.output_scale,
        )
