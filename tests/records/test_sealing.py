"""Sealing and checking on a real database: many at once, meddling by SQL, and what the triggers refuse."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from app import audit
from app.core.database import Database
from app.models.record import AuditLine
from app.records.jobs import run_sealing, seal, verify
from tests.support.records import ZONE, broken, meddle, seal_all


async def write(database: Database, count: int, at: datetime | None = None) -> None:
    async with database.transaction() as session:
        for number in range(count):
            line = AuditLine(actor="system", action="test", target=f"t:{number}", details={"n": number})
            if at is not None:
                line.at = at
            session.add(line)
            await session.flush()


async def test_twenty_writers_and_three_sealers_make_one_whole_chain(database: Database) -> None:
    """Some roll back, some take their time: no hole, no line twice, none left."""
    writing = True

    async def writer(number: int) -> None:
        for turn in range(3):
            try:
                async with database.transaction() as session:
                    audit.record(session, "system", "test", f"t:{number}/{turn}", [])
                    await session.flush()
                    await asyncio.sleep(0.001 * (number % 5))
                    if number % 4 == 0:
                        raise LookupError
            except LookupError:
                continue

    async def sealer() -> None:
        while writing:
            await seal(database, ZONE, limit=7)
            await asyncio.sleep(0.002)

    sealers = [asyncio.create_task(sealer()) for _ in range(3)]
    await asyncio.gather(*(writer(number) for number in range(20)))
    writing = False
    await asyncio.gather(*sealers)
    await seal_all(database)
    found = await verify(database)
    assert (found.lines, found.unsealed, found.breaks) == (45, 0, [])
    async with database.read() as session:
        numbers = (await session.scalars(select(AuditLine.number).order_by(AuditLine.number))).all()
        assert len(set(await session.scalars(select(AuditLine.target)))) == 45
    assert list(numbers) == list(range(1, 46))


async def test_a_line_that_commits_late_is_sealed_late_and_a_day_gone_by_stays_closed(
    database: Database,
) -> None:
    evening = datetime(2026, 11, 20, 16, 59, 59, tzinfo=UTC)  # a second before midnight there
    async with database.transaction() as slow:
        slow.add(AuditLine(actor="system", action="late", target="t", details={}, at=evening))
        await slow.flush()
        await write(database, 2, datetime(2026, 11, 20, 17, 0, 1, tzinfo=UTC))
        assert await seal_all(database) == 2
    assert await seal_all(database) == 1
    async with database.read() as session:
        rows = await session.execute(select(AuditLine.action, AuditLine.day, AuditLine.number))
        places = {(action, number): day for action, day, number in rows}
    assert places == dict.fromkeys([("test", 1), ("test", 2), ("late", 3)], date(2026, 11, 21))
    assert await broken(database) == []


async def test_a_sealer_does_not_wait_for_another(database: Database) -> None:
    await write(database, 1)
    async with database.transaction() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('audit-chain', 0))"))
        assert await seal(database, ZONE) == 0
    assert await seal(database, ZONE) == 1


async def test_the_job_runner_seals_until_it_is_told_to_stop(database: Database) -> None:
    await write(database, 3)
    stop = asyncio.Event()
    running = asyncio.create_task(run_sealing(database, ZONE, stop, 0.01))
    while (await verify(database)).unsealed:
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert await broken(database) == []


# --- what the database refuses --------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_lines SET actor = 'user:x'",
        "UPDATE audit_lines SET number = 7",
        "UPDATE audit_lines SET day = NULL, number = NULL, previous = NULL, seal = NULL",
        "DELETE FROM audit_lines",
        "TRUNCATE audit_lines",
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
async def test_no_line_is_changed_or_removed_by_plain_sql(
    database: Database, statement: str, sealed: bool
) -> None:
    await write(database, 1)
    if sealed:
        await seal_all(database)
    with pytest.raises(DBAPIError, match=r"never changed or removed|sealed_whole"):
        async with database.transaction() as session:
            await session.execute(text(statement))
    async with database.read() as session:
        assert (await session.scalars(select(AuditLine.actor))).all() == ["system"]


# --- what the check finds -------------------------------------------------------------------------


MEDDLING = {
    "UPDATE audit_lines SET details = '{}' WHERE day = '2026-11-20' AND number = 2": [("changed", 2)],
    "UPDATE audit_lines SET at = at + interval '1 s' WHERE day = '2026-11-20' AND number = 2": [
        ("changed", 2)
    ],
    "UPDATE audit_lines SET unit_ids = '{7}' WHERE day = '2026-11-20' AND number = 2": [("changed", 2)],
    "DELETE FROM audit_lines WHERE day = '2026-11-20' AND number = 2": [("removed", 3)],
    "DELETE FROM audit_lines WHERE day = '2026-11-20' AND number = 3": [("removed", 1)],
    "DELETE FROM audit_lines WHERE day = '2026-11-20'": [("removed", 1)],
    "INSERT INTO audit_lines (actor, action, target, details, day, number, previous, seal)"
    " SELECT actor, action, target, details, day, 4, seal, sha256(seal)"
    " FROM audit_lines WHERE day = '2026-11-20' AND number = 3": [("changed", 4), ("inserted", 4)],
    "UPDATE audit_lines SET number = CASE number WHEN 1 THEN 92 ELSE 91 END"
    " WHERE day = '2026-11-21' AND number < 3;"
    "UPDATE audit_lines SET number = number - 90 WHERE number > 90": [("reordered", 1)],
}


async def test_each_way_to_meddle_is_found(database: Database) -> None:
    await write(database, 3, datetime(2026, 11, 20, 3, tzinfo=UTC))
    await write(database, 3, datetime(2026, 11, 21, 3, tzinfo=UTC))
    await seal_all(database)
    whole = await verify(database)
    assert (whole.lines, whole.breaks) == (6, [])
    async with database.engine.connect() as connection:
        kept = (await connection.execute(select(AuditLine.__table__))).mappings().all()

    async def again() -> None:
        await meddle(database, "DELETE FROM audit_lines")
        async with database.transaction() as session:
            await session.execute(insert(AuditLine), [dict(row) for row in kept])
        assert await broken(database) == []

    for deed, shown in MEDDLING.items():
        await meddle(database, *deed.split(";"))
        assert (deed, await broken(database)) == (deed, shown)
        await again()


async def test_a_cut_end_shows_only_to_who_has_kept_the_head(database: Database) -> None:
    await write(database, 4)
    await seal_all(database)
    kept = (await verify(database)).head
    assert kept is not None
    assert (await verify(database, expect=kept.seal)).expected_found
    await write(database, 1)
    await seal_all(database)
    assert (await verify(database, expect=kept.seal)).expected_found
    await meddle(database, "DELETE FROM audit_lines WHERE number > 3")
    found = await verify(database, expect=kept.seal)
    assert (found.breaks, found.expected_found) == ([], False)


async def test_one_day_is_checked_with_its_ties(database: Database) -> None:
    days = [date(2026, 11, day) for day in (20, 21, 22)]
    for day in days:
        await write(database, 2, datetime(day.year, day.month, day.day, 3, tzinfo=UTC))
    await seal_all(database)
    middle = await verify(database, day=days[1])
    assert (middle.lines, middle.breaks) == (2, [])
    assert middle.head is not None
    await meddle(database, "DELETE FROM audit_lines WHERE day = '2026-11-20' AND number = 1")
    assert (await verify(database, day=days[1])).breaks == []
    await meddle(database, "DELETE FROM audit_lines WHERE day = '2026-11-21' AND number = 2")
    (cut,) = (await verify(database, day=days[1])).breaks
    assert (cut.kind, cut.day, cut.number) == ("removed", days[2], 1)
