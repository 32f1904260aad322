"""Visits: one dossier served on one day, and whether its link has been answered - never when, nor how."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, PrimaryKeyConstraint, Sequence, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

OPEN, ANSWERED, SETTLED = 0, 1, 2
"""States of a visit. ANSWERED turns SETTLED in a nightly sweep over all units at once, so that not even the
database's hidden row versions tie a visit to its response (docs/decisions/0002-anonymity.md)."""

visit_ids = Sequence("visits_id_seq", metadata=Base.metadata)


class Visit(Base):
    """The rated event and the denominator of the response rate. Keys begin with the unit (see storage)."""

    __tablename__ = "visits"
    __table_args__ = (
        PrimaryKeyConstraint("unit_id", "id"),
        Index("uq_visits_unit_id_dossier_code", "unit_id", "dossier_code", unique=True),
        Index("ix_visits_unit_id_served_on", "unit_id", "served_on", postgresql_include=["answer_state"]),
        Index("ix_visits_answered", "unit_id", postgresql_where=text("answer_state = 1")),
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    id: Mapped[int] = mapped_column(BigInteger, visit_ids, server_default=visit_ids.next_value())
    dossier_code: Mapped[str]
    served_on: Mapped[date]
    procedure_id: Mapped[int | None] = mapped_column(ForeignKey("procedures.id"))
    counter: Mapped[str | None]
    questionnaire_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    expires_at: Mapped[datetime]
    answer_state: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
