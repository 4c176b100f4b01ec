"""Handwritten digits of 8 by 8 pixels."""

from dataclasses import dataclass
from functools import cache

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset, one_hot
from workers.catalogue.values import Samples, Task


@datasets.register(
    "digits", source="Alpaydin and Kaynak 1998, UCI repository, doi:10.24432/C50P49; the copy in scikit-learn"
)
@dataclass(frozen=True, kw_only=True)
class Digits(TableDataset):
    """Handwritten digits, 0 to 9: 1,797 images of 8 by 8 pixels with values 0 to 16, row by row.

    The scale is one for all pixels, so that standardising keeps the picture.
    """

    task = Task.CLASSIFICATION
    rows, columns, outputs = 1797, 64, 10
    shared_unit = True

    def read(self) -> Samples:
        """Return the table that ships with scikit-learn."""
        return _table()


@cache
def _table() -> Samples:
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return Samples(inputs=inputs, outputs=one_hot(labels, 10))
