"""The record: who did what to which thing, and facts about this deployment itself."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AuditLine(Base):
    """One deed. `actor` is `user:<id>`, `client:<id>` or `system`; details hold no secrets."""

    __tablename__ = "audit_lines"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class DeploymentFact(Base):
    """A fact about the deployment, such as that it holds demonstration data."""

    __tablename__ = "deployment_facts"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
