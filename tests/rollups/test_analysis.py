"""Series, break-downs and rankings over HTTP, against plain Python."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.database import Database
from app.core.schema import Out
from app.rollups.analysed import ChannelsOut, CountersOut, FieldsOut, ProceduresOut, RankingOut, SeriesOut
from app.rollups.jobs import refresh
from tests.support.book import CODES, Book, agree, book, bounds, half_up
from tests.support.rows import FORMS, Said, insert_responses
from tests.support.visits import statements
from tests.support.world import World

FIRST, LAST = date(2026, 1, 1), date(2026, 4, 30)
DAY = date(2026, 2, 14)
MIN_N = 5
UNITS = ("24", "09001", "09002", "SNV", "09101")
PROVINCE = {"24", "09001", "09002", "SNV"}
FIELDS = {"1.001193": "Hộ tịch", "1.004222": "Cư trú"}
MODELS: dict[str, type[Out]] = {
    "series": SeriesOut,
    "channels": ChannelsOut,
    "procedures": ProceduresOut,
    "fields": FieldsOut,
    "counters": CountersOut,
}
HAPPY, SAD = (5, 5, 5, 5, 5), (1, 1, 1, 1, 1)
SOME = st.sampled_from([0, 1, 3, 4, 5, 5])
DRAWN = st.lists(
    st.tuples(
        st.sampled_from(UNITS),
        st.dates(FIRST, LAST),
        st.lists(SOME, min_size=5, max_size=5).filter(any),
        st.sampled_from(["kiosk", "link"]),
        st.sampled_from([None, *FIELDS]),
        st.sampled_from(["counted", "counted", "counted", "quarantined", "void"]),
        st.sampled_from([None, "Quầy 1", "Quầy 2"]),
    ),
    max_size=50,
)


def crowd(seed: int) -> list[Any]:
    """Many people, each unit and half of the time with its own mood: enough for ranks and real changes."""
    chance = Random(seed)
    mood = {(unit, half): chance.choice((0.2, 0.6, 0.8, 0.9, 1.0)) for unit in UNITS for half in (0, 1)}
    found = []
    for _ in range(chance.randint(60, 240)):
        unit, at = chance.choice(UNITS), chance.randint(0, (LAST - FIRST).days)
        happy = mood[unit, at > 50]
        answers = [
            0 if chance.random() < 0.15 else chance.choice((4, 5) if chance.random() < happy else (1, 2, 3))
            for _ in range(5)
        ]
        found.append(
            (
                unit,
                FIRST + timedelta(days=at),
                answers if any(answers) else [3] * 5,
                chance.choice(("kiosk", "kiosk", "link")),
                chance.choice((None, *FIELDS)),
                chance.choice(("counted", "counted", "counted", "counted", "quarantined", "void")),
                chance.choice((None, "Quầy 1", "Quầy 2")),
            )
        )
    return found


SEEDS = st.integers(0, 2**32)
CROWD = st.one_of(SEEDS.map(crowd), SEEDS.map(crowd), DRAWN)


async def drain(database: Database) -> None:
    while await refresh(database):
        pass


async def plant(world: World, drawn: Sequence[Any]) -> list[tuple[Said, str | None]]:
    """These responses and no others, counted; each with its counter."""
    async with world.database.transaction() as session:
        await session.execute(
            text("INSERT INTO stale_unit_days SELECT DISTINCT unit_id, local_day FROM responses")
        )
        await session.execute(text("DELETE FROM responses"))
    said = [
        (
            Said(
                world.units[unit],
                day,
                world.questionnaires["quick-5"],
                tuple(answers),
                channel,
                verdict,
                None if procedure is None else world.procedures[procedure],
            ),
            counter,
        )
        for unit, day, answers, channel, procedure, verdict, counter in drawn
    ]
    noise = Said(world.units["09001"], DAY, world.questionnaires["service-16"], (1,) * 16)
    await insert_responses(world.database, [*(one for one, _ in said), noise])
    async with world.database.transaction() as session:
        for one, counter in said:
            await session.execute(
                text("UPDATE responses SET counter = :counter WHERE id = :id"),
                {"counter": counter, "id": one.id},
            )
    await drain(world.database)
    return said


async def ask(
    http: httpx.AsyncClient, world: World, what: str, unit: str = "24", **query: Any
) -> dict[str, Any]:
    period = {"from": str(query.pop("first", FIRST)), "to": str(query.pop("last", LAST))}
    answer = await http.get(
        f"/api/v1/indices/{unit}/{what}",
        params={**period, "questionnaire": "quick-5", **query},
        headers={**world.admin, "Accept-Language": "en"},
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    MODELS[what].model_validate(body)
    return body


async def rank(http: httpx.AsyncClient, world: World, **query: Any) -> dict[str, Any]:
    period = {"from": str(query.pop("first", FIRST)), "to": str(query.pop("last", LAST))}
    given = {"kind": "commune", "questionnaire": "quick-5", **query}
    answer = await http.get("/api/v1/rankings", params={**period, **given}, headers=world.admin)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    RankingOut.model_validate(body)
    return body


FORM = FORMS["quick-5"]


@settings(max_examples=15)
@given(
    drawn=CROWD,
    period=st.tuples(st.dates(FIRST, LAST), st.dates(FIRST, LAST)).map(sorted),
    grain=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    scope=st.sampled_from(["subtree", "own"]),
    channel=st.sampled_from([None, "kiosk"]),
    formula=st.sampled_from([None, "mean_of_criteria"]),
)
async def test_series_and_break_downs_are_what_plain_python_computes(
    world: World,
    http: httpx.AsyncClient,
    drawn: list[Any],
    period: list[date],
    grain: str,
    scope: str,
    channel: str | None,
    formula: str | None,
) -> None:
    planted = await plant(world, drawn)
    first, last = period
    visible = {world.units[code] for code in (PROVINCE if scope == "subtree" else {"24"})}
    seen = [one for one, _ in planted if one.unit_id in visible and first <= one.local_day <= last]
    query: dict[str, Any] = {"first": first, "last": last, "scope": scope}
    by_formula = {} if formula is None else {"formula": formula}

    way = {} if channel is None else {"channel": channel}
    series = await ask(http, world, "series", grain=grain, **way, **by_formula, **query)
    at = first
    for point in series["points"]:
        assert point["from"] == str(at)
        end = date.fromisoformat(point["to"])
        here = [one for one in seen if at <= one.local_day <= end and channel in {None, one.channel}]
        agree(point, here, FORM, formula or "pooled", MIN_N if channel else 0)
        at = end + timedelta(days=1)
    assert at == last + timedelta(days=1)

    channels = await ask(http, world, "channels", **by_formula, **query)
    groups = {way: [one for one in seen if one.channel == way] for way in ("kiosk", "link")}
    check(channels, "channel", groups, formula or "pooled")

    procedures = await ask(http, world, "procedures", **query)
    groups = {code: [one for one in seen if one.procedure_id == world.procedures[code]] for code in FIELDS}
    check(procedures, "procedure", groups, "pooled")
    fields = await ask(http, world, "fields", **query)
    check(fields, "field", {FIELDS[code]: some for code, some in groups.items()}, "pooled")

    own = [(one, counter) for one, counter in planted if one.unit_id == world.units["09001"]]
    counters = await ask(http, world, "counters", "09001", first=first, last=last)
    desks = {
        name: [one for one, counter in own if counter == name and first <= one.local_day <= last]
        for name in (None, "Quầy 1", "Quầy 2")
    }
    check(counters, "counter", desks, "pooled")


def check(body: dict[str, Any], by: str, groups: dict[Any, list[Said]], formula: str) -> None:
    """Every group with a counted response, once, and the largest first."""
    assert body["formula"] == formula
    found = {item[by]["code"] if by == "procedure" else item[by]: item for item in body["items"]}
    assert len(found) == len(body["items"])
    assert found.keys() == {
        key for key, some in groups.items() if any(one.verdict == "counted" for one in some)
    }
    for key, item in found.items():
        agree(item, groups[key], FORM, formula, MIN_N)
        assert item["suppressed"] == item["overall"]["suppressed"]
    sizes = [item["responses"] for item in body["items"]]
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=15)
@given(
    drawn=CROWD,
    turn=st.one_of(st.just(FIRST + timedelta(days=51)), st.dates(FIRST, LAST)),
    sort=st.sampled_from(["overall", *CODES]),
)
async def test_a_ranking_is_what_plain_python_computes(
    world: World, http: httpx.AsyncClient, drawn: list[Any], turn: date, sort: str
) -> None:
    planted = [one for one, _ in await plant(world, drawn)]
    compared = {} if turn == FIRST else {"compare_from": FIRST, "compare_to": turn - timedelta(days=1)}
    body = await rank(http, world, first=turn, sort=sort, **compared)
    places = range(5) if sort == "overall" else [CODES.index(sort)]
    units = ("09001", "09002", "09101")
    now = {
        code: book([o for o in planted if o.unit_id == world.units[code] and o.local_day >= turn], places)
        for code in units
    }
    before = {
        code: book([o for o in planted if o.unit_id == world.units[code] and o.local_day < turn], places)
        for code in units
    }
    assert sorted(item["unit"]["code"] for item in body["items"]) == sorted(units)
    order = [(item["rank"] is None, item["rank"] or 0, item["unit"]["code"]) for item in body["items"]]
    assert order == sorted(order)

    def ranks(figures: dict[str, Any]) -> dict[str, int]:
        known = {code: one for code, one in figures.items() if one.n >= MIN_N}
        return {code: 1 + sum(o.ratio > one.ratio for o in known.values()) for code, one in known.items()}

    for item in body["items"]:
        code = item["unit"]["code"]
        figure, rank_now, rank_before = now[code], ranks(now).get(code), ranks(before).get(code)
        assert (item["responses"], item["rank"]) == (figure.n, rank_now)
        assert item["suppressed"] == (rank_now is None)
        if rank_now is None:
            assert item["percent"] is item["low"] is item["high"] is item["band"] is item["change"] is None
            continue
        assert item["percent"] == half_up(figure.ratio)
        bounds(item, figure)
        rivals = [other for other in body["items"] if other["rank"] is not None]
        assert item["rank_best"] == 1 + sum(other["low"] > item["high"] for other in rivals)
        assert item["rank_worst"] == len(rivals) - sum(other["high"] < item["low"] for other in rivals)
        if rank_before is None:
            assert item["change"] is None
            continue
        gap = float(100 * (figure.ratio - before[code].ratio))  # type: ignore[operator]
        assert item["change"]["ranks"] == rank_before - rank_now
        assert abs(item["change"]["percent_points"] - gap) < 0.0051
        beyond = gap**2 - newcombe(figure, before[code])
        if abs(beyond) > 1:  # square points: nearer than that the bounds' rounding decides
            assert item["change"]["significant"] == (beyond > 0)


def newcombe(now: Book, before: Book) -> float:
    """How far chance reaches, in square percentage points (Newcombe 1998, method 10)."""
    upper, lower = (now, before) if (now.ratio or 0) > (before.ratio or 0) else (before, now)
    return (100 * float(upper.ratio or 0) - upper.low) ** 2 + (
        lower.high - 100 * float(lower.ratio or 0)
    ) ** 2


async def fill(world: World, unit: str, day: date, *answers: tuple[int, ...]) -> None:
    said = [Said(world.units[unit], day, world.questionnaires["quick-5"], each) for each in answers]
    await insert_responses(world.database, said)
    await drain(world.database)


async def test_an_empty_period_is_a_point_with_null_figures(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY)
    points = (await ask(http, world, "series", grain="month"))["points"]
    assert [(point["from"], point["to"], point["responses"]) for point in points] == [
        ("2026-01-01", "2026-01-31", 0),
        ("2026-02-01", "2026-02-28", 1),
        ("2026-03-01", "2026-03-31", 0),
        ("2026-04-01", "2026-04-30", 0),
    ]
    assert points[0]["overall"] == {
        **dict.fromkeys(("percent", "low", "high", "band")),
        **dict.fromkeys(("answers", "satisfied", "responses"), 0),
    }
    assert points[1]["overall"]["percent"] == 100.0


async def newer_version(world: World) -> int:
    """A second version of quick-5, published."""
    async with world.database.transaction() as session:
        newer: int | None = await session.scalar(
            text(
                "INSERT INTO questionnaires (code, version, status, definition, digest, published_at)"
                " SELECT code, 2, status, jsonb_set(definition, '{version}', '2'), digest, published_at"
                " FROM questionnaires WHERE code = 'quick-5' RETURNING id"
            )
        )
    assert newer is not None
    return newer


@settings(max_examples=8)
@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(UNITS),
            st.dates(FIRST, LAST),
            st.sampled_from([1, 2]),
            st.lists(SOME, min_size=5, max_size=5).filter(any),
        ),
        max_size=40,
    ),
    grain=st.sampled_from(["week", "month", "year"]),
)
async def test_mapped_criteria_are_read_across_versions_and_no_others(
    world: World, http: httpx.AsyncClient, drawn: list[Any], grain: str
) -> None:
    async with world.database.transaction() as session:
        await session.execute(text("INSERT INTO stale_unit_days SELECT unit_id, local_day FROM responses"))
        await session.execute(text("DELETE FROM responses"))
        newer = await session.scalar(text("SELECT id FROM questionnaires WHERE version = 2"))
    if newer is None:  # what is published stays, also from one example to the next
        newer = await newer_version(world)
        mapped = {"A1": "B1", "D1": "D1"}  # the first now asks what the second asked
        answer = await http.post(
            "/api/v1/questionnaires/quick-5/2/mappings",
            json={"earlier_version": 1, "criteria": mapped},
            headers=world.admin,
        )
        assert answer.status_code == 201, answer.text
    forms = {1: world.questionnaires["quick-5"], 2: newer}
    said = [Said(world.units[unit], day, forms[form], tuple(given)) for unit, day, form, given in drawn]
    await insert_responses(world.database, said)
    await drain(world.database)
    visible = {world.units[code] for code in PROVINCE}
    body = await ask(http, world, "series", grain=grain, across="true", version=2)
    assert (body["across"], body["breaks"]) == ([1, 2], [])
    places = {"A1": {newer: 0, forms[1]: 1}, "D1": {newer: 3, forms[1]: 3}}
    for point in body["points"]:
        here = [
            one
            for one in said
            if one.unit_id in visible and point["from"] <= str(one.local_day) <= point["to"]
        ]
        assert [one["code"] for one in point["criteria"]] == ["A1", "D1"]
        for shown in point["criteria"]:
            single = [
                replace(one, answers=(one.answers[places[shown["code"]][one.questionnaire_id]],))
                for one in here
            ]
            found = book(single, [0])
            assert (shown["answers"], shown["satisfied"]) == (found.answers, found.satisfied)
            assert shown["percent"] == half_up(found.ratio)
            bounds(shown, found)
        agree(point, [one for one in here if one.questionnaire_id == newer], FORM, "pooled")


async def test_without_a_mapping_nothing_is_read_across(world: World, http: httpx.AsyncClient) -> None:
    newer = await newer_version(world)
    await fill(world, "09001", DAY, HAPPY)
    later = Said(world.units["09001"], DAY + timedelta(days=1), newer, SAD)
    await insert_responses(world.database, [later])
    await drain(world.database)
    body = await ask(http, world, "series", grain="year", across="true", version=2)
    assert (body["across"], len(body["breaks"])) == ([2], 1)
    assert body["points"][0]["criteria"] == []


async def test_a_series_says_where_another_version_begins(world: World, http: httpx.AsyncClient) -> None:
    newer = await newer_version(world)
    await fill(world, "09001", DAY, HAPPY)
    assert (await ask(http, world, "series", grain="month", version=1))["breaks"] == []
    for unit, day, verdict in (
        ("09101", DAY - timedelta(days=40), "counted"),
        ("09001", DAY - timedelta(days=20), "void"),
        ("09002", DAY + timedelta(days=3), "counted"),
        ("09001", DAY + timedelta(days=2), "counted"),
    ):
        await insert_responses(world.database, [Said(world.units[unit], day, newer, SAD, verdict=verdict)])
    await drain(world.database)
    change = {"on": str(DAY + timedelta(days=2)), "from_version": 1, "to_version": 2}
    for version, percent in ((1, 100.0), (2, 0.0)):
        body = await ask(http, world, "series", grain="year", version=version)
        assert body["breaks"] == [change]
        assert body["points"][0]["overall"]["percent"] == percent
    assert (await ask(http, world, "series", grain="year", last=DAY, version=1))["breaks"] == []
    assert (await ask(http, world, "series", "09002", grain="year", version=2))["breaks"] == []


async def test_a_unit_nobody_spoke_of_has_empty_break_downs(world: World, http: httpx.AsyncClient) -> None:
    for what in ("channels", "procedures", "fields", "counters"):
        assert (await ask(http, world, what))["items"] == []


async def test_where_everybody_is_satisfied_all_share_the_first_rank(
    world: World, http: httpx.AsyncClient
) -> None:
    for unit in ("09001", "09002"):
        await fill(world, unit, DAY, *[HAPPY] * 5)
    body = await rank(http, world, parent="24")
    assert [(item["unit"]["code"], item["rank"], item["rank_worst"]) for item in body["items"]] == [
        ("09001", 1, 2),
        ("09002", 1, 2),
    ]
    assert body["ranked"] == 2


async def test_a_ranked_unit_speaks_for_its_subtree_and_what_merged_into_it(
    world: World, http: httpx.AsyncClient
) -> None:
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE units SET parent_id = :heir, valid_to = '2026-01-31' WHERE code = '09002'"),
            {"heir": world.units["09001"]},
        )
    await fill(world, "09002", date(2026, 1, 5), *[SAD] * 5)
    await fill(world, "09001", DAY, *[HAPPY] * 5)
    body = await rank(http, world, parent="24")
    (item,) = body["items"]
    assert (item["unit"]["code"], item["responses"], item["percent"]) == ("09001", 10, 50.0)


async def test_a_ranking_stays_within_reach(world: World, http: httpx.AsyncClient) -> None:
    for unit in ("09001", "09101"):
        await fill(world, unit, DAY, *[HAPPY] * 5)
    client = await world.client("24", "indices:read")
    period = {"from": str(FIRST), "to": str(LAST), "kind": "commune", "questionnaire": "quick-5"}
    answer = await http.get("/api/v1/rankings", params=period, headers=client)
    assert [item["unit"]["code"] for item in answer.json()["items"]] == ["09001", "09002"]
    answer = await http.get("/api/v1/rankings", params={**period, "parent": "27"}, headers=client)
    assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")
    for what in MODELS:
        answer = await http.get(
            f"/api/v1/indices/27/{what}", params={**period, "grain": "day"} if what == "series" else period
        )
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("address", "query", "pointer", "code"),
    [
        ("/api/v1/rankings", {"sort": "charm"}, "/sort", "not_allowed"),
        ("/api/v1/rankings", {"compare_from": "2025-01-01"}, "/compare_to", "missing"),
        (
            "/api/v1/rankings",
            {"compare_from": "2025-02-01", "compare_to": "2025-01-01"},
            "/compare_from",
            "period_reversed",
        ),
        (
            "/api/v1/rankings",
            {"compare_from": "2025-12-01", "compare_to": "2026-01-01"},
            "/compare_from",
            "periods_overlap",
        ),
        (
            "/api/v1/rankings",
            {"compare_from": "2015-01-01", "compare_to": "2025-01-01"},
            "/compare_to",
            "period_too_long",
        ),
        ("/api/v1/indices/24/series", {"grain": "day", "from": "2020-01-01"}, "/grain", "too_many_points"),
        ("/api/v1/indices/24/counters", {"from": "2025-01-01"}, "/to", "period_too_many_days"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    world: World, http: httpx.AsyncClient, address: str, query: dict[str, str], pointer: str, code: str
) -> None:
    kind = {"kind": "commune"} if address.endswith("rankings") else {}
    params = {"from": str(FIRST), "to": str(LAST), "questionnaire": "quick-5", **kind, **query}
    answer = await http.get(address, params=params, headers=world.admin)
    assert answer.status_code == 422, answer.text
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [(pointer, code)]


async def test_an_unknown_questionnaire_is_said_to_be_unknown(world: World, http: httpx.AsyncClient) -> None:
    period = {"from": str(FIRST), "to": str(LAST), "questionnaire": "quick-5", "version": "9"}
    answer = await http.get("/api/v1/indices/24/channels", params=period, headers=world.admin)
    assert (answer.status_code, answer.json()["code"]) == (404, "questionnaire_unknown")


async def test_each_takes_a_few_statements_however_much_there_is(
    world: World, app: FastAPI, http: httpx.AsyncClient
) -> None:
    for at in range(8):
        await fill(world, UNITS[at % 4], FIRST + timedelta(days=at * 14), HAPPY, SAD)
    for what, most in (("series", 2), ("channels", 1), ("procedures", 2), ("fields", 3), ("counters", 2)):
        query = {"grain": "week"} if what == "series" else {}
        await ask(http, world, what, **query)
        with statements(app.state.database) as made:
            await ask(http, world, what, **query)
        assert len(made) <= most, made
    with statements(app.state.database) as made:
        await rank(http, world, compare_from="2025-01-01", compare_to="2025-06-30")
    assert len(made) == 1
