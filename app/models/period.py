"""Periods and their snapshots: figures that stand still once they were closed."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

PERIOD_STATES = ("open", "closing", "closed", "published")


class Period(Base):
    """Some days of a unit and everything beneath it, by one questionnaire version."""

    __tablename__ = "periods"
    __table_args__ = (
        CheckConstraint(one_of("state", PERIOD_STATES), "state"),
        CheckConstraint("first_day <= last_day", "days"),
        UniqueConstraint("unit_id", "first_day", "last_day", "questionnaire_id"),
        Index(None, "state"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    first_day: Mapped[date]
    last_day: Mapped[date]
    questionnaire_id: Mapped[int] = mapped_column(ForeignKey("questionnaires.id"))
    name: Mapped[str]
    state: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closing_by: Mapped[str | None]
    """Who ordered the closing; whoever publishes must be somebody else."""
    grace_until: Mapped[datetime | None]
    """Until then tablets may still bring in what belongs to the period; its snapshot is taken afterwards."""
    min_n: Mapped[int | None]
    """The smallest number of responses that may be shown, as it was set when the closing was ordered."""


class Snapshot(Base):
    """All figures of a period as they were when it was closed, or when a revision was made.

    `body` is canonical JSON and `digest` its SHA-256 (hex). A trigger refuses every change but one: a
    snapshot that is not published may be published, once. `public_body` is what the public sees of it, unless
    there is a `Reissue`.
    """

    __tablename__ = "period_snapshots"
    __table_args__ = (
        UniqueConstraint("period_id", "revision"),
        CheckConstraint("revision >= 1", "revision"),
        CheckConstraint("(revision = 1) = (reason IS NULL)", "reason"),
        CheckConstraint(
            "num_nulls(published_by, published_at, public_body, public_digest) IN (0, 4)", "published"
        ),
        CheckConstraint("length(salt) = 32", "salt"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    period_id: Mapped[int] = mapped_column(ForeignKey("periods.id"))
    revision: Mapped[int]
    reason: Mapped[str | None]
    body: Mapped[str]
    digest: Mapped[str]
    taken_by: Mapped[str]
    taken_at: Mapped[datetime]
    """The moment of the snapshot the database was read in: what was received later is not in it."""
    published_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    public_body: Mapped[str | None]
    public_digest: Mapped[str | None]
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    """32 random bytes, never public, that the published commitment covers before the body. None: taken by a
    release that knew no salt, and not published since."""


class Reissue(Base):
    """A public document in the place of the one first published, whose hash could be tested by guessing.

    The same figures with a salted commitment. A trigger refuses every change.
    """

    __tablename__ = "period_reissues"
    __table_args__ = (CheckConstraint("length(salt) = 32", "salt"),)

    snapshot_id: Mapped[int] = mapped_column(ForeignKey("period_snapshots.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[str]
    digest: Mapped[str]
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]
