"""The constant schedule."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Schedule, schedules

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@schedules.register("constant", source="Robbins and Monro 1951, doi:10.1214/aoms/1177729586")
@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """Keep the learning rate as it is."""

    def factors(self, steps: "Floats", total: int) -> "Floats":
        """Return ones (t,)."""
        import numpy as np

        return np.ones(len(steps))
