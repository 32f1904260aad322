"""The record: who did what to which thing, and facts about this deployment itself."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Identity, Index, Integer, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AuditLine(Base):
    """One deed. `actor` is `user:<id>`, `client:<id>` or `system`; details hold no secrets.

    Once it is sealed, it has its place in the chain: a day, a number within it, the seal of the line before
    and its own (see docs/decisions/0007-audit-chain.md). A trigger refuses all other changes, ever.
    """

    __tablename__ = "audit_lines"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "target"),
        Index(None, "unit_ids", postgresql_using="gin"),
        Index("uq_audit_lines_day_number", "day", "number", unique=True),
        Index("ix_audit_lines_unsealed", "id", postgresql_where=text("seal IS NULL")),
        CheckConstraint("num_nulls(day, number, previous, seal) IN (0, 4)", name="sealed_whole"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    unit_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    """The units it is about; none: the whole deployment."""
    address: Mapped[str | None]
    """Where the request came from; None at the command line and in jobs."""
    request_id: Mapped[str | None]
    day: Mapped[date | None]
    """The local day of the chain it stands in: its own, or the next one that was still open."""
    number: Mapped[int | None]
    previous: Mapped[bytes | None]
    seal: Mapped[bytes | None]


class DeploymentFact(Base):
    """A fact about the deployment, such as that it holds demonstration data."""

    __tablename__ = "deployment_facts"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
