"""How the tree of units changes: states that units had or will have, and who took over from whom.

`units` holds each unit as it is now, so that reading today's tree costs what it always did. What a unit was
before, and what it will be once a decided change takes effect, stands here. After a merger the closed unit
hangs beneath its successor in `units`: reach and figures of today's unit then include it without being told.
"""

from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

ReorganisationState = Literal["scheduled", "in_force", "reverted"]
STATES: tuple[ReorganisationState, ...] = get_args(ReorganisationState)
SuccessionKind = Literal["merge", "split"]
SUCCESSIONS: tuple[SuccessionKind, ...] = get_args(SuccessionKind)


class Reorganisation(Base):
    """One decision applied to the tree as a whole. A decision with the same content stands but once."""

    __tablename__ = "reorganisations"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), "state"),
        Index(
            "uq_reorganisations_decision_digest",
            "decision",
            "digest",
            unique=True,
            postgresql_where=text("state <> 'reverted'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    decision: Mapped[str]
    effective_on: Mapped[date]
    effective_at: Mapped[datetime]
    """The first instant of that day in the deployment's zone: what jobs compare with, who know no zone."""
    state: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of day and changes."""
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What was shown when it was decided: units opened, closed and changed, and what moves."""
    touched: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """Each unit it opened, closed or changed: id, what it was (null: nothing), what it becomes."""
    unit_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Units that stood already and have a part in it: who reaches all of them may see it."""
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Devices and accounts that moved, with where they had been: filled in on the day."""
    actor: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    in_force_at: Mapped[datetime | None]
    reverted_at: Mapped[datetime | None]


class UnitVersion(Base):
    """A state of a unit that is not the present one. Past ones have an end; the one to come has none."""

    __tablename__ = "unit_versions"
    __table_args__ = (
        CheckConstraint("valid_from <= valid_to", "validity"),
        Index(None, "unit_id"),
        Index(None, "code"),
        Index("uq_unit_versions_ahead", "unit_id", unique=True, postgresql_where=text("valid_to IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    search_text: Mapped[str]
    reorganisation_id: Mapped[int] = mapped_column(ForeignKey("reorganisations.id"))


class UnitSuccession(Base):
    """One unit took over from another, wholly (merge) or in part (split; what remains succeeds itself)."""

    __tablename__ = "unit_successions"
    __table_args__ = (
        PrimaryKeyConstraint("from_unit", "to_unit", "effective_on"),
        CheckConstraint(one_of("kind", SUCCESSIONS), "kind"),
        Index(None, "to_unit"),
    )

    from_unit: Mapped[int] = mapped_column(ForeignKey("units.id"))
    to_unit: Mapped[int] = mapped_column(ForeignKey("units.id"))
    effective_on: Mapped[date]
    kind: Mapped[str]
    reorganisation_id: Mapped[int] = mapped_column(ForeignKey("reorganisations.id"))
