"""Tables of real samples: what all data sets of rows and columns share."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.catalogue.kinds import Dataset, Target
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.scalings import identity, moments
from workers.catalogue.values import DataSizes, Samples, Scaling, Split, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats
    from workers.engine.philox import Stream


@dataclass(frozen=True, kw_only=True)
class TableDataset(Dataset):
    """A fixed table, split by the seed into train, validation and test rows.

    A classification is split in proportion to its classes. The test rows depend on the seed and on
    `test_fraction` alone. Noise falls on the training rows alone. Abstract: a data set names its size and reads it.
    """

    needs_target = False
    rows: ClassVar[int]
    columns: ClassVar[int]
    outputs: ClassVar[int]  # of a classification: the classes
    shared_unit: ClassVar[bool] = False  # all inputs are measured alike, as pixels are: one mean and scale for all

    train_size: int | None = parameter(None, "training rows; null: all that are left", minimum=1, maximum=10_000_000)
    validation_fraction: float = parameter(0.15, "fraction of the rows used for validation", minimum=0.0, maximum=0.9)
    test_fraction: float = parameter(0.2, "fraction of the rows used for the test", minimum=0.01, maximum=0.9)
    standardise: bool = parameter(
        True, "scale inputs, and outputs of a regression, to mean 0 and standard deviation 1 on the training rows"
    )
    label_noise: float = parameter(
        0.0,
        "classification: fraction of training labels replaced by another class, each other class alike; "
        "regression: standard deviation of normal noise on training outputs, in their units",
        minimum=0.0,
        maximum=1e6,
    )
    input_noise_sd: float = parameter(
        0.0,
        "standard deviation of normal noise on training inputs, in standard deviations of the input",
        minimum=0.0,
        maximum=1e6,
    )
    permuted_inputs: bool = parameter(
        False, "shuffle the input columns, alike in all rows: their neighbourhood is lost"
    )
    shuffled_labels: float = parameter(
        0.0,
        "fraction of the training rows whose answers are exchanged among themselves at random; 1: random labels, as "
        "often as the true ones",
        minimum=0.0,
        maximum=1.0,
    )
    random_inputs: bool = parameter(
        False, "replace the training inputs by normal numbers of their mean and standard deviation: nothing to learn"
    )

    @abstractmethod
    def read(self) -> Samples:
        """Return all rows: inputs (rows, columns), outputs (rows, outputs), one-hot for a classification."""

    def problems(self) -> Iterator[Problem]:
        """Yield parts that exceed the table and a fraction of labels above 1."""
        held_out = self._held_out(self.test_fraction) + self._held_out(self.validation_fraction)
        left = self.rows - held_out
        if left < 1:
            detail = f"leaves no training rows: {held_out} of {self.rows} are held out"
            yield Problem(path=("validation_fraction",), code="range", detail=detail)
        elif self.train_size is not None and self.train_size > left:
            detail = f"must be at most {left}, the rows left for training; got {self.train_size}"
            yield Problem(path=("train_size",), code="range", detail=detail)
        if self.task is Task.CLASSIFICATION and self.label_noise > 1:
            yield Problem(path=("label_noise",), code="range", detail="must be at most 1: it is a fraction of labels")

    def sizes(self, target: Target | None) -> DataSizes:
        """Return the sizes that the fractions give."""
        test, validation = self._held_out(self.test_fraction), self._held_out(self.validation_fraction)
        return DataSizes(
            inputs=self.columns,
            outputs=self.outputs,
            train=self.train_size or self.rows - test - validation,
            validation=validation,
            test=test,
        )

    def split(self, target: Target | None, seed: int) -> Split:
        """Split the rows, permute the columns and add the noise, all from streams of the seed."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        table, sizes = self.read(), self.sizes(target)
        inputs = table.inputs
        if self.permuted_inputs:
            inputs = inputs[:, Stream(seed=seed, purpose=Purpose.PERMUTATION).permutation(self.columns)]
        order = self._order(table.outputs, seed)
        ends = (sizes.test, sizes.test + sizes.validation, sizes.test + sizes.validation + sizes.train)
        parts = dict(zip(("test", "validation", "train"), np.split(order[: ends[-1]], ends[:-1]), strict=True))
        test, validation, train = (Samples(inputs=inputs[rows], outputs=table.outputs[rows]) for rows in parts.values())
        fitted = self._fitted(train)
        return Split(
            train=self._noisy(train, fitted, seed),
            validation=validation,
            test=test,
            task=self.task,
            scaling=fitted if self.standardise else identity(self.columns, self.outputs),
            indices=parts,
        )

    def _held_out(self, fraction: float) -> int:
        return round(fraction * self.rows)

    def _order(self, outputs: "Floats", seed: int) -> "NDArray[np.int64]":
        """Return the rows in random order; every stretch of a classification holds its classes in proportion."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        shuffled = Stream(seed=seed, purpose=Purpose.SPLIT).permutation(self.rows)
        if self.task is Task.REGRESSION:
            return shuffled
        labels = outputs.argmax(axis=1)[shuffled]
        place = np.empty(self.rows)
        for label in range(self.outputs):
            members = np.flatnonzero(labels == label)
            place[members] = (np.arange(len(members)) + 0.5) / len(members)
        return shuffled[np.argsort(place, kind="stable")]

    def _fitted(self, train: Samples) -> Scaling:
        import numpy as np

        mean, scale = moments(train.inputs.reshape(-1, 1) if self.shared_unit else train.inputs)
        plain = identity(self.columns, self.outputs)
        regression = self.task is Task.REGRESSION
        output_mean, output_scale = moments(train.outputs) if regression else (plain.output_mean, plain.output_scale)
        return Scaling(
            input_mean=np.broadcast_to(mean, self.columns).copy(),
            input_scale=np.broadcast_to(scale, self.columns).copy(),
            output_mean=output_mean,
            output_scale=output_scale,
        )

    def _noisy(self, train: Samples, fitted: Scaling, seed: int) -> Samples:
        """Return the training rows with the noise asked for; its unit comes from the rows without it."""
        from workers.engine.philox import Purpose, Stream

        inputs, outputs = train.inputs, self._shuffled(train.outputs, seed)
        if self.random_inputs:
            drawn = Stream(seed=seed, purpose=Purpose.INPUT_NOISE).child("instead").normals(inputs.shape)
            inputs = fitted.input_mean + fitted.input_scale * drawn
        if self.input_noise_sd:
            noise = Stream(seed=seed, purpose=Purpose.INPUT_NOISE).normals(inputs.shape)
            inputs = inputs + self.input_noise_sd * fitted.input_scale * noise
        if self.label_noise:
            stream = Stream(seed=seed, purpose=Purpose.LABEL_NOISE)
            if self.task is Task.REGRESSION:
                outputs = outputs + self.label_noise * stream.normals(outputs.shape)
            else:
                count = round(self.label_noise * len(outputs))
                changed = stream.child("rows").permutation(len(outputs))[:count]
                shift = 1 + stream.child("classes").integers(self.outputs - 1, count)
                outputs = outputs.copy()
                outputs[changed] = one_hot((outputs[changed].argmax(axis=1) + shift) % self.outputs, self.outputs)
        return Samples(inputs=inputs, outputs=outputs)

    def _shuffled(self, outputs: "Floats", seed: int) -> "Floats":
        from workers.engine.philox import Purpose, Stream

        return shuffled(outputs, self.shuffled_labels, Stream(seed=seed, purpose=Purpose.LABEL_NOISE))


def shuffled(outputs: "Floats", fraction: float, stream: "Stream") -> "Floats":
    """Return outputs (n, m) of which a fraction of the rows changed places with each other at random."""
    count = round(fraction * len(outputs))
    if not count:
        return outputs
    rows = stream.child("shuffled rows").permutation(len(outputs))[:count]
    found = outputs.copy()
    found[rows] = outputs[rows[stream.child("places").permutation(count)]]
    return found


def one_hot(labels: "NDArray[np.int64]", classes: int) -> "Floats":
    """Return rows (n, classes) with a 1 in the column of each label (n,)."""
    import numpy as np

    return np.eye(classes)[labels]
