"""`GET /api/v1/indices/{unit}/drivers` against plain Python."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from statistics import StatisticsError, correlation
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.rollups import drivers
from app.rollups.analysed import DriversOut
from app.rollups.drivers import MAX_CORRELATED, every_days
from app.rollups.jobs import refresh
from tests.support.book import agrees, book, half_up
from tests.support.rows import FORMS, Said, insert_responses
from tests.support.world import World

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
DAY = date(2026, 2, 14)
MIN_N = 5
FORM = FORMS["service-16"]
PARTS = [(place, at) for place, places in enumerate(FORM.parts()) for at in places]
CODES = ["A1", "A2", "A3", "B1", "B2", "B3", "B4", "C1", "C2", "C3", "D1", "D2", "D3", "E1", "E2", "E3"]
COMPONENTS = ("access", "procedures", "officials", "results", "complaints")


async def plant(world: World, drawn: Sequence[Any]) -> list[Said]:
    async with world.database.transaction() as session:
        await session.execute(
            text("INSERT INTO stale_unit_days SELECT DISTINCT unit_id, local_day FROM responses")
        )
        await session.execute(text("DELETE FROM responses"))
    said = [
        Said(world.units[unit], day, world.questionnaires["service-16"], tuple(answers), verdict=verdict)
        for unit, day, answers, verdict in drawn
    ]
    noise = Said(world.units["09001"], DAY, world.questionnaires["quick-5"], (1,) * 5)
    await insert_responses(world.database, [*said, noise])
    while await refresh(world.database):
        pass
    return said


async def ask(http: httpx.AsyncClient, headers: dict[str, str], unit: str, **query: Any) -> dict[str, Any]:
    period = {"from": str(FIRST), "to": str(LAST), "questionnaire": "service-16"}
    answer = await http.get(f"/api/v1/indices/{unit}/drivers", params={**period, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    DriversOut.model_validate(body)
    return body


def pearson(said: Sequence[Said], at: int) -> tuple[int, float | None]:
    """A criterion's answers with the share of satisfied ones among the others of the same response."""
    pairs = []
    for one in said:
        others = [answer for place, answer in enumerate(one.answers) if answer and place != at]
        if one.answers[at] and others:
            pairs.append((one.answers[at], sum(answer >= 4 for answer in others) / len(others)))
    try:
        return len(pairs), correlation(*map(list, zip(*pairs, strict=True)))
    except (StatisticsError, TypeError):
        return len(pairs), None


def check_pull(shown: dict[str, Any], said: Sequence[Said], places: Sequence[int]) -> None:
    """One set of criteria against the book."""
    whole, part = book(said, range(FORM.width)), book(said, places)
    assert shown["suppressed"] or part.n >= MIN_N
    if shown["suppressed"]:
        hidden = ("answers", "dissatisfied", "dissatisfied_percent", "gap_points", "gap_percent")
        assert {shown[name] for name in hidden} == {None}
        return
    bad = part.answers - part.satisfied
    assert (shown["answers"], shown["dissatisfied"]) == (part.answers, bad)
    assert shown["dissatisfied_percent"] == half_up(Fraction(bad, part.answers))
    assert shown["gap_points"] == half_up(Fraction(bad, whole.answers))
    gap = whole.answers - whole.satisfied
    assert shown["gap_percent"] == (half_up(Fraction(bad, gap)) if gap else None)


def check_correlation(shown: dict[str, Any], said: Sequence[Said], at: int) -> None:
    n, coefficient = pearson(said, at)
    if shown["suppressed"] or n < MIN_N:
        assert shown["correlation"] is None
        return
    assert shown["correlation"]["n"] == n
    found = shown["correlation"]["coefficient"]
    if coefficient is None:
        assert found is None
    else:
        assert found == pytest.approx(coefficient, abs=0.00051)


SOME = [0, 1, 2, 3, 4, 4, 5, 5, 5]
WHERE = ["24", "09001", "09001", "09002", "09101"]
VERDICTS = ["counted", "counted", "counted", "void", "quarantined"]


def crowd(seed: int) -> list[Any]:
    """People of many moods, enough of them to go beyond `min_n`: lists that Hypothesis makes seldom are."""
    chance, found = Random(seed), []
    for _ in range(chance.randint(20, 90)):
        kind = chance.randint(0, 5)
        answers = [min(5, max(0, chance.choice(SOME) + chance.choice((0, 0, kind - 2)))) for _ in range(16)]
        day = FIRST + timedelta(days=chance.randint(-3, (LAST - FIRST).days + 3))
        found.append(
            (chance.choice(WHERE), day, answers if any(answers) else [5] * 16, chance.choice(VERDICTS))
        )
    return found


@settings(max_examples=20)
@given(
    st.one_of(
        st.integers(0, 2**32).map(crowd),
        st.lists(
            st.tuples(
                st.sampled_from(WHERE),
                st.dates(FIRST - timedelta(days=3), LAST + timedelta(days=3)),
                st.lists(st.sampled_from(SOME), min_size=16, max_size=16).filter(any),
                st.sampled_from(VERDICTS),
            ),
            max_size=40,
        ),
    )
)
async def test_drivers_are_what_plain_python_computes(
    world: World, http: httpx.AsyncClient, drawn: list[Any]
) -> None:
    planted = [
        one
        for one in await plant(world, drawn)
        if one.verdict == "counted" and FIRST <= one.local_day <= LAST
    ]
    body = await ask(http, world.admin, "09001")
    mine = [one for one in planted if one.unit_id == world.units["09001"]]
    above = [one for one in planted if one.unit_id != world.units["09101"]]
    assert (body["responses"], body["parent"]["responses"]) == (len(mine), len(above))
    assert (body["unit"]["code"], body["parent"]["unit"]["code"]) == ("09001", "24")
    agrees(body["overall"], book(mine, range(16)), MIN_N)
    agrees(body["parent"]["overall"], book(above, range(16)), MIN_N)
    for component in body["components"]:
        places = FORM.parts()[COMPONENTS.index(component["code"])]
        check_pull(component, mine, places)
        check_pull(component["parent"], above, places)
    for criterion in body["criteria"]:
        at = CODES.index(criterion["code"])
        assert criterion["component"] == COMPONENTS[PARTS[at][0]]
        check_pull(criterion, mine, [at])
        check_pull(criterion["parent"], above, [at])
        check_correlation(criterion, mine, at)
        check_correlation(criterion["parent"], above, at)
    for listed in (body["components"], body["criteria"]):
        order = [(one["suppressed"], -(one["dissatisfied"] or 0)) for one in listed]
        assert order == sorted(order)


ANSWERS = [(5, 1, 4) + (5,) * 13, (5, 5, 3) + (4,) * 13, (4, 2, 5) + (1,) * 13]


async def test_contributions_add_up_to_the_gap(world: World, http: httpx.AsyncClient) -> None:
    await plant(world, [("09001", DAY, answers, "counted") for answers in ANSWERS * 3])
    body = await ask(http, world.admin, "09001")
    for listed in (body["components"], body["criteria"]):
        assert sum(one["dissatisfied"] for one in listed) == 48
        assert sum(one["gap_points"] for one in listed) == pytest.approx(body["gap_points"], abs=0.1)
        assert sum(one["gap_percent"] for one in listed) == pytest.approx(100, abs=0.1)


async def test_when_all_are_satisfied_there_is_no_gap_and_nothing_goes_together(
    world: World, http: httpx.AsyncClient
) -> None:
    await plant(world, [("09001", DAY, (5,) * 16, "counted")] * 7)
    body = await ask(http, world.admin, "09001")
    assert body["gap_points"] == 0.0
    for criterion in body["criteria"]:
        assert (criterion["gap_points"], criterion["gap_percent"]) == (0.0, None)
        assert criterion["correlation"] == {"n": 7, "coefficient": None}


async def test_a_share_that_never_varies_has_no_correlation_however_it_is_rounded(
    world: World, http: httpx.AsyncClient
) -> None:
    rest = (5, 1, 1) + (0,) * 12  # a third of the others, a number no float can hold
    await plant(world, [("09001", DAY, (at % 5 + 1, *rest), "counted") for at in range(50)])
    criteria = {one["code"]: one for one in (await ask(http, world.admin, "09001"))["criteria"]}
    assert criteria["A1"]["correlation"] == {"n": 50, "coefficient": None}


async def test_the_unit_above_is_shown_only_within_reach(world: World, http: httpx.AsyncClient) -> None:
    await plant(world, [("09001", DAY, answers, "counted") for answers in ANSWERS * 3])
    client = await world.client("09001", "indices:read")
    body = await ask(http, client, "09001")
    assert body["parent"] is None
    assert {one["parent"] is None for one in body["criteria"] + body["components"]} == {True}
    assert (await ask(http, world.admin, "24"))["parent"] is None
    assert (await http.get("/api/v1/indices/24/drivers", headers=client)).status_code == 422
    period = {"from": str(FIRST), "to": str(LAST), "questionnaire": "service-16"}
    answer = await http.get("/api/v1/indices/24/drivers", params=period, headers=client)
    assert answer.status_code == 404


async def test_where_there_is_much_every_so_many_th_day_is_read(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [FIRST + timedelta(days=at) for at in range(90)]
    said = await plant(world, [("09001", day, ANSWERS[at % 3], "counted") for at, day in enumerate(days)])
    monkeypatch.setattr(drivers, "MAX_CORRELATED", 20)
    body = await ask(http, world.admin, "09001")
    assert body["correlations"] == {"every_days": 5}
    criterion = next(one for one in body["criteria"] if one["code"] == "A3")
    check_correlation(criterion, [one for one in said if (one.local_day - FIRST).days % 5 == 0], 2)
    assert criterion["answers"] == 90


def test_no_weekday_is_always_left_out() -> None:
    assert [every_days(n) for n in (0, 1, MAX_CORRELATED, MAX_CORRELATED + 1)] == [1, 1, 1, 2]
    assert all(every_days(n * 50_000) % 7 for n in range(200))
