"""What indexes are made of: the columns that are counted, and conditions of partial indexes."""

from typing import Any

from sqlalchemy import TextClause, text

# In this order: what an index-only scan of them groups by, and most lists ask for, comes first.
FACETS = (
    "status",
    "status_reason",
    "outcome",
    "type",
    "target_kind",
    "dataset_kind",
    "architecture_kind",
    "simulation_kind",
    "optimizer_kind",
    "width",
    "depth",
    "parameters",
    "learning_rate",
    "dtype",
    "seed",
    "verified",
)
QUEUED = text("status = 'queued'")
RUNNING = text("status = 'running'")
NOT_FINITE = text("non_finite <> 0")


def only(condition: TextClause) -> dict[str, Any]:
    """Return the options of an index of the rows that meet the condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}
