"""Fitting without gradients of ours."""

from dataclasses import dataclass

from workers.catalogue.kinds import Training, trainings


@trainings.register("fit", source="each estimator names the source of its own algorithm")
@dataclass(frozen=True, kw_only=True)
class Fit(Training):
    """Fit an estimator by its own algorithm: closed form, convex, or greedy."""
