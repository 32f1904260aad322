"""What periods ask of the database: the cells, the responses themselves, periods and snapshots.

Statements take units as one array, so that their texts are few and stay prepared.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Select, exists, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.models.period import Period, Snapshot
from app.models.questionnaire import Questionnaire
from app.models.unit import Unit
from app.periods.figures import Cell
from app.rollups.queries import ranges
from app.rollups.spans import Spans

Found = tuple[Period, str, str, int]
"""A period, its unit's code, and the code and version of its questionnaire."""

_PENDING = text(
    """
    SELECT count(*) FROM (
        SELECT DISTINCT unit_id, local_day FROM stale_unit_days
        WHERE unit_id = ANY(CAST(:units AS integer[])) AND local_day BETWEEN :first AND :last) marks
    """
)
# Only unit-days whose cell says that something was held back are looked up among the responses.
_REASONS = text(
    """
    SELECT d.unit_id, r.verdict_reason, count(*)
    FROM unit_day d
    JOIN responses r ON r.unit_id = d.unit_id AND r.local_day = d.local_day
        AND r.questionnaire_id = d.questionnaire_id AND r.verdict = 'quarantined'
    WHERE d.unit_id = ANY(CAST(:units AS integer[])) AND d.questionnaire_id = :questionnaire
        AND d.local_day BETWEEN :first AND :last AND d.held_back > 0
    GROUP BY d.unit_id, r.verdict_reason
    """
)
_COUNTED = text(
    """
    SELECT unit_id, verdict, verdict_reason, answers, received_at > :settled AS fresh, count(*) AS times
    FROM responses
    WHERE unit_id = ANY(CAST(:units AS integer[])) AND questionnaire_id = :questionnaire
        AND local_day BETWEEN :first AND :last AND received_at <= :until AND verdict <> 'void'
    GROUP BY unit_id, verdict, verdict_reason, answers, fresh
    """
)
_ARRIVED = text(
    """
    SELECT count(*) FROM responses
    WHERE unit_id = ANY(CAST(:units AS integer[])) AND questionnaire_id = :questionnaire
        AND local_day BETWEEN :first AND :last AND received_at > :until AND verdict <> 'void'
    """
)
_VISITED = text(
    """
    SELECT unit_id, count(*) FILTER (WHERE created_at <= :settled),
        count(*) FILTER (WHERE created_at <= :until), count(*) FILTER (WHERE answer_state > 0)
    FROM visits WHERE unit_id = ANY(CAST(:units AS integer[])) AND served_on BETWEEN :first AND :last
    GROUP BY unit_id
    """
)


async def pending(session: AsyncSession, units: Sequence[int], first: date, last: date) -> int:
    """Unit-days of a period that are still to be counted."""
    given = {"units": list(units), "first": first, "last": last}
    return int(await session.scalar(_PENDING, given) or 0)


def _spanned(table: str, keys: str, values: Sequence[str], spans: Spans, condition: str) -> str:
    """Sums by unit over whole months and edge days, the days with their sign."""
    parts = [
        f"SELECT {keys}, {', '.join(f'{sign}sum({value}) AS {value}' for value in values)}"  # noqa: S608
        f" FROM {table}_{grain} WHERE unit_id = ANY(CAST(:units AS integer[])) AND {within}{condition}"
        f" GROUP BY {keys}"
        for grain, within, sign in ranges(spans.months is not None, spans.signs)
    ]
    sums = ", ".join(f"sum({value})" for value in values)
    return f"SELECT {keys}, {sums} FROM ({' UNION ALL '.join(parts)}) spans GROUP BY {keys}"  # noqa: S608


async def cells(
    session: AsyncSession, units: Sequence[int], questionnaire_id: int, first: date, last: date
) -> dict[int, Cell]:
    """What each unit has of its own in the roll-up; visits are those of every questionnaire."""
    spans = Spans.of(first, last)
    given = {"units": list(units), "questionnaire": questionnaire_id, **spans.parameters()}
    names = ("responses", "held_back", "tally")
    counted = _spanned("unit", "unit_id", names, spans, " AND questionnaire_id = :questionnaire")
    found = {
        unit: Cell(int(responses), int(held_back), int(tally))
        for unit, responses, held_back, tally in await session.execute(text(counted), given)
    }
    given.pop("questionnaire")
    visited = _spanned("visit", "unit_id", ("visits", "answered"), spans, "")
    for unit, visits, answered in await session.execute(text(visited), given):
        found[unit] = found.get(unit, Cell()) + Cell(visits=int(visits), answered=int(answered))
    return found


async def reasons(
    session: AsyncSession, units: Sequence[int], questionnaire_id: int, first: date, last: date
) -> dict[int, dict[str, int]]:
    """Why responses of each unit are held back, and how many."""
    given = {"units": list(units), "questionnaire": questionnaire_id, "first": first, "last": last}
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for unit, reason, times in await session.execute(_REASONS, given):
        found[unit][reason] = times
    return found


UNDER_WAY = timedelta(seconds=60)
"""What was received so shortly before a snapshot may have been committed after it: longer than a response
waits for its batch and the batch for the database."""

Said = tuple[int, str, str | None, bytes, bool, int]
"""Unit, verdict, reason, answers, whether they may have been under way, and how many such there are."""


async def said(
    session: AsyncSession, snapshot: Snapshot, period: Period, units: Sequence[int]
) -> AsyncIterator[Said]:
    """The responses themselves that a snapshot is to be compared with, alike ones together."""
    given = _given(snapshot, period, units) | {"settled": snapshot.taken_at - UNDER_WAY}
    async for row in await session.stream(_COUNTED, given):
        yield row[0], row[1], row[2], row[3], row[4], row[5]


async def arrived(session: AsyncSession, snapshot: Snapshot, period: Period, units: Sequence[int]) -> int:
    """How many responses of the period came after the snapshot."""
    return int(await session.scalar(_ARRIVED, _given(snapshot, period, units)) or 0)


async def visited(
    session: AsyncSession, snapshot: Snapshot, period: Period, units: Sequence[int]
) -> dict[int, tuple[int, int, int]]:
    """Visits of each unit: so many at least and at most in the snapshot, and so many answered by now."""
    given = _given(snapshot, period, units) | {"settled": snapshot.taken_at - UNDER_WAY}
    del given["questionnaire"]
    return {row[0]: (row[1], row[2], row[3]) for row in await session.execute(_VISITED, given)}


def _given(snapshot: Snapshot, period: Period, units: Sequence[int]) -> dict[str, object]:
    return {
        "units": list(units),
        "questionnaire": period.questionnaire_id,
        "first": period.first_day,
        "last": period.last_day,
        "until": snapshot.taken_at,
    }


async def moment(session: AsyncSession) -> datetime:
    """When the transaction began, by the database's clock."""
    return (await session.execute(select(func.now()))).scalar_one()


def _periods() -> Select[Period, str, str, int]:
    return (
        select(Period, Unit.code, Questionnaire.code, Questionnaire.version)
        .join(Unit, Unit.id == Period.unit_id)
        .join(Questionnaire, Questionnaire.id == Period.questionnaire_id)
    )


async def period(
    session: AsyncSession, subject: Subject, period_id: int, *, lock: bool = False
) -> Found | None:
    """A period whose unit lies within the reach."""
    query = _periods().where(Period.id == period_id, within_reach(Period.unit_id, subject))
    if lock:
        query = query.with_for_update(of=Period)
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


async def periods(
    session: AsyncSession, subject: Subject, unit: str | None, after: tuple[date, int] | None, limit: int
) -> list[Found]:
    """Periods within the reach, the latest first: `limit` and one more, behind the key `after`."""
    reached = _periods().where(within_reach(Period.unit_id, subject))
    return await _page(session, reached, unit, after, limit)


async def due(session: AsyncSession) -> list[int]:
    """Ids of periods whose days of grace are over."""
    ready = select(Period.id).where(Period.state == "closing", Period.grace_until <= func.now())
    return list(await session.scalars(ready.order_by(Period.id)))


async def all_ids(session: AsyncSession) -> list[int]:
    """Every period that has a snapshot."""
    return list(await session.scalars(select(Snapshot.period_id).distinct().order_by(Snapshot.period_id)))


async def snapshots(session: AsyncSession, period_id: int) -> list[Snapshot]:
    """A period's snapshots by revision."""
    query = select(Snapshot).where(Snapshot.period_id == period_id).order_by(Snapshot.revision)
    return list(await session.scalars(query))


async def published_beside(session: AsyncSession, questionnaire_id: int) -> list[tuple[Period, int]]:
    """Every publication of a questionnaire version, the oldest first: its period and its snapshot's id."""
    query = (
        select(Period, Snapshot.id)
        .join(Snapshot, Snapshot.period_id == Period.id)
        .where(Period.questionnaire_id == questionnaire_id, Snapshot.published_at.is_not(None))
        .order_by(Snapshot.published_at, Snapshot.id)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def snapshot(session: AsyncSession, snapshot_id: int) -> Snapshot:
    """One snapshot by its id, which exists."""
    return (await session.scalars(select(Snapshot).where(Snapshot.id == snapshot_id))).one()


async def public_periods(
    session: AsyncSession, unit: str | None, after: tuple[date, int] | None, limit: int
) -> list[Found]:
    """Published periods, the latest first: `limit` and one more, behind the key `after`."""
    published = exists().where(Snapshot.period_id == Period.id, Snapshot.published_at.is_not(None))
    return await _page(session, _periods().where(published), unit, after, limit)


async def _page(
    session: AsyncSession,
    query: Select[Period, str, str, int],
    unit: str | None,
    after: tuple[date, int] | None,
    limit: int,
) -> list[Found]:
    if unit is not None:
        query = query.where(Unit.code == unit)
    if after is not None:
        query = query.where(tuple_(Period.last_day, Period.id) < tuple_(*after))
    query = query.order_by(Period.last_day.desc(), Period.id.desc()).limit(limit + 1)
    return [(row[0], row[1], row[2], row[3]) for row in await session.execute(query)]
