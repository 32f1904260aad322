"""Exports: what somebody took along or ordered, and the files that are kept for some days.

A file lies in the database, in parts, because the runner that makes it and the web process that hands it out
may stand on different machines and share nothing else.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

STATES = ("queued", "running", "done", "failed")


class Export(Base):
    """One export. Its row outlives its file: what was taken, when, how much, with which checksum."""

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), "state"),
        Index(None, "actor", "created_at"),
        Index("ix_exports_due", "created_at", postgresql_where=text("state IN ('queued', 'running')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor: Mapped[str]
    """Whose it is, as the audit names them."""
    state: Mapped[str]
    streamed: Mapped[bool] = mapped_column(server_default=false())
    """Taken at once, with nothing kept of it but this row."""
    query: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What was asked for, as the API takes it."""
    tops: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    """The units whose subtrees are in it; null: every unit there is."""
    rows_done: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]


class ExportPart(Base):
    """A part of a file, deflated, in order from 0."""

    __tablename__ = "export_parts"
    __table_args__ = (PrimaryKeyConstraint("export_id", "place"),)

    export_id: Mapped[UUID] = mapped_column(ForeignKey("exports.id", ondelete="CASCADE"))
    place: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
