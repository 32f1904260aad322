"""Codes that units had on the day of a visit: who must be asked again which unit is meant, and who need not.

Asked only where a code is unknown, or was another unit's before. A visit of today is for whoever has the
code today. One of a day on which the code was another's is refused: whether the sender goes by the list of
that day or by that of today, nobody can tell. The code of that day is then good, because today's is not.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.reorganisation import UnitVersion
from app.models.unit import Unit
from app.visits.queries import KnownUnit


class Former(NamedTuple):
    """A code that a unit had between two days, both included, and its code now; None: no beginning."""

    code: str
    first: date | None
    last: date
    unit: KnownUnit
    now: str


class Formers:
    """The former codes that a call has to do with."""

    def __init__(self, found: Sequence[Former] = ()) -> None:
        self._found = found

    def now(self, code: str) -> str | None:
        """What the unit is called now that had the code last."""
        return next((one.now for one in reversed(self._found) if one.code == code), None)

    def other(self, code: str, day: date, unit_id: int) -> Former | None:
        """Another unit that had the code on the day."""
        return next((one for one in self._on(code, day) if one.unit.id != unit_id), None)

    def of_the_day(self, code: str, day: date) -> KnownUnit | None:
        """The unit of a former code on a day on which its present code was another's."""
        for one in self._on(code, day):
            if self.other(one.now, day, one.unit.id) is not None:
                return one.unit
        return None

    def _on(self, code: str, day: date) -> list[Former]:
        return [
            one
            for one in self._found
            if one.code == code and (one.first is None or one.first <= day) and day <= one.last
        ]


async def formers(session: AsyncSession, subject: Subject, codes: Collection[str]) -> Formers:
    """Former codes among these, and among the present codes of the units that had them; within the reach."""
    if not codes:
        return Formers()
    present = select(Unit.code).join(UnitVersion, UnitVersion.unit_id == Unit.id)
    rows = await session.execute(
        select(
            UnitVersion.code,
            UnitVersion.valid_from,
            UnitVersion.valid_to,
            Unit.id,
            Unit.valid_from,
            Unit.valid_to,
            Unit.code,
        )
        .join(Unit, Unit.id == UnitVersion.unit_id)
        .where(
            or_(
                UnitVersion.code.in_(codes),
                UnitVersion.code.in_(present.where(UnitVersion.code.in_(codes))),
            ),
            UnitVersion.code != Unit.code,
            within_reach(Unit.id, subject),
        )
        .order_by(UnitVersion.valid_to)
    )
    return Formers(
        [
            Former(code, first, last, KnownUnit(unit, opened, closed), now)
            for code, first, last, unit, opened, closed, now in rows
            if last is not None  # one that is only decided was nobody's yet
        ]
    )
