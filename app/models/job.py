"""Jobs: when each ran last, how it came out, and whether it was given up for now."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, SmallInteger, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class JobState(Base):
    """One job of the timetable, or one standing loop, over all runners.

    A loop writes at most every ten seconds; its `runs` are turns, and `set_aside` means that it leaves some
    of its work alone for now while it goes on with the rest.
    """

    __tablename__ = "job_states"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime | None]
    """The last due time that was begun; a new job is entered with the one just past. None for a loop."""
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Tries begun for `due_at` that have come to no good end; 0: it is done, or set aside."""
    last_started_at: Mapped[datetime | None]
    last_finished_at: Mapped[datetime | None]
    """Before `last_started_at`: it is running now, or its runner was killed."""
    last_success_at: Mapped[datetime | None]
    last_seconds: Mapped[float | None]
    last_outcome: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    """What the last good run reported, as it was logged."""
    last_error: Mapped[str | None]
    """Why the last run failed, if it did: our own words, an error's class and place; never data."""
    runs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failures: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failures_in_a_row: Mapped[int] = mapped_column(server_default=text("0"))
    set_aside: Mapped[bool] = mapped_column(server_default=false())
    """All its tries have failed: it waits for its next due time, or for `sipas jobs run`."""
