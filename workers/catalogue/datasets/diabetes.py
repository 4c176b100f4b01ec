"""Progression of diabetes."""

from dataclasses import dataclass
from functools import cache

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset
from workers.catalogue.values import Samples, Task


@datasets.register(
    "diabetes", source="Efron et al. 2004, Least angle regression, arXiv:math/0406456; the copy in scikit-learn"
)
@dataclass(frozen=True, kw_only=True)
class Diabetes(TableDataset):
    """Diabetes patients: 442 of them, 10 measurements each, and the disease's progression a year later (25 to 346).

    The inputs come centred and scaled over all rows, as scikit-learn ships them.
    """

    task = Task.REGRESSION
    rows, columns, outputs = 442, 10, 1

    def read(self) -> Samples:
        """Return the table that ships with scikit-learn."""
        return _table()


@cache
def _table() -> Samples:
    from sklearn.datasets import load_diabetes

    inputs, progression = load_diabetes(return_X_y=True)
    return Samples(inputs=inputs, outputs=progression[:, None])
