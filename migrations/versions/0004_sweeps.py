"""Sweeps and their cells."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(40)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LIMITED = sa.text("max_parallel IS NOT NULL")


def upgrade() -> None:
    """Make the tables, and let experiments name their sweep."""
    op.create_table(
        "sweeps",
        column("id", ID),
        column("project_id", ID),
        column("created_at", MOMENT),
        column("created_by", ID, null=True),
        column("name", sa.Text(), null=True),
        column("tags", JSON),
        column("metadata", JSON),
        column("plan", sa.Text()),
        column("cells_total", sa.BigInteger()),
        column("max_parallel", sa.BigInteger(), null=True),
        column("cancelled_at", MOMENT, null=True),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_sweeps_project_id"),
    )
    op.create_index("ix_sweeps_list", "sweeps", ["project_id", "created_at", "id"])
    op.create_index("ix_sweeps_limited", "sweeps", ["id"], sqlite_where=LIMITED, postgresql_where=LIMITED)
    op.create_table(
        "cells",
        column("sweep_id", ID),
        column("number", sa.BigInteger()),
        column("experiment_id", ID, null=True),
        column("reused", sa.Boolean()),
        sa.PrimaryKeyConstraint("sweep_id", "number", name="pk_cells"),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_cells_sweep_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_cells_experiment_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_cells_experiment_id", "cells", ["experiment_id"])
    op.add_column("experiments", sa.Column("sweep_id", ID, nullable=True))
    op.create_index("ix_experiments_sweep", "experiments", ["sweep_id", "status"])


def downgrade() -> None:
    """Drop them; the experiments stay."""
    op.drop_index("ix_experiments_sweep", "experiments")
    op.drop_column("experiments", "sweep_id")
    op.drop_table("cells")
    op.drop_table("sweeps")


def column(name: str, type_: sa.types.TypeEngine[Any], *, null: bool = False) -> sa.Column[Any]:
    """Return a column that is required unless said otherwise."""
    return sa.Column(name, type_, nullable=null)
