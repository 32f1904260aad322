"""When a job is due: every night at a local time, or every hour. Pure.

The queue wakes each job every hour, at its minute, in UTC. Whether its time has come is decided here, by the
clock on the wall: so a night job keeps its hour when the clocks are put forward or back, and what was missed
while no runner was up is seen at the next waking.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOURLY_MINUTE = 17
LEEWAY = timedelta(minutes=2)
"""A runner's clock may lag behind the database's, which wakes it: so much before its time, a job is due."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the timetable: every night at a local time, or every hour when `at` is None.

    `run` takes the database, and the settings after it if it goes by any.
    """

    name: str
    at: time | None
    run: Callable[..., Awaitable[object]]
    by_settings: bool = False

    def cron(self, now: datetime, zone: ZoneInfo) -> str:
        """When it is woken, as cron in UTC (the queue's clock)."""
        return f"{self.last_due(now, zone).minute} * * * *"

    def last_due(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The last of its times that is not after `now`, in UTC."""
        if self.at is None:
            due = now.astimezone(UTC).replace(minute=HOURLY_MINUTE, second=0, microsecond=0)
            return due if due <= now else due - _HOUR
        today = now.astimezone(zone).date()
        due = datetime.combine(today, self.at, tzinfo=zone).astimezone(UTC)
        return due if due <= now else datetime.combine(today - _DAY, self.at, tzinfo=zone).astimezone(UTC)

    def next_due(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first of its times after `now`, in UTC."""
        if self.at is None:
            return self.last_due(now, zone) + _HOUR
        today = now.astimezone(zone).date()
        due = datetime.combine(today, self.at, tzinfo=zone).astimezone(UTC)
        return due if due > now else datetime.combine(today + _DAY, self.at, tzinfo=zone).astimezone(UTC)


def is_owed(due: datetime, begun: datetime | None, tries: int, now: datetime) -> bool:
    """Whether a job must run now: its last due time was never begun, or begun and come to no good end.

    A due time that lies ahead was written while the clock was wrong; it must not hold the job back.
    """
    if begun is None or begun < due:
        return True
    return tries > 0 or begun > now + 5 * LEEWAY
