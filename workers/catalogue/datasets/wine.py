"""Wines of three growers."""

from dataclasses import dataclass
from functools import cache

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset, one_hot
from workers.catalogue.values import Samples, Task


@datasets.register(
    "wine", source="Aeberhard and Forina 1992, UCI repository, doi:10.24432/C5PC7J; the copy in scikit-learn"
)
@dataclass(frozen=True, kw_only=True)
class Wine(TableDataset):
    """Wines of three growers of one region: 178 of them, 13 chemical measurements each."""

    task = Task.CLASSIFICATION
    rows, columns, outputs = 178, 13, 3

    def read(self) -> Samples:
        """Return the table that ships with scikit-learn."""
        return _table()


@cache
def _table() -> Samples:
    from sklearn.datasets import load_wine

    inputs, labels = load_wine(return_X_y=True)
    return Samples(inputs=inputs, outputs=one_hot(labels, 3))
