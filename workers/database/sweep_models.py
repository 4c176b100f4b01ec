"""The tables of sweeps and of comparisons."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from workers.database.columns import Json, Numbers
from workers.database.indexes import only
from workers.database.models import Base, Id

LIMITED = text("max_parallel IS NOT NULL")


class SweepRow(Base):
    """A grid of experiments; its status follows from theirs."""

    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str | None] = mapped_column(Id)
    name: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(Json)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", Json)
    plan: Mapped[dict[str, Any]] = mapped_column(Numbers)  # as text: JSONB forgets the order of the axes
    cells_total: Mapped[int]
    max_parallel: Mapped[int | None]
    cancelled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_sweeps_list", "project_id", "created_at", "id"),
        Index("ix_sweeps_limited", "id", **only(LIMITED)),
    )


class CellRow(Base):
    """A cell of a sweep; without an experiment where that was deleted."""

    __tablename__ = "cells"

    sweep_id: Mapped[str] = mapped_column(Id, ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[str | None] = mapped_column(Id, ForeignKey("experiments.id", ondelete="SET NULL"), index=True)
    reused: Mapped[bool]  # the experiment was there before the sweep, and does not go with it


class ComparisonRow(Base):
    """Two sets of experiments compared, as they were when it was asked."""

    __tablename__ = "comparisons"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id"))
    created_at: Mapped[datetime]
    name: Mapped[str | None] = mapped_column(Text)
    question: Mapped[dict[str, Any]] = mapped_column(Numbers)
    result: Mapped[dict[str, Any]] = mapped_column(Numbers)  # as text: NaN and infinity among it
    inputs_hash: Mapped[str] = mapped_column(String(80))

    __table_args__ = (Index("ix_comparisons_list", "project_id", "created_at", "id"),)
