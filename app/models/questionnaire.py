"""Questionnaires: a version is one row; once published it never changes."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, PrimaryKeyConstraint, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

QUESTIONNAIRE_STATUSES = ("draft", "published", "retired")


class Questionnaire(Base):
    """One version of a questionnaire; `digest` (SHA-256, hex) proves that a published one is unchanged."""

    __tablename__ = "questionnaires"
    __table_args__ = (
        UniqueConstraint("code", "version"),
        CheckConstraint(one_of("status", QUESTIONNAIRE_STATUSES), "status"),
        CheckConstraint("version >= 1", "version"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str]
    version: Mapped[int]
    status: Mapped[str]
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class QuestionnaireMapping(Base):
    """Criteria of a version (code) that ask the same as criteria of an earlier one; never changed."""

    __tablename__ = "questionnaire_mappings"
    __table_args__ = (PrimaryKeyConstraint("questionnaire_id", "earlier_id"),)

    questionnaire_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    earlier_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    criteria: Mapped[dict[str, str]] = mapped_column(JSONB)
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())
