"""The cosine schedule."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Schedule, schedules
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@schedules.register("cosine", source="Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, without restarts")
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Lower the learning rate along half a cosine, from its full value at step 0 to the last one's."""

    final_factor: float = parameter(0.0, "factor that the schedule ends at", minimum=0.0, maximum=1.0)

    def factors(self, steps: "Floats", total: int) -> "Floats":
        """Return the factors (t,)."""
        import numpy as np

        wave = (1 + np.cos(math.pi * steps / max(total, 1))) / 2
        return np.asarray(self.final_factor + (1 - self.final_factor) * wave)
