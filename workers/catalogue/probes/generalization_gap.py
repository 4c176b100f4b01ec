"""How much worse a model does on new samples."""

import math
from dataclasses import dataclass

from workers.catalogue.kinds import Probe, probes
from workers.catalogue.values import Reading, Subject


@probes.register(
    "generalization-gap", source="Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, chapter 7"
)
@dataclass(frozen=True, kw_only=True)
class GeneralizationGap(Probe):
    """Test loss minus train loss at the last evaluation at which both are finite; NaN when there is none."""

    def metric_names(self) -> tuple[str, ...]:
        """Return the gap."""
        return self.named("generalization_gap")

    def measure(self, subject: Subject) -> Reading:
        """Read the two losses from the curves."""
        train, test = (
            dict(zip(*subject.curves.get(name, ([], [])), strict=True)) for name in ("train_loss", "test_loss")
        )
        gaps = [test[step] - train[step] for step in sorted(train.keys() & test.keys())]
        last = next((gap for gap in reversed(gaps) if math.isfinite(gap)), math.nan)
        return Reading(metrics=dict.fromkeys(self.metric_names(), last))
