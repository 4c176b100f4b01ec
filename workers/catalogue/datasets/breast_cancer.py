"""Breast masses, benign or malignant."""

from dataclasses import dataclass
from functools import cache

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset, one_hot
from workers.catalogue.values import Samples, Task


@datasets.register(
    "breast-cancer",
    source="Street, Wolberg and Mangasarian 1993, UCI repository, doi:10.24432/C5DW2B; the copy in scikit-learn",
)
@dataclass(frozen=True, kw_only=True)
class BreastCancer(TableDataset):
    """Breast masses: 569 of them, 30 measurements of the cell nuclei each; malignant (0) or benign (1)."""

    task = Task.CLASSIFICATION
    rows, columns, outputs = 569, 30, 2

    def read(self) -> Samples:
        """Return the table that ships with scikit-learn."""
        return _table()


@cache
def _table() -> Samples:
    from sklearn.datasets import load_breast_cancer

    inputs, labels = load_breast_cancer(return_X_y=True)
    return Samples(inputs=inputs, outputs=one_hot(labels, 2))
