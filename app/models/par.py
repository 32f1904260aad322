"""The PAR Index: score sheets of units and years with their domains, and other people's yearly figures.

Points are NUMERIC with four decimals: sums made of them are exact.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Numeric,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

SheetState = Literal["draft", "final"]
SHEET_STATES: tuple[SheetState, ...] = get_args(SheetState)
POINTS = Numeric(7, 4)


class ParSheet(Base):
    """A unit's score sheet of a year. The highest revision holds; what is final never changes (a trigger)."""

    __tablename__ = "par_sheets"
    __table_args__ = (
        UniqueConstraint("unit_id", "year", "revision"),
        CheckConstraint(one_of("state", SHEET_STATES), "state"),
        CheckConstraint("revision = 1 OR (state = 'final' AND reason IS NOT NULL)", "revision"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    year: Mapped[int]
    revision: Mapped[int]
    state: Mapped[str]
    template: Mapped[str]
    """Code of the template it follows; `own` where it brings its own domains."""
    published_total: Mapped[Decimal | None] = mapped_column(POINTS)
    source: Mapped[str | None]
    reason: Mapped[str | None]
    """Why a final sheet was revised; None in the first."""
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ParScore(Base):
    """One domain of a sheet, with the maximum it was scored by."""

    __tablename__ = "par_scores"
    __table_args__ = (
        PrimaryKeyConstraint("sheet_id", "domain"),
        CheckConstraint("points IS NULL OR (appraised_score IS NULL AND survey_score IS NULL)", "points"),
    )

    sheet_id: Mapped[int] = mapped_column(ForeignKey("par_sheets.id"))
    domain: Mapped[str]
    position: Mapped[int]
    title_vi: Mapped[str]
    title_en: Mapped[str]
    max_points: Mapped[Decimal] = mapped_column(POINTS)
    self_score: Mapped[Decimal | None] = mapped_column(POINTS)
    appraised_score: Mapped[Decimal | None] = mapped_column(POINTS)
    survey_score: Mapped[Decimal | None] = mapped_column(POINTS)
    points: Mapped[Decimal | None] = mapped_column(POINTS)
    """The domain's points where only their sum is known; else None."""


class ExternalFigure(Base):
    """A unit's figure of a year by somebody else's instrument."""

    __tablename__ = "external_figures"
    __table_args__ = (PrimaryKeyConstraint("unit_id", "instrument", "year"),)

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    instrument: Mapped[str]
    year: Mapped[int]
    value: Mapped[Decimal] = mapped_column(POINTS)
    n: Mapped[int | None]
    """How many people it rests on, where that is known."""
    source: Mapped[str]
