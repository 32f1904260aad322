"""Units and procedures: who serves, and what for."""

from datetime import date, datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, false, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

UnitKind = Literal["nation", "province", "department", "district", "commune", "centre"]
UNIT_KINDS: tuple[UnitKind, ...] = get_args(UnitKind)
ProcedureLevel = Literal["nation", "province", "district", "commune"]
PROCEDURE_LEVELS: tuple[ProcedureLevel, ...] = get_args(ProcedureLevel)


class Unit(Base):
    """A body whose service is rated. The tree is adjacency; figures belong to the unit itself."""

    __tablename__ = "units"
    __table_args__ = (
        CheckConstraint(one_of("kind", UNIT_KINDS), "kind"),
        CheckConstraint("parent_id <> id", "not_own_parent"),
        CheckConstraint("valid_from <= valid_to", "validity"),
        Index(None, "parent_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    search_text: Mapped[str]
    """Folded name and code: no diacritics, no capitals. Kept by the code that writes the name."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    contact: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """How citizens reach it; null: as the nearest unit above that says so."""
    opening_hours: Mapped[dict[str, list[list[str]]] | None] = mapped_column(JSONB(none_as_null=True))
    """Weekday -> spans of `HH:MM`; null: as the nearest unit above that says so."""
    require_totp: Mapped[bool] = mapped_column(server_default=false())
    """Staff whose role is held here or beneath must have a second factor."""


class Procedure(Base):
    """A numbered administrative procedure."""

    __tablename__ = "procedures"
    __table_args__ = (CheckConstraint(one_of("level", PROCEDURE_LEVELS), "level"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    field: Mapped[str]
    level: Mapped[str]
    search_text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
