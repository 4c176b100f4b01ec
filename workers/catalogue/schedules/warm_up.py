"""The warm-up schedule."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Schedule, schedules
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@schedules.register("warm-up", source="Goyal et al. 2017, arXiv:1706.02677, section 2.2")
@dataclass(frozen=True, kw_only=True)
class WarmUp(Schedule):
    """Raise the learning rate in equal steps to its full value, then keep it or lower it along half a cosine."""

    steps: int = parameter(100, "steps until the full learning rate", minimum=1, maximum=100_000_000)
    then: Literal["constant", "cosine"] = parameter("constant", "what follows the warm-up")
    final_factor: float = parameter(0.0, "factor that the cosine ends at", minimum=0.0, maximum=1.0)

    def factors(self, steps: "Floats", total: int) -> "Floats":
        """Return the factors (t,): (t + 1) / steps while warming up."""
        import numpy as np

        rise = np.minimum((steps + 1) / self.steps, 1.0)
        if self.then == "constant":
            return rise
        after = np.clip((steps - self.steps) / max(total - self.steps, 1), 0.0, 1.0)
        fall = self.final_factor + (1 - self.final_factor) * (1 + np.cos(math.pi * after)) / 2
        return np.asarray(rise * fall)
