"""Workers say whether they can compile."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; workers of an older version had no compiled back end."""
    op.add_column("workers", sa.Column("compiles", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("workers") as table:
        table.drop_column("compiles")
