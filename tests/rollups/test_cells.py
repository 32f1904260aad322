"""Cells equal a count from scratch, whatever came in which order and whoever counted when."""

# ruff: noqa: S608  names of tables are our own

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.clock import month_start, utc_now
from app.core.database import Database
from app.core.locks import Lock
from app.jobs import states
from app.models.questionnaire import Questionnaire
from app.questionnaires.definition import MAX_COMPONENTS, MAX_CRITERIA, Definition, check
from app.rollups import arrivals, compute, fresh, jobs, pulse, worklist
from app.rollups.jobs import nightly_recount, rebuild, refresh, run_pulse, verify
from app.rollups.lanes import read_unit
from app.rollups.worklist import Round, UnitDay
from tests.support.cells import Cells, shape_of, stored, unpacked
from tests.support.rows import (
    FORMS,
    Figures,
    Form,
    Said,
    by_cell,
    figures,
    insert_responses,
    insert_visits,
    judge,
    marks,
)
from tests.support.world import World

DAYS = [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
UNITS = ("09001", "09002", "09101")
TABLES = [table.name for table in fresh.TABLES]
PROPERTY = settings(max_examples=30)


class Sketch(NamedTuple):
    """A response before it knows the ids of this database."""

    unit: int
    day: int
    form: str
    seed: tuple[int, ...]
    channel: str
    verdict: str
    procedure: int | None

    def said(self, world: World) -> Said:
        width = FORMS[self.form].width
        answers = tuple((self.seed * 2)[:width])
        return Said(
            world.units[UNITS[self.unit]],
            DAYS[self.day],
            world.questionnaires[self.form],
            answers if any(answers) else (5, *answers[1:]),
            self.channel,
            self.verdict,
            None if self.procedure is None else sorted(world.procedures.values())[self.procedure],
        )


SKETCHES = st.builds(
    Sketch,
    st.integers(0, 2),
    st.integers(0, 4),
    st.sampled_from(sorted(FORMS)),
    st.tuples(*[st.integers(0, 5)] * 8),
    st.sampled_from(["kiosk", "link", "import"]),
    st.sampled_from(["counted", "counted", "counted", "quarantined", "void"]),
    st.sampled_from([None, 0, 1]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.lists(SKETCHES, min_size=1, max_size=6)),
        st.tuples(st.just("pulse"), st.sampled_from([1, 2, 500])),
        st.tuples(
            st.just("judge"),
            st.tuples(st.integers(0, 50), st.sampled_from(["counted", "quarantined", "void"])),
        ),
        st.tuples(
            st.just("visits"),
            st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(1, 4), st.integers(0, 4)),
        ),
        st.tuples(st.sampled_from(["rebuild", "recount"]), st.none()),
    ),
    min_size=1,
    max_size=10,
)


@pytest.fixture(autouse=True)
def all_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The days above are days whose arrivals are added, whatever today is."""
    monkeypatch.setattr(arrivals, "ADDED_DAYS", (utc_now().date() - DAYS[0]).days + 1)


async def clear(database: Database) -> None:
    async with database.transaction() as session:
        for table in ("responses", "visits", "stale_unit_days", *TABLES):
            await session.execute(text(f"DELETE FROM {table}"))


async def a_good_night(database: Database, days_ago: int) -> None:
    """The job runner has written down that its nightly re-count came to a good end."""
    started = utc_now() - timedelta(days=days_ago)
    await states.record(database, states.Run(jobs.NIGHT, started, 1, outcome=0))


async def drain(database: Database) -> None:
    while await refresh(database):
        pass
    assert not await marks(database)


class Life:
    """What happened in one example: responses and visits, as the tests remember them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.database = world.database
        self.said: list[Said] = []
        self.visits: dict[tuple[int, date], tuple[int, int]] = {}

    async def live(self, steps: list[tuple[str, Any]]) -> None:
        for deed, what in steps:
            if deed == "arrive":
                arrived = [sketch.said(self.world) for sketch in what]
                await insert_responses(self.database, arrived)
                self.said += arrived
            elif deed == "pulse":
                await refresh(self.database, limit=what)
            elif deed == "rebuild":
                await rebuild(self.database)
            elif deed == "recount":
                await nightly_recount(self.database, days=100_000)
            elif deed == "judge" and self.said:
                at, verdict = what[0] % len(self.said), what[1]
                self.said[at] = await judge(self.database, self.said[at], verdict)
            elif deed == "visits":
                place, day, visits, answered = what
                unit, at = self.world.units[UNITS[place]], DAYS[day]
                answered = min(visits, answered)
                await insert_visits(
                    self.database, unit, at, self.world.questionnaires["quick-5"], visits, answered
                )
                before = self.visits.get((unit, at), (0, 0))
                self.visits[unit, at] = before[0] + visits, before[1] + answered

    def expected(self) -> Cells:
        """The cells as plain Python counts them."""
        forms = {self.world.questionnaires[code]: form for code, form in FORMS.items()}
        cells = by_cell(self.said)
        kinds: list[dict[Any, list[Said]]] = [defaultdict(list) for _ in range(5)]
        channel_months, days, months, procedures, procedure_months = kinds
        for (unit, day, form, channel), said in cells.items():
            channel_months[unit, month_start(day), form, channel] += said
            days[unit, day, form] += said
            months[unit, month_start(day), form] += said
            for one in said:
                if one.procedure_id is not None and one.verdict == "counted":
                    procedures[unit, day, form, one.procedure_id].append(one)
                    procedure_months[unit, month_start(day), form, one.procedure_id].append(one)
        visit_months: dict[tuple[int, date], tuple[int, int]] = {}
        for (unit, day), (visits, answered) in self.visits.items():
            before = visit_months.get((unit, month_start(day)), (0, 0))
            visit_months[unit, month_start(day)] = before[0] + visits, before[1] + answered

        def short(found: Figures) -> tuple[int, tuple[tuple[int, ...], ...]]:
            return found.responses, found.sums

        def whole(cells: dict[Any, list[Said]]) -> dict[Any, Figures]:
            return {key: figures(said, forms[key[2]]) for key, said in cells.items()}

        return Cells(
            whole(cells),
            whole(channel_months),
            whole(days),
            whole(months),
            {key: short(found) for key, found in whole(procedures).items()},
            {key: short(found) for key, found in whole(procedure_months).items()},
            self.visits,
            visit_months,
        )

    async def stored(self) -> Cells:
        return await stored(self.database, self.world.questionnaires)


async def some_life(world: World, per_unit_day: int = 3) -> Life:
    """A few responses and visits on every day of every unit, counted."""
    life = Life(world)
    for number, (unit, day) in enumerate((unit, day) for unit in range(3) for day in range(len(DAYS))):
        sketches = [
            Sketch(
                unit,
                day,
                sorted(FORMS)[turn % 2],
                tuple((number + turn + at) % 6 for at in range(8)),
                ("kiosk", "link")[turn % 2],
                "quarantined" if turn == 2 else "counted",
                (None, 0, 1)[turn % 3],
            )
            for turn in range(per_unit_day)
        ]
        await life.live([("arrive", sketches), ("visits", (unit, day, 3, turn_of(number)))])
    await drain(world.database)
    return life


def turn_of(number: int) -> int:
    return number % 4


@PROPERTY
@given(steps=STEPS, added=st.sampled_from([DAYS[0], DAYS[3]]))
async def test_cells_equal_a_count_from_scratch_after_any_order_of_events(
    world: World, steps: list[tuple[str, Any]], added: date
) -> None:
    """Whether arrivals of every day are added, or those of the youngest days alone."""
    await clear(world.database)
    life = Life(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "ADDED_DAYS", (utc_now().date() - added).days)
        await life.live(steps)
        await drain(world.database)
    assert await life.stored() == life.expected()
    assert (await verify(world.database)).differences == []


@PROPERTY
@given(steps=STEPS)
async def test_a_rebuild_from_nothing_equals_a_count_from_scratch(
    world: World, steps: list[tuple[str, Any]]
) -> None:
    await clear(world.database)
    life = Life(world)
    await life.live(steps)
    async with world.database.transaction() as session:
        for table in ("stale_unit_days", *TABLES):
            await session.execute(text(f"DELETE FROM {table}"))
    assert await rebuild(world.database) == len(life.said)
    assert await life.stored() == life.expected()


async def test_counting_twice_changes_nothing(world: World) -> None:
    life = await some_life(world)
    before = await versions(world.database)
    async with world.database.transaction() as session:
        await session.execute(
            text("INSERT INTO stale_unit_days SELECT DISTINCT unit_id, local_day FROM unit_day")
        )
    await drain(world.database)
    assert await versions(world.database) == before, "equal cells are not even written"
    assert await life.stored() == life.expected()


async def versions(database: Database) -> set[tuple[Any, ...]]:
    """Which row versions make up the cells."""
    async with database.read() as session:
        return {
            (table, *row)
            for table in TABLES
            for row in await session.execute(text(f"SELECT ctid::text, xmin::text FROM {table}"))
        }


async def test_a_pulse_takes_no_more_than_its_limit_and_leaves_the_rest_marked(world: World) -> None:
    life = Life(world)
    await life.live(
        [("arrive", [Sketch(0, day, "quick-5", (5,) * 8, "kiosk", "counted", None)]) for day in range(5)]
    )
    assert await refresh(world.database, limit=2) == 2
    assert len(await marks(world.database)) == 3
    assert await refresh(world.database) == 3
    assert await refresh(world.database) == 0
    assert await life.stored() == life.expected()


async def test_in_a_rush_over_more_unit_days_than_a_pulse_takes_each_has_its_turn(world: World) -> None:
    """Those that are served are marked again at once: the others must not wait until the rush is over."""
    units = sorted(world.units.values())[:7]

    async def rush() -> None:
        await insert_responses(
            world.database,
            [Said(unit, DAYS[0], world.questionnaires["quick-5"], (5, 4, 3, 2, 1)) for unit in units],
        )

    await rush()
    turns, waited = Round(), dict.fromkeys(units, 0)
    for _ in range(12):
        before = await marks(world.database)
        assert await refresh(world.database, limit=2, turns=turns) == 2
        after = await marks(world.database)
        for unit in units:
            served = not after[unit, DAYS[0]] and before[unit, DAYS[0]]
            waited[unit] = 0 if served else waited[unit] + 1
        assert max(waited.values()) <= len(units) // 2, waited
        await rush()
    await drain(world.database)
    assert (await verify(world.database)).differences == []


async def test_responses_committed_during_a_pulse_wait_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(world)
    await life.live([("arrive", [Sketch(0, 0, "quick-5", (5,) * 8, "kiosk", "counted", None)])])
    adding = arrivals.add

    async def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(pulse, "add", adding)
        await life.live([("arrive", [Sketch(0, 0, "quick-5", (1,) * 8, "kiosk", "counted", None)])])
        return await adding(*arguments)

    monkeypatch.setattr(pulse, "add", interrupted)
    assert await refresh(world.database) == 1
    key = (world.units["09001"], DAYS[0], world.questionnaires["quick-5"])
    assert (await life.stored()).unit_day[key].responses == 1
    assert await marks(world.database) == {key[:2]: 1}
    await drain(world.database)
    assert await life.stored() == life.expected()


async def test_arrivals_and_visits_alone_have_no_unit_day_counted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await some_life(world)

    async def never(*_: Any) -> int:
        raise AssertionError("a unit-day was counted again")

    monkeypatch.setattr(pulse, "recount_days", never)
    sketches = [
        Sketch(0, day, form, (5, 1, 0, 4, 2, 3, 5, 5), channel, verdict, procedure)
        for day, form, channel, verdict, procedure in product(
            (0, 1), sorted(FORMS), ("kiosk", "link"), ("counted", "quarantined"), (None, 1)
        )
    ]
    for sketch in sketches:
        await life.live([("arrive", [sketch, sketch]), ("visits", (0, sketch.day, 2, 1)), ("pulse", 500)])
    await drain(world.database)
    assert await life.stored() == life.expected()
    assert (await verify(world.database)).differences == []


async def test_a_response_that_is_judged_before_it_was_counted_counts_as_judged(world: World) -> None:
    life = Life(world)
    arrived = [Sketch(0, 0, "quick-5", (5,) * 8, "kiosk", "counted", None)] * 3
    await life.live([("arrive", arrived), ("pulse", 500), ("arrive", arrived), ("judge", (5, "void"))])
    assert await refresh(world.database) == 1
    assert await life.stored() == life.expected()


async def test_a_crowd_of_arrivals_has_its_unit_day_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MOST_ADDED", 3)
    life = Life(world)
    crowd = [Sketch(0, 0, "quick-5", (3,) * 8, "link", "counted", 1)] * 4
    await life.live([("arrive", crowd[:3]), ("pulse", 500), ("arrive", crowd)])
    async with world.database.transaction() as session:  # wrong until it is counted again
        await session.execute(text("UPDATE unit_day SET responses = 9"))
    await drain(world.database)
    assert await life.stored() == life.expected()


async def test_arrivals_that_are_not_to_be_found_have_their_unit_day_counted(world: World) -> None:
    life = Life(world)
    await life.live([("arrive", [Sketch(0, 0, "quick-5", (5,) * 8, "kiosk", "counted", None)] * 2)])
    lost = life.said.pop()
    async with world.database.transaction() as session:
        await session.execute(text("DELETE FROM responses WHERE id = :id"), {"id": lost.id})
    await drain(world.database)
    assert await life.stored() == life.expected()


async def test_a_rebuild_takes_the_marks_of_what_it_counts(world: World) -> None:
    life = Life(world)
    await life.live([("arrive", [Sketch(1, 1, "quick-5", (4,) * 8, "link", "counted", 0)] * 4)])
    await rebuild(world.database)
    assert not await marks(world.database)
    assert await refresh(world.database) == 0
    assert await life.stored() == life.expected()


async def test_a_pulse_whose_snapshot_is_older_than_its_lock_starts_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pulse takes the same marks between our snapshot and our lock, which is free again by then."""
    life = Life(world)
    await life.live([("arrive", [Sketch(0, 0, "quick-5", (5,) * 8, "kiosk", "counted", None)])])
    holding = pulse.hold_months

    async def late(*arguments: Any, **more: Any) -> set[date]:
        monkeypatch.setattr(pulse, "hold_months", holding)
        await life.live([("arrive", [Sketch(0, 0, "quick-5", (2,) * 8, "kiosk", "counted", None)])])
        assert await refresh(world.database) == 1
        return await holding(*arguments, **more)

    monkeypatch.setattr(pulse, "hold_months", late)
    assert await refresh(world.database) == 0, "after starting again there is nothing left to do"
    assert await life.stored() == life.expected()


async def test_many_pulses_at_once_beside_arrivals_miss_nothing(world: World) -> None:
    life = Life(world)
    done = asyncio.Event()

    async def arrive(unit: int) -> None:
        for number in range(40):
            sketch = Sketch(unit, number % 5, "quick-5", (number % 5 + 1,) * 8, "link", "counted", number % 2)
            await life.live([("arrive", [sketch] * 5)])

    async def pulse() -> None:
        while not done.is_set():
            await refresh(world.database, limit=4)

    pulses = [asyncio.create_task(pulse()) for _ in range(3)]
    await asyncio.gather(*(arrive(unit) for unit in range(3)), rebuild(world.database))
    done.set()
    await asyncio.gather(*pulses)
    await drain(world.database)
    assert len(life.said) == 600
    assert await life.stored() == life.expected()


async def test_a_month_that_is_being_rebuilt_is_left_to_the_next_pulse(world: World) -> None:
    life = Life(world)
    await life.live(
        [("arrive", [Sketch(0, day, "quick-5", (5,) * 8, "kiosk", "counted", None)]) for day in (0, 1)]
    )
    async with world.database.transaction() as session:
        january = 2026 * 12 + 1
        await session.execute(
            text("SELECT pg_advisory_xact_lock_shared(:lock, :month)"),
            {"lock": int(Lock.ROLLUP_MONTHS), "month": january},
        )
        assert await refresh(world.database) == 1
        assert list(await marks(world.database)) == [(world.units["09001"], DAYS[0])]
    assert await refresh(world.database) == 1


async def test_run_pulse_counts_until_it_is_told_to_stop(world: World) -> None:
    life = Life(world)
    await life.live([("arrive", [Sketch(0, 0, "quick-5", (5,) * 8, "kiosk", "counted", None)])])
    stop = asyncio.Event()
    running = asyncio.create_task(run_pulse(world.database, stop, interval=0.01))
    async with asyncio.timeout(30):
        while await marks(world.database):
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert await life.stored() == life.expected()


async def test_run_pulse_outlives_a_lost_database(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    tries = 0

    async def failing(*_: Any) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionRefusedError
        if tries == 2:
            raise ValueError("a mistake of ours")
        stop.set()
        return 0

    monkeypatch.setattr(jobs, "refresh", failing)
    await run_pulse(world.database, stop, interval=0.001)
    assert tries == 3
    said = [record.levelname for record in caplog.records if record.name == jobs.log.name]
    assert said == [
        "WARNING",
        "ERROR",
    ]


async def test_run_pulse_rests_after_each_pulse_and_takes_less_after_one_that_took_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    rests: list[float] = []
    limits: list[int] = []
    waiting = asyncio.wait_for
    at_once = pulse.PULSE_UNIT_DAYS

    async def busy(_: Database, limit: int, *__: Any) -> int:
        limits.append(limit)
        if len(limits) in (2, 3):
            raise TimeoutError
        await asyncio.sleep(0.05)
        if len(limits) == 6:
            stop.set()
        return limit

    async def noted(work: Any, seconds: float) -> Any:
        rests.append(seconds)
        return await waiting(work, min(seconds, 0.01))

    monkeypatch.setattr(jobs, "refresh", busy)
    monkeypatch.setattr(asyncio, "wait_for", noted)
    await run_pulse(world.database, stop, interval=0.001)
    assert limits == [at_once, at_once, at_once // 2, at_once // 4, at_once, at_once]
    assert all(rest >= 0.05 for rest in (rests[0], *rests[3:]))
    assert max(rests) <= jobs.LONGEST_WAIT_SECONDS


DAMAGE = {
    "a wrong tally": "UPDATE unit_day SET tally = tally + 1",
    "a wrong number of responses": "UPDATE channel_day SET responses = responses + 1",
    "a channel that is missing": "DELETE FROM channel_day WHERE channel = 'link'",
    "a missing day": "DELETE FROM unit_day WHERE local_day = '2026-02-01'",
    "a day that never was": "INSERT INTO unit_day SELECT unit_id, '2026-02-07', questionnaire_id,"
    " responses, held_back, tally FROM unit_day LIMIT 1",
    "a unit that never was": "INSERT INTO unit_day SELECT 987654, local_day, questionnaire_id,"
    " responses, held_back, tally FROM unit_day LIMIT 1",
    "a wrong month": "UPDATE unit_month SET held_back = held_back + 1",
    "a missing month": "DELETE FROM procedure_month",
    "a month that never was": "INSERT INTO visit_month SELECT unit_id, '2025-07-01', 5, 5"
    " FROM visit_month LIMIT 1",
    "a wrong procedure": "UPDATE procedure_day SET tally = tally * 2",
    "a tally that is none": "UPDATE procedure_month SET tally = CAST(10 AS numeric) ^ 1000",
    "a wrong number of visits": "UPDATE visit_day SET answered = answered + 1",
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_verify_finds_damage_and_a_rebuild_mends_it(world: World, what: str) -> None:
    life = await some_life(world)
    assert (await verify(world.database)).differences == []
    async with world.database.transaction() as session:
        await session.execute(text(DAMAGE[what]))
    found = await verify(world.database)
    assert found.differences
    assert all(str(difference) for difference in found.differences)
    await rebuild(world.database)
    assert await life.stored() == life.expected()
    assert (await verify(world.database)).differences == []


async def test_verify_says_what_differs_and_where(world: World) -> None:
    await some_life(world)
    async with world.database.transaction() as session:
        # the second lane from the right of a quick-5 cell: Sxy of the whole
        await session.execute(
            text(
                "UPDATE channel_day SET tally = tally + 1000000000000"
                " WHERE unit_id = :unit AND channel = 'link'"
                " AND local_day = '2026-01-31' AND questionnaire_id = :form"
            ),
            {"unit": world.units["09001"], "form": world.questionnaires["service-16"]},
        )
    found = (await verify(world.database)).differences
    assert {(one.table, one.unit_code, one.questionnaire, one.channel) for one in found} == {
        ("channel_day", "09001", "service-16 v1", "link"),
        ("channel_month", "09001", "service-16 v1", "link"),
    }
    (day,) = (one for one in found if one.table == "channel_day")
    assert (day.period, day.field) == (DAYS[0], "complaints.xy")
    assert day.stored == (day.recounted or 0) + 1
    (month,) = (one for one in found if one.table == "channel_month")
    assert month.recounted == (month.stored or 0) + 1, "a month is held against its days as they stand"


async def test_verify_leaves_out_what_is_marked_and_says_how_much(world: World) -> None:
    await some_life(world)
    async with world.database.transaction() as session:
        await session.execute(
            text("DELETE FROM unit_day WHERE unit_id = :unit"), {"unit": world.units["09001"]}
        )
        for table in ("channel_day", "channel_month", "unit_month"):
            await session.execute(
                text(f"DELETE FROM {table} WHERE unit_id = :unit"), {"unit": world.units["09001"]}
            )
        await session.execute(
            text(
                "INSERT INTO stale_unit_days"
                " SELECT DISTINCT unit_id, local_day FROM responses WHERE unit_id = :unit"
            ),
            {"unit": world.units["09001"]},
        )
    found = await verify(world.database)
    assert (found.differences, found.ignored) == ([], len(DAYS))


async def test_verify_stops_listing_when_nobody_would_read_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_life(world)
    monkeypatch.setattr("app.rollups.compare.MAX_DIFFERENCES", 3)
    async with world.database.transaction() as session:
        await session.execute(text("DELETE FROM unit_day"))
    found = await verify(world.database)
    assert (len(found.differences), found.truncated) == (3, True)


async def test_a_rebuild_that_loses_its_database_says_so_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_life(world)

    async def failing(*_: Any) -> int:
        raise ConnectionResetError

    monkeypatch.setattr(jobs, "recount_month", failing)
    with pytest.raises(ConnectionResetError):
        await rebuild(world.database)


def note(seen: list[tuple[int, int]], done: int, total: int) -> None:
    seen.append((done, total))


async def test_rebuild_and_verify_report_their_progress(world: World) -> None:
    life = await some_life(world)
    for job in (rebuild, verify):
        seen: list[tuple[int, int]] = []
        await job(world.database, partial(note, seen))
        assert seen[-1] == (len(life.said), len(life.said))
        assert sorted(seen) == seen


async def test_the_nightly_recount_mends_the_last_days_and_says_how_many_cells_were_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "ADDED_DAYS", 3)
    life = Life(world)
    await a_good_night(world.database, days_ago=1)
    today = utc_now().date()
    recent, old = today - timedelta(days=1), today - timedelta(days=60)
    for day in (recent, old):
        said = [
            Said(world.units["09001"], day, world.questionnaires["quick-5"], (5, 4, 3, 2, 1)),
            Said(world.units["09002"], day, world.questionnaires["quick-5"], (5, 5, 5, 5, 0)),
        ]
        await insert_responses(world.database, said)
        life.said += said
    await drain(world.database)
    assert await nightly_recount(world.database) == 0
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE unit_day SET tally = 0 WHERE unit_id = :unit"), {"unit": world.units["09001"]}
        )
    assert await nightly_recount(world.database) == 1, "the month was right all along"
    async with world.database.read() as session:
        wrong = (await session.scalars(text("SELECT local_day FROM unit_day WHERE tally = 0"))).all()
    assert wrong == [old], "older days are the rebuild's business"


@pytest.mark.parametrize("days_ago", [1, 30, None])
async def test_a_night_counts_every_day_that_was_added_to_since_the_last_good_one(
    world: World, monkeypatch: pytest.MonkeyPatch, days_ago: int | None
) -> None:
    """Somebody's mistake in adding is gone by the morning, however many nights have failed before."""
    monkeypatch.setattr(arrivals, "ADDED_DAYS", 3)
    now = utc_now()
    since = now.date() - timedelta(days=(200 if days_ago is None else days_ago) + 3)
    if days_ago is not None:
        await a_good_night(world.database, days_ago)
    life = Life(world)
    for day in (since - timedelta(days=30), since, now.date()):
        said = Said(world.units["09001"], day, world.questionnaires["quick-5"], (5, 4, 3, 2, 1))
        await insert_responses(world.database, [said])
        life.said.append(said)
    await drain(world.database)
    async with world.database.transaction() as session:
        await session.execute(text("UPDATE channel_day SET responses = responses + 1"))
    monkeypatch.setattr(jobs, "NIGHT_UNITS", 1)
    await nightly_recount(world.database)
    found = {one.period for one in (await verify(world.database)).differences if one.table == "channel_day"}
    assert found == (set() if days_ago is None else {since - timedelta(days=30)})


async def test_a_night_that_counts_everything_sums_each_month_once_and_keeps_a_month_in_mind_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await some_life(world)
    counting, listing = compute.recount_days, worklist.unit_days
    blocks: list[Sequence[UnitDay]] = []
    lists: list[list[UnitDay]] = []

    async def counted(connection: Any, known: Any, unit_days: Sequence[UnitDay], **more: Any) -> int:
        blocks.append(unit_days)
        return await counting(connection, known, unit_days, **more)

    async def listed(*arguments: Any) -> list[UnitDay]:
        lists.append(await listing(*arguments))
        return lists[-1]

    monkeypatch.setattr(jobs, "recount_days", counted)
    monkeypatch.setattr(worklist, "unit_days", listed)
    monkeypatch.setattr(jobs, "NIGHT_UNITS", 3)
    async with world.database.transaction() as session:
        for table in TABLES:
            await session.execute(text(f"DELETE FROM {table}"))
    assert await nightly_recount(world.database) > 0
    assert (await verify(world.database)).differences == []
    spoken = {(one.unit_id, one.local_day) for one in life.said}
    assert spoken <= {one for block in blocks for one in block}
    months = [{(unit, month_start(day)) for unit, day in block} for block in blocks]
    assert sum(map(len, months)) == len(set().union(*months)), "no month of a unit in two transactions"
    assert all(len({month_start(day) for _, day in found}) == 1 for found in (*blocks, *lists))
    assert len(lists) == len({month_start(day) for _, day in spoken}) > 1


async def test_what_arrives_for_a_day_that_no_night_looks_at_has_it_counted_as_a_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link is answered up to a year after its day: a cell that is wrong there stays wrong no longer."""
    monkeypatch.setattr(arrivals, "ADDED_DAYS", 3)
    today = utc_now().date()
    days = {today - timedelta(days=ago): ago for ago in (300, 4, 3, 0)} | {today + timedelta(days=2): -2}
    for turn in range(2):
        said = [
            Said(world.units["09001"], day, world.questionnaires["quick-5"], (5, 4, 3, 2, 1), "link")
            for day in days
        ]
        await insert_responses(world.database, said)
        await drain(world.database)
        if turn == 0:
            async with world.database.transaction() as session:
                await session.execute(text("UPDATE channel_day SET responses = 9"))
    found = {one.period for one in (await verify(world.database)).differences if one.table == "channel_day"}
    assert {days[day] for day in found} == {3, 0}, "those are left to the night"


async def test_the_nightly_recount_leaves_marked_days_to_the_pulse(world: World) -> None:
    day = utc_now().date()
    said = Said(world.units["09001"], day, world.questionnaires["quick-5"], (5, 4, 3, 2, 1))
    await insert_responses(world.database, [said])
    assert await nightly_recount(world.database) == 0
    assert (await stored(world.database, world.questionnaires)).unit_day == {}
    assert await marks(world.database) == {(said.unit_id, day): 1}


async def test_the_widest_questionnaire_there_may_be_is_counted_and_verified(world: World) -> None:
    form = Form((3,) * MAX_COMPONENTS)
    assert form.width == MAX_CRITERIA
    words = {"vi": "Chữ", "en": "Words"}
    definition = Definition.model_validate(
        {
            "code": "widest",
            "version": 1,
            "title": words,
            "components": [{"code": f"c{at}", "title": words} for at in range(MAX_COMPONENTS)],
            "criteria": [
                {"code": f"{chr(65 + at // 26)}{at % 26}", "component": f"c{at // 3}", "text": words}
                for at in range(MAX_CRITERIA)
            ],
        }
    )
    assert check(definition) == []
    async with world.database.transaction() as session:
        row = Questionnaire(
            code="widest", version=2, status="published", definition=definition.model_dump(), digest="x"
        )
        session.add(row)
        await session.flush()
    said = [
        Said(
            world.units["09001"],
            day,
            row.id,
            tuple((at + turn) % 6 for at in range(60)),
            procedure_id=procedure,
        )
        for turn, (day, procedure) in enumerate(product(DAYS, (None, *world.procedures.values())))
    ]
    await insert_responses(world.database, said)
    await drain(world.database)
    assert (await verify(world.database)).differences == []
    async with world.database.read() as session:
        cells = await session.execute(text("SELECT local_month, responses, tally::text FROM unit_month"))
        for month, responses, tally in cells:
            here = [one for one in said if month_start(one.local_day) == month]
            found = unpacked(responses, 0, read_unit(shape_of(form), responses, tally))
            assert found == figures(here, form)
