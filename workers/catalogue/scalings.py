"""Scalings between the units of the data and those of the network."""

from typing import TYPE_CHECKING

from workers.catalogue.values import Samples, Scaling

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def identity(inputs: int, outputs: int) -> Scaling:
    """Return the scaling that changes nothing, for d inputs and m outputs."""
    import numpy as np

    return Scaling(
        input_mean=np.zeros(inputs),
        input_scale=np.ones(inputs),
        output_mean=np.zeros(outputs),
        output_scale=np.ones(outputs),
    )


def fitted(samples: Samples) -> Scaling:
    """Return the scaling of every column to mean 0 and standard deviation 1 on these samples."""
    input_mean, input_scale = moments(samples.inputs)
    output_mean, output_scale = moments(samples.outputs)
    return Scaling(input_mean=input_mean, input_scale=input_scale, output_mean=output_mean, output_scale=output_scale)


def moments(columns: "Floats") -> tuple["Floats", "Floats"]:
    """Return mean and standard deviation of each column (n, d), the latter 1 where a column is constant."""
    import numpy as np

    mean, sd = columns.mean(axis=0), columns.std(axis=0)
    # The mean of equal numbers need not equal them, so a constant column can show a deviation of rounding size.
    constant = np.ptp(columns, axis=0) == 0
    return np.where(constant, columns[0], mean), np.where(constant, 1.0, sd)
