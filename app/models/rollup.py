"""Rollups: marks of what is stale, and cells that can be thrown away and counted again.

A cell belongs to its own unit, never to an ancestor: the tree is applied when reading. `tally` holds all the
integer counts and sums of a cell, one beside the other in a single number of 12 decimal digits each
(`rollups/lanes.py` packs and unpacks them). PostgreSQL adds such numbers whole, whatever the questionnaire
looks like, in a fraction of the time that adding the elements of arrays takes.
"""

from datetime import date
from decimal import Decimal

from sqlalchemy import (
    ARRAY,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

stale_unit_days = Table(
    "stale_unit_days",
    Base.metadata,
    Column("unit_id", Integer, nullable=False),
    Column("local_day", Date, nullable=False),
    Column("marked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("arrivals", ARRAY(Uuid)),
    Index("ix_stale_unit_days_unit_id_local_day", "unit_id", "local_day"),
)
"""Append-only: intake adds, the roll-up deletes what it has seen. Many marks of one unit-day are one.

`arrivals`: the ids of the responses whose arrival is all that the mark tells of; empty when only visits have
changed; null for anything else, and the unit-day must be counted again as a whole.
"""


class ChannelDay(Base):
    """Counted responses of one unit, local day, questionnaire version and channel."""

    __tablename__ = "channel_day"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_day", "questionnaire_id", "channel"),)

    unit_id: Mapped[int]
    local_day: Mapped[date]
    questionnaire_id: Mapped[int]
    channel: Mapped[str]
    responses: Mapped[int]
    held_back: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class ChannelMonth(Base):
    """The sum of a month's `channel_day` cells; `local_month` is the month's first day."""

    __tablename__ = "channel_month"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_month", "questionnaire_id", "channel"),)

    unit_id: Mapped[int]
    local_month: Mapped[date]
    questionnaire_id: Mapped[int]
    channel: Mapped[str]
    responses: Mapped[int]
    held_back: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class UnitDay(Base):
    """The sum of a day's `channel_day` cells: what most figures are read from, at half the rows."""

    __tablename__ = "unit_day"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_day", "questionnaire_id"),)

    unit_id: Mapped[int]
    local_day: Mapped[date]
    questionnaire_id: Mapped[int]
    responses: Mapped[int]
    held_back: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class UnitMonth(Base):
    """The sum of a month's `unit_day` cells."""

    __tablename__ = "unit_month"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_month", "questionnaire_id"),)

    unit_id: Mapped[int]
    local_month: Mapped[date]
    questionnaire_id: Mapped[int]
    responses: Mapped[int]
    held_back: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class ProcedureDay(Base):
    """Counts by procedure, of responses that know theirs; channels together."""

    __tablename__ = "procedure_day"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_day", "procedure_id", "questionnaire_id"),)

    unit_id: Mapped[int]
    local_day: Mapped[date]
    procedure_id: Mapped[int]
    questionnaire_id: Mapped[int]
    responses: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class ProcedureMonth(Base):
    """The sum of a month's `procedure_day` cells."""

    __tablename__ = "procedure_month"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_month", "procedure_id", "questionnaire_id"),)

    unit_id: Mapped[int]
    local_month: Mapped[date]
    procedure_id: Mapped[int]
    questionnaire_id: Mapped[int]
    responses: Mapped[int]
    tally: Mapped[Decimal] = mapped_column(Numeric)


class VisitDay(Base):
    """Visits of one unit and day, and how many of their links were answered."""

    __tablename__ = "visit_day"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_day"),)

    unit_id: Mapped[int]
    local_day: Mapped[date]
    visits: Mapped[int]
    answered: Mapped[int]


class VisitMonth(Base):
    """The sum of a month's `visit_day` cells."""

    __tablename__ = "visit_month"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "local_month"),)

    unit_id: Mapped[int]
    local_month: Mapped[date]
    visits: Mapped[int]
    answered: Mapped[int]
