"""Indexes for filters, orders and facets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STRANGE = sa.text("non_finite <> 0")
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


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_experiments_list_of_sweep", "experiments", ["project_id", "sweep_id", "created_at", "id"])
    op.create_index("ix_experiments_facets", "experiments", ["project_id", *FACETS])
    op.create_index(
        "ix_metrics_non_finite",
        "metrics",
        ["project_id", "name", "non_finite", "experiment_id"],
        sqlite_where=STRANGE,
        postgresql_where=STRANGE,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_metrics_non_finite", "metrics")
    op.drop_index("ix_experiments_facets", "experiments")
    op.drop_index("ix_experiments_list_of_sweep", "experiments")
