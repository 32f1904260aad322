"""Samples: visits drawn at random to be asked by another instrument, and what was answered.

Apart from `visits` and `responses`, table by table: an answer to a sample cannot get into a running figure,
for it does not stand where those are counted. The same rule as there keeps people apart from what they
said: a link knows that it was answered, never when; an answer knows its stratum, never its link
(docs/decisions/0011-samples.md).
"""

from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of
from app.models.visit import visit_ids

Stratify = Literal["none", "unit", "procedure", "field"]
STRATIFY: tuple[Stratify, ...] = get_args(Stratify)


class Sample(Base):
    """A draw: its frame, its seed, and what is asked. Never changed afterwards, and never deleted.

    The frame are the visits of `unit_ids`, served from `first_day` to `last_day` and registered until
    `drawn_at`. `digest` is the SHA-256 of the list that was drawn.
    """

    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("unit_id", "name"),
        CheckConstraint(one_of("stratify", STRATIFY), "stratify"),
        CheckConstraint("first_day <= last_day", "period"),
        CheckConstraint("size BETWEEN 1 AND visits", "size"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    unit_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    stratify: Mapped[str]
    questionnaire_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    seed: Mapped[str]
    visits: Mapped[int]
    size: Mapped[int]
    digest: Mapped[str]
    expires_at: Mapped[datetime]
    actor: Mapped[str]
    drawn_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SampleStratum(Base):
    """A part of the frame: `visits` of them, `size` drawn. `keys` are unit or procedure ids (0: without one),
    `members` what they were called on the day of the draw.
    """

    __tablename__ = "sample_strata"
    __table_args__ = (
        PrimaryKeyConstraint("sample_id", "number"),
        CheckConstraint("size BETWEEN 1 AND visits", "size"),
    )

    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"))
    number: Mapped[int]
    keys: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    members: Mapped[list[str | None]] = mapped_column(JSONB)
    visits: Mapped[int]
    size: Mapped[int]


class SampleLink(Base):
    """The link of a drawn visit. Its number comes from the sequence of the visits, so that a link code names
    either the one or the other.
    """

    __tablename__ = "sample_links"
    __table_args__ = (
        PrimaryKeyConstraint("unit_id", "id"),
        ForeignKeyConstraint(["sample_id", "stratum"], ["sample_strata.sample_id", "sample_strata.number"]),
        UniqueConstraint("sample_id", "unit_id", "dossier_code"),
        Index("ix_sample_links_answered", "unit_id", postgresql_where=text("answer_state = 1")),
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    id: Mapped[int] = mapped_column(BigInteger, visit_ids, server_default=visit_ids.next_value())
    sample_id: Mapped[int]
    stratum: Mapped[int]
    dossier_code: Mapped[str]
    served_on: Mapped[date]
    procedure_id: Mapped[int | None] = mapped_column(ForeignKey("procedures.id"))
    answer_state: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class SampleResponse(Base):
    """An answer, as `responses` keep theirs, but for unit, day, procedure and desk: it has a stratum."""

    __tablename__ = "sample_responses"
    __table_args__ = (
        PrimaryKeyConstraint("sample_id", "id"),
        ForeignKeyConstraint(["sample_id", "stratum"], ["sample_strata.sample_id", "sample_strata.number"]),
        CheckConstraint(one_of("verdict", ("counted", "quarantined", "void")), "verdict"),
    )

    sample_id: Mapped[int]
    id: Mapped[UUID]
    stratum: Mapped[int]
    verdict: Mapped[str]
    verdict_reason: Mapped[str | None]
    answers: Mapped[bytes] = mapped_column(LargeBinary)
    comment: Mapped[str | None]
    respondent: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    language: Mapped[str | None]
    complete: Mapped[bool]
    received_at: Mapped[datetime]
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
