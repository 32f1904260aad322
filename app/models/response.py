"""Responses: what citizens said. One narrow row each, and nothing in it that leads to a visit or a person."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

CHANNELS = ("kiosk", "link", "import")
VERDICTS = ("counted", "quarantined", "void")


class Response(Base):
    """`answers`: one byte a criterion in the questionnaire's order, 0 = no valid answer, 1-5.

    `content_digest` (16 bytes) recognises a repeated sending; it covers what the citizen said and
    deliberately not the link, or it could be used to find the link.
    """

    __tablename__ = "responses"
    __table_args__ = (
        PrimaryKeyConstraint("unit_id", "id"),
        CheckConstraint(one_of("channel", CHANNELS), "channel"),
        CheckConstraint(one_of("verdict", VERDICTS), "verdict"),
        CheckConstraint("(verdict = 'counted') = (verdict_reason IS NULL)", "verdict_reason"),
        Index("ix_responses_unit_id_local_day", "unit_id", "local_day"),
        # of about one response in a hundred: what reviewers look through
        Index(
            "ix_responses_not_counted", "unit_id", "local_day", postgresql_where=text("verdict <> 'counted'")
        ),
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    id: Mapped[UUID]
    questionnaire_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    local_day: Mapped[date]
    channel: Mapped[str]
    verdict: Mapped[str]
    verdict_reason: Mapped[str | None]
    procedure_id: Mapped[int | None] = mapped_column(ForeignKey("procedures.id"))
    counter: Mapped[str | None]
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("devices.id"))
    answers: Mapped[bytes] = mapped_column(LargeBinary)
    comment: Mapped[str | None]
    respondent: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    language: Mapped[str | None]
    submitted_at: Mapped[datetime]
    """When the citizen pressed send, by the corrected clock."""
    duration_seconds: Mapped[int | None]
    received_at: Mapped[datetime]
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    complete: Mapped[bool] = mapped_column(server_default=text("true"))
    """False when the citizen left in the middle. Counted all the same, for the questions answered."""
