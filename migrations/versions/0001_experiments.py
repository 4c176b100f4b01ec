"""Experiments, their history, and who runs them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(40)
WORD = sa.String(64)
NAME = sa.String(255)
DOUBLE = sa.Float(53)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
QUEUED = sa.text("status = 'queued'")
RUNNING = sa.text("status = 'running'")
TABLES = ("events", "attempts", "experiment_tags", "experiments", "leases", "workers", "projects")


def upgrade() -> None:
    """Make the tables, those first that others name."""
    make_projects_and_workers()
    make_experiments()
    index_experiments()
    make_history()


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


def make_projects_and_workers() -> None:
    """Make who owns and who runs experiments."""
    op.create_table(
        "projects",
        column("id", ID),
        column("name", NAME),
        key("projects", "id"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "workers",
        column("id", ID),
        column("host", NAME),
        column("pid", sa.BigInteger()),
        column("boot_id", WORD),
        column("process_started", DOUBLE),
        column("queue", sa.String(16)),
        column("registered_at", MOMENT),
        column("seen_at", MOMENT),
        key("workers", "id"),
    )
    op.create_table(
        "leases",
        column("id", ID),
        column("worker_id", ID),
        column("beat", sa.BigInteger()),
        column("created_at", MOMENT),
        key("leases", "id"),
        reference("leases", "worker_id", "workers.id"),
    )
    op.create_index("ix_leases_worker_id", "leases", ["worker_id"])


def make_experiments() -> None:
    """Make the table whose rows are the jobs."""
    op.create_table(
        "experiments",
        *about_experiments(),
        *about_their_specs(),
        *about_their_queue(),
        key("experiments", "id"),
        reference("experiments", "project_id", "projects.id"),
        reference("experiments", "lease_id", "leases.id"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="ck_experiments_status"
        ),
        sa.CheckConstraint("(status = 'running') = (lease_id IS NOT NULL)", name="ck_experiments_running_has_lease"),
    )


def about_experiments() -> list[sa.Column[Any]]:
    """Return the columns that clients write and watch."""
    return [
        column("id", ID),
        column("project_id", ID),
        column("version", sa.BigInteger()),
        column("created_at", MOMENT),
        column("created_by", ID, null=True),
        column("name", sa.Text(), null=True),
        column("metadata", JSON),
        column("status", sa.String(16)),
        column("status_reason", sa.String(32)),
        column("status_detail", sa.Text(), null=True),
        column("outcome", sa.String(16), null=True),
        column("stopped_at_step", sa.BigInteger(), null=True),
        column("verified", sa.Boolean()),
        column("nondeterministic", sa.Boolean()),
        column("reused", sa.Boolean()),
        column("rerun_of", ID, null=True),
    ]


def about_their_specs() -> list[sa.Column[Any]]:
    """Return the spec and those of its values that clients filter by."""
    return [
        column("spec", JSON),
        column("spec_hash", sa.String(80)),
        column("spec_version", sa.BigInteger()),
        column("type", sa.String(16)),
        column("target_kind", WORD, null=True),
        column("dataset_kind", WORD, null=True),
        column("architecture_kind", WORD, null=True),
        column("simulation_kind", WORD, null=True),
        column("optimizer_kind", WORD, null=True),
        column("learning_rate", DOUBLE, null=True),
        column("width", sa.BigInteger(), null=True),
        column("depth", sa.BigInteger(), null=True),
        column("parameters", sa.BigInteger(), null=True),
        column("seed", sa.BigInteger()),
        column("dtype", sa.String(16), null=True),
        column("model_of", WORD, null=True),
    ]


def about_their_queue() -> list[sa.Column[Any]]:
    """Return what decides who runs an experiment and when, and how far it is."""
    return [
        column("queue", sa.String(16)),
        column("shape_key", WORD),
        column("priority", sa.BigInteger()),
        column("rank", sa.BigInteger()),
        column("queued_at", MOMENT),
        column("queue_ttl_seconds", DOUBLE, null=True),
        column("queue_deadline", MOMENT, null=True),
        column("timeout_seconds", DOUBLE, null=True),
        column("alone", sa.Boolean()),
        column("fence", sa.BigInteger()),
        column("attempts", sa.BigInteger()),
        column("max_attempts", sa.BigInteger()),
        column("lease_id", ID, null=True),
        column("started_at", MOMENT, null=True),
        column("finished_at", MOMENT, null=True),
        column("cancel_requested_at", MOMENT, null=True),
        column("cancel_reason", sa.String(32), null=True),
        column("fingerprint", JSON, null=True),
        column("reports", sa.BigInteger()),
        column("replayed", sa.Boolean()),
        column("progress", JSON, null=True),
        column("live_metrics", sa.Text(), null=True),
    ]


def index_experiments() -> None:
    """Index lists by project, and the queue by what a claim asks."""
    table = "experiments"
    op.create_index("ix_experiments_lease_id", table, ["lease_id"])
    op.create_index("ix_experiments_list", table, ["project_id", "created_at", "id"])
    op.create_index("ix_experiments_list_of_status", table, ["project_id", "status", "created_at", "id"])
    op.create_index("ix_experiments_spec_hash", table, ["project_id", "spec_hash"])
    line: list[Any] = ["queue", sa.text("priority DESC"), "rank", "queued_at", "id"]
    for name, columns, where in (
        ("line", line, QUEUED),
        ("shape", ["queue", "shape_key"], QUEUED),
        ("rank", ["project_id", "priority"], QUEUED),
        ("deadline", ["queue_deadline"], QUEUED),
        ("cancel", ["cancel_requested_at"], RUNNING),
    ):
        op.create_index(f"ix_experiments_{name}", table, columns, sqlite_where=where, postgresql_where=where)


def make_history() -> None:
    """Make tags, attempts and events."""
    op.create_table(
        "experiment_tags",
        column("experiment_id", ID),
        column("tag", NAME),
        column("project_id", ID),
        key("experiment_tags", "experiment_id", "tag"),
        of_experiment("experiment_tags"),
    )
    op.create_index(
        "ix_experiment_tags_project_id_tag_experiment_id", "experiment_tags", ["project_id", "tag", "experiment_id"]
    )
    op.create_table(
        "attempts",
        column("experiment_id", ID),
        column("fence", sa.BigInteger()),
        column("number", sa.BigInteger()),
        column("worker", sa.String(300)),
        column("device", NAME),
        column("population_size", sa.BigInteger()),
        column("fingerprint_hash", WORD),
        column("started_at", MOMENT),
        column("ended_at", MOMENT, null=True),
        column("ending", sa.String(32), null=True),
        column("detail", sa.Text(), null=True),
        key("attempts", "experiment_id", "fence"),
        of_experiment("attempts"),
    )
    make_events()


def make_events() -> None:
    """Make the log of changes."""
    op.create_table(
        "events",
        column("experiment_id", ID),
        column("version", sa.BigInteger()),
        column("project_id", ID),
        column("kind", sa.String(32)),
        column("data", JSON),
        column("at", MOMENT),
        key("events", "experiment_id", "version"),
        of_experiment("events"),
    )
