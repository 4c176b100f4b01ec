"""What experiments leave, and what clients asked."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(40)
WORD = sa.String(64)
NAME = sa.String(255)
DOUBLE = sa.Float(53)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TABLES = ("idempotency_records", "inferences", "artifacts", "blobs", "curves", "metrics")


def upgrade() -> None:
    """Make the tables."""
    make_results()
    make_artifacts()
    make_inferences()
    make_replies()


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in TABLES:
        op.drop_table(table)


def column(name: str, type_: sa.types.TypeEngine[Any], *, null: bool = False) -> sa.Column[Any]:
    """Return a column that is required unless said otherwise."""
    return sa.Column(name, type_, nullable=null)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    """Return a named primary key."""
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """Return a named foreign key to `target`, written table.column."""
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete=ondelete)


def of_experiment(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key of what goes when its experiment goes."""
    return reference(table, "experiment_id", "experiments.id", ondelete="CASCADE")


def make_results() -> None:
    """Make metrics and curves."""
    op.create_table(
        "metrics",
        column("experiment_id", ID),
        column("name", NAME),
        column("project_id", ID),
        *(column(name, DOUBLE, null=True) for name in ("first", "last", "min", "max", "mean")),
        column("non_finite", sa.BigInteger()),
        column("argmin_step", sa.BigInteger(), null=True),
        column("n", sa.BigInteger()),
        key("metrics", "experiment_id", "name"),
        of_experiment("metrics"),
    )
    op.create_index("ix_metrics_project_id_name_last", "metrics", ["project_id", "name", "last"])
    op.create_index("ix_metrics_project_id_name_min", "metrics", ["project_id", "name", "min"])
    op.create_table(
        "curves",
        column("experiment_id", ID),
        column("name", NAME),
        column("chunk", sa.BigInteger()),
        column("steps", sa.LargeBinary()),
        column("values", sa.LargeBinary()),
        key("curves", "experiment_id", "name", "chunk"),
        of_experiment("curves"),
    )


def make_artifacts() -> None:
    """Make files, and their bytes by sha256."""
    op.create_table(
        "blobs",
        column("sha256", WORD),
        column("size_bytes", sa.BigInteger()),
        column("content", sa.LargeBinary()),
        key("blobs", "sha256"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Uncompressed, a part of a large value is read without the rest.
        op.execute("ALTER TABLE blobs ALTER COLUMN content SET STORAGE EXTERNAL")
    op.create_table(
        "artifacts",
        column("id", ID),
        column("experiment_id", ID),
        column("project_id", ID),
        column("name", NAME),
        column("media_type", sa.String(127)),
        column("size_bytes", sa.BigInteger()),
        column("sha256", WORD),
        column("created_at", MOMENT),
        key("artifacts", "id"),
        of_experiment("artifacts"),
        reference("artifacts", "sha256", "blobs.sha256"),
    )
    op.create_index("ix_artifacts_sha256", "artifacts", ["sha256"])
    op.create_index("ix_artifacts_experiment_id_name", "artifacts", ["experiment_id", "name"], unique=True)


def make_inferences() -> None:
    """Make questions to models."""
    op.create_table(
        "inferences",
        column("id", ID),
        column("project_id", ID),
        column("experiment_id", ID),
        column("status", sa.String(16)),
        column("inputs", sa.Text()),
        column("outputs", sa.Text(), null=True),
        column("detail", sa.Text(), null=True),
        column("worker_id", ID, null=True),
        column("created_at", MOMENT),
        column("claimed_at", MOMENT, null=True),
        column("answered_at", MOMENT, null=True),
        key("inferences", "id"),
        of_experiment("inferences"),
    )
    op.create_index("ix_inferences_status_created_at", "inferences", ["status", "created_at"])
    op.create_index("ix_inferences_experiment_id", "inferences", ["experiment_id"])


def make_replies() -> None:
    """Make the replies kept for repeated requests."""
    op.create_table(
        "idempotency_records",
        column("project_id", ID),
        column("key", NAME),
        column("method", sa.String(16)),
        column("path", sa.Text()),
        column("body_hash", sa.String(80)),
        column("status", sa.BigInteger(), null=True),
        column("body", sa.Text(), null=True),
        column("headers", JSON, null=True),
        column("created_at", MOMENT, null=True),
        key("idempotency_records", "project_id", "key"),
        reference("idempotency_records", "project_id", "projects.id"),
    )
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"])
