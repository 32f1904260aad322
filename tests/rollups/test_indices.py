"""`GET /api/v1/indices/{unit}` against plain Python: what is shown is what the responses say."""

# ruff: noqa: S608  names of tables are our own

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.database import Database
from app.core.settings import Settings
from app.rollups.jobs import refresh
from app.rollups.schemas import IndexOut
from tests.support.rows import FORMS, Form, Said, figures, insert_responses, insert_visits, judge
from tests.support.visits import statements
from tests.support.world import World

FIRST, LAST = date(2026, 1, 1), date(2026, 4, 30)
DAYS = [
    date(2026, 1, 1),
    date(2026, 1, 31),
    date(2026, 2, 14),
    date(2026, 2, 28),
    date(2026, 3, 1),
    date(2026, 4, 30),
]
UNITS = ("24", "09001", "SNV", "09101")
IN_PROVINCE = {"24", "09001", "09002", "SNV"}
PROPERTY = settings(max_examples=25)
MIN_N = 5
SPOKEN = st.sampled_from(DAYS)
ANSWERS = st.lists(st.integers(0, 5), min_size=16, max_size=16).filter(lambda answers: any(answers[:5]))


async def drain(database: Database) -> None:
    while await refresh(database):
        pass


async def ask(http: httpx.AsyncClient, world: World, unit: str = "24", **query: Any) -> dict[str, Any]:
    period = {"from": str(query.pop("first", FIRST)), "to": str(query.pop("last", LAST))}
    answer = await http.get(
        f"/api/v1/indices/{unit}",
        params={**period, **query},
        headers={**world.admin, "Accept-Language": "en"},
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    IndexOut.model_validate(body)
    return body


def half_up(ratio: Fraction | None) -> float | None:
    if ratio is None:
        return None
    exact = Decimal(100 * ratio.numerator) / Decimal(ratio.denominator)
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def ratio_of(counts: Sequence[Sequence[int]], formula: str) -> Fraction | None:
    pairs = [(sum(one[1:]), one[4] + one[5]) for one in counts]
    answered = [(x, y) for x, y in pairs if x]
    if not answered:
        return None
    if formula == "pooled":
        return Fraction(sum(y for _, y in answered), sum(x for x, _ in answered))
    return sum((Fraction(y, x) for x, y in answered), Fraction(0)) / len(answered)


def band_of(ratio: Fraction | None) -> str | None:
    if ratio is None:
        return None
    edges = ((90, "excellent"), (80, "good"), (70, "fair"), (50, "average"), (0, "weak"))
    return next(name for edge, name in edges if ratio >= Fraction(edge, 100))


def hides(shown: dict[str, Any], n: int, min_n: int) -> bool:
    """Whether a figure of so many is suppressed, in which case nothing of it is told.

    Of many, too, where it would give another away: tests/rollups/test_suppression.py.
    """
    if not min_n or (shown["answers"] is not None and n >= min_n):
        assert not shown.get("suppressed")
        return False
    assert {name: shown[name] for name in shown if name not in {"code", "title", "text", "responses"}} == {
        **dict.fromkeys(("percent", "low", "high", "answers")),
        **({"satisfied": None, "band": None, "suppressed": True} if "responses" in shown else {}),
        **({"skipped": None} if "text" in shown else {}),
        **({"distribution": None} if "code" in shown else {}),
        **({"criteria": shown["criteria"]} if "criteria" in shown else {}),
    }
    return True


def check(result: dict[str, Any], said: Sequence[Said], form: Form, formula: str, min_n: int = 0) -> None:
    """Every figure of one result against a count by the book."""
    book = figures(said, form)
    assert (result["formula"], result["responses"], result["held_back"]) == (
        formula,
        book.responses,
        book.held_back,
    )

    def figure(shown: dict[str, Any], counts: Sequence[Sequence[int]], sums: Sequence[int]) -> None:
        ratio = ratio_of(counts, formula)
        assert (shown.get("suppressed") is None) == (not min_n)
        if hides(shown, sums[0], min_n):
            assert shown["responses"] == sums[0]
            return
        assert shown["percent"] == half_up(ratio)
        assert shown["band"] == band_of(ratio)
        assert (shown["responses"], shown["answers"], shown["satisfied"]) == tuple(sums[:3])
        if ratio is None:
            assert shown["low"] is shown["high"] is None
        else:
            assert 0 <= shown["low"] <= shown["percent"] <= shown["high"] <= 100

    figure(result["overall"], book.counts, book.sums[0])
    for component, places, sums in zip(result["components"], form.parts(), book.sums[1:], strict=True):
        counts = [book.counts[at] for at in places]
        figure(component, counts, sums)
        if not component.get("suppressed"):
            assert component["distribution"] == {str(k): sum(one[k] for one in counts) for k in range(1, 6)}
        for criterion, one in zip(component["criteria"], counts, strict=True):
            if hides(criterion, sum(one[1:]), min_n):
                continue
            assert criterion["distribution"] == {str(k): one[k] for k in range(1, 6)}
            assert (criterion["answers"], criterion["skipped"]) == (sum(one[1:]), one[0])
            assert criterion["percent"] == half_up(ratio_of([one], formula))


@PROPERTY
@given(
    drawn=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 5),
            st.sampled_from(sorted(FORMS)),
            ANSWERS,
            st.sampled_from(["kiosk", "link"]),
            st.sampled_from(["counted", "counted", "quarantined", "void"]),
        ),
        min_size=10,
        max_size=40,
    ),
    period=st.one_of(
        st.just((FIRST, LAST)), st.tuples(*[st.dates(FIRST, LAST)] * 2), st.tuples(*[SPOKEN] * 2)
    ),
    scope=st.sampled_from(["subtree", "subtree", "own"]),
    channel=st.sampled_from([None, "kiosk", "link", "import"]),
    formula=st.sampled_from([None, "pooled", "mean_of_criteria"]),
)
async def test_the_index_is_what_plain_python_computes(
    world: World,
    http: httpx.AsyncClient,
    drawn: list[Any],
    period: tuple[date, date],
    scope: str,
    channel: str | None,
    formula: str | None,
) -> None:
    async with world.database.transaction() as session:
        await session.execute(
            text("INSERT INTO stale_unit_days SELECT DISTINCT unit_id, local_day FROM responses")
        )
        await session.execute(text("DELETE FROM responses"))
    said = {
        code: [
            Said(
                world.units[UNITS[unit]],
                DAYS[day],
                world.questionnaires[form],
                tuple(answers[: FORMS[form].width]),
                way,
                verdict,
            )
            for unit, day, form, answers, way, verdict in drawn
            if form == code
        ]
        for code in FORMS
    }
    await insert_responses(world.database, [one for some in said.values() for one in some])
    await drain(world.database)
    first, last = sorted(period)
    query = {"channel": channel, "formula": formula, "scope": scope}
    body = await ask(http, world, first=first, last=last, **{k: v for k, v in query.items() if v is not None})
    visible = IN_PROVINCE if scope == "subtree" else {"24"}
    units = {world.units[code] for code in visible}
    expected = {
        code: [
            one
            for one in some
            if one.unit_id in units and first <= one.local_day <= last and channel in (None, one.channel)
        ]
        for code, some in said.items()
    }
    counted = [code for code, some in expected.items() if any(one.verdict == "counted" for one in some)]
    assert [result["questionnaire"] for result in body["results"]] == [
        {"code": code, "version": 1} for code in counted
    ]
    for result, code in zip(body["results"], counted, strict=True):
        check(result, expected[code], FORMS[code], formula or "pooled", MIN_N if channel else 0)
    assert body["pending"] == 0


async def fill(world: World, unit: str, day: date, *answers: tuple[int, ...], **more: Any) -> list[Said]:
    said = [Said(world.units[unit], day, world.questionnaires["quick-5"], each, **more) for each in answers]
    await insert_responses(world.database, said)
    return said


DAY = date(2026, 2, 14)
HAPPY, SAD = (5, 5, 5, 5, 5), (1, 1, 1, 1, 1)


async def test_the_answer_looks_as_the_contract_says(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY, (4, 3, 5, 0, 0))
    await insert_visits(world.database, world.units["09001"], DAY, world.questionnaires["quick-5"], 6, 1)
    await drain(world.database)
    body = await ask(http, world)
    assert list(body) == [
        *("unit", "period", "scope", "as_of", "pending"),
        *("visits", "visits_answered", "response_rate", "results"),
    ]
    assert body["unit"] == {"code": "24", "name": "Bắc Ninh", "kind": "province"}
    assert body["period"] == {"from": "2026-01-01", "to": "2026-04-30"}
    assert (body["scope"], body["pending"]) == ("subtree", 0)
    assert (body["visits"], body["visits_answered"], body["response_rate"]) == (6, 1, 16.67)
    (result,) = body["results"]
    assert list(result) == ["questionnaire", "formula", "responses", "held_back", "overall", "components"]
    assert list(result["overall"]) == ["percent", "low", "high", "answers", "satisfied", "responses", "band"]
    assert result["overall"]["percent"] == 87.5
    assert [one["code"] for one in result["components"]] == [
        *("access", "procedures", "officials", "results", "complaints")
    ]
    component = result["components"][0]
    assert list(component) == [
        *("code", "title", "percent", "low", "high", "answers", "satisfied", "responses", "band"),
        *("distribution", "criteria"),
    ]
    assert list(component["criteria"][0]) == [
        *("code", "text", "percent", "low", "high", "answers", "skipped", "distribution")
    ]
    assert datetime.fromisoformat(body["as_of"]).utcoffset() == timedelta(hours=7)


async def test_a_unit_nobody_spoke_of_has_an_empty_index(world: World, http: httpx.AsyncClient) -> None:
    body = await ask(http, world)
    assert (body["results"], body["visits"], body["response_rate"], body["pending"]) == ([], 0, None, 0)


async def test_responses_that_are_all_held_back_make_no_result(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY, verdict="quarantined")
    await drain(world.database)
    assert (await ask(http, world))["results"] == []


async def test_held_back_responses_are_counted_beside_the_figures(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "09001", DAY, HAPPY)
    await fill(world, "09001", DAY, SAD, SAD, verdict="quarantined")
    await drain(world.database)
    (result,) = (await ask(http, world))["results"]
    assert (result["responses"], result["held_back"], result["overall"]["percent"]) == (1, 2, 100.0)


async def test_a_voided_response_leaves_the_figures(world: World, http: httpx.AsyncClient) -> None:
    _, sad = await fill(world, "09001", DAY, HAPPY, SAD)
    await drain(world.database)
    assert (await ask(http, world))["results"][0]["overall"]["percent"] == 50.0
    await judge(world.database, sad, "void")
    await drain(world.database)
    assert (await ask(http, world))["results"][0]["overall"]["percent"] == 100.0


async def test_the_neighbour_province_never_counts(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY)
    await fill(world, "09101", DAY, SAD, SAD, SAD)
    await insert_visits(world.database, world.units["09101"], DAY, world.questionnaires["quick-5"], 9, 9)
    await drain(world.database)
    body = await ask(http, world)
    assert (body["results"][0]["overall"]["percent"], body["results"][0]["responses"], body["visits"]) == (
        100.0,
        1,
        0,
    )


async def test_own_is_the_unit_alone_and_subtree_everything_beneath(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "24", DAY, HAPPY)
    await fill(world, "SNV", DAY, SAD, SAD)
    await drain(world.database)
    assert (await ask(http, world, scope="own"))["results"][0]["responses"] == 1
    assert (await ask(http, world))["results"][0]["responses"] == 3
    assert (await ask(http, world, "SNV", scope="subtree"))["results"][0]["responses"] == 2


async def test_a_unit_that_moves_takes_its_figures_along_without_a_recount(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "09101", DAY, SAD)
    await drain(world.database)
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE units SET parent_id = :parent WHERE code = '09101'"), {"parent": world.units["24"]}
        )
    assert (await ask(http, world))["results"][0]["responses"] == 1
    assert (await ask(http, world, "27"))["results"] == []


async def test_a_few_answers_of_one_channel_tell_nothing_wherever_they_are_asked_for(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "09001", DAY, *[HAPPY] * 6)
    await fill(world, "09001", DAY, *[SAD] * 4, channel="link")
    await fill(world, "09001", DAY, *[HAPPY] * 8, channel="import")
    visits = world.questionnaires["quick-5"]
    await insert_visits(world.database, world.units["09001"], DAY, visits, 9, 4)
    await drain(world.database)
    whole = (await ask(http, world, "09001", weighting="visits"))["results"][0]
    assert (whole["overall"]["percent"], "suppressed" in whole["overall"]) == (77.78, False)
    shown = [whole["weighting"]["channels"][at]["overall"] for at in (0, 1)]
    # the tablet's six would give the four away: the whole less the imported ones is known
    for way, hidden in (("link", True), ("kiosk", True), ("import", False)):
        period = {"from": str(DAY), "to": str(DAY), "channel": way, "questionnaire": "quick-5"}
        index = await ask(http, world, "09001", channel=way, weighting="visits")
        shown_of = [index["results"][0]["overall"], index["results"][0]["weighting"]["overall"]]
        series = await http.get(
            "/api/v1/indices/09001/series", params={**period, "grain": "day"}, headers=world.admin
        )
        shown_of.append(series.json()["points"][0]["overall"])
        assert [one["suppressed"] for one in shown_of] == [hidden] * 3
        shown += shown_of if hidden else []
    told = ("percent", "low", "high", "band")
    assert [[one[name] for name in told] for one in shown] == [[None] * 4] * 8


async def test_versions_and_questionnaires_are_never_mixed(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY)
    long = Said(world.units["09001"], DAY, world.questionnaires["service-16"], (1,) * 16)
    await insert_responses(world.database, [long])
    await drain(world.database)
    quick, sixteen = (await ask(http, world))["results"]
    assert (quick["overall"]["percent"], sixteen["overall"]["percent"]) == (100.0, 0.0)
    for query in ({"questionnaire": "service-16"}, {"questionnaire": "service-16", "version": 1}):
        (only,) = (await ask(http, world, **query))["results"]
        assert only["questionnaire"] == {"code": "service-16", "version": 1}
    assert len((await ask(http, world, version=1))["results"]) == 2
    assert (await ask(http, world, version=2))["results"] == []


async def test_a_questionnaire_without_answers_is_empty_and_an_unknown_one_is_said_to_be_unknown(
    world: World, http: httpx.AsyncClient
) -> None:
    assert (await ask(http, world, questionnaire="service-22"))["results"] == []
    period = {"from": "2026-01-01", "to": "2026-01-31"}
    for query, named in (
        ({"questionnaire": "quik-5"}, " quik-5."),
        ({"questionnaire": "quick-5", "version": "9"}, " quick-5/9."),
    ):
        answer = await http.get("/api/v1/indices/24", params={**period, **query}, headers=world.admin)
        assert (answer.status_code, answer.json()["code"]) == (404, "questionnaire_unknown")
        assert named in answer.json()["detail"]


async def test_both_formulas_agree_when_nobody_skips(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, (5, 4, 3, 2, 1), (1, 1, 4, 5, 5), (2, 5, 5, 5, 3))
    await drain(world.database)
    (pooled,) = (await ask(http, world, formula="pooled"))["results"]
    (mean,) = (await ask(http, world, formula="mean_of_criteria"))["results"]
    assert (pooled["formula"], mean["formula"]) == ("pooled", "mean_of_criteria")
    assert pooled["overall"] == mean["overall"]
    assert pooled["components"] == mean["components"]


async def test_formulas_part_when_somebody_skips(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, (5, 1, 0, 0, 0), (5, 0, 0, 0, 0))
    await drain(world.database)
    (pooled,) = (await ask(http, world))["results"]
    (mean,) = (await ask(http, world, formula="mean_of_criteria"))["results"]
    assert (pooled["overall"]["percent"], mean["overall"]["percent"]) == (66.67, 50.0)


async def test_the_band_is_read_from_the_unrounded_ratio(world: World, http: httpx.AsyncClient) -> None:
    # 17,999 of 20,000 answers: shown as 90.00 and still not excellent.
    await fill(world, "09001", DAY, *[(5, 5, 5, 5, 5)] * 36, *[(1, 1, 1, 1, 1)] * 4)
    await drain(world.database)
    async with world.database.transaction() as session:
        for table in ("unit_day", "unit_month"):
            await session.execute(
                text(f"UPDATE {table} SET responses = responses * 100, tally = tally * 100")
            )
    assert (await ask(http, world))["results"][0]["overall"]["band"] == "excellent"
    await fill(world, "09002", DAY, (1, 0, 0, 0, 0))
    await drain(world.database)
    overall = (await ask(http, world))["results"][0]["overall"]
    assert (overall["percent"], overall["band"]) == (90.0, "good")


async def test_texts_follow_the_language_of_the_caller(world: World, http: httpx.AsyncClient) -> None:
    await fill(world, "09001", DAY, HAPPY)
    await drain(world.database)
    said, tags = set(), set()
    for language in ("vi", "en"):
        answer = await http.get(
            "/api/v1/indices/24",
            params={"from": str(FIRST), "to": str(LAST)},
            headers={**world.admin, "Accept-Language": language},
        )
        component = answer.json()["results"][0]["components"][0]
        said |= {component["title"], component["criteria"][0]["text"]}
        tags.add(answer.headers["etag"])
        assert answer.headers["vary"] == "Accept-Language"
    assert len(said) == 4
    assert len(tags) == 2


async def test_pending_counts_unit_days_of_the_scope_and_as_of_is_the_oldest_mark(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "09001", DAY, HAPPY)
    await fill(world, "09001", DAY, HAPPY)
    await fill(world, "09002", DAY + timedelta(days=1), HAPPY)
    await fill(world, "09101", DAY, HAPPY)
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE stale_unit_days SET marked_at = '2026-11-20T02:00:00.9Z' WHERE unit_id = :unit"),
            {"unit": world.units["09002"]},
        )
    body = await ask(http, world, last=FIRST)
    assert (body["pending"], body["as_of"], body["results"]) == (2, "2026-11-20T09:00:00+07:00", [])
    assert (await ask(http, world, scope="own"))["pending"] == 0
    await drain(world.database)
    body = await ask(http, world)
    assert (body["pending"], body["results"][0]["responses"]) == (0, 3)
    assert datetime.fromisoformat(body["as_of"]) > datetime.fromisoformat("2026-11-20T09:00:00+07:00")


async def test_an_unchanged_index_answers_304_though_time_goes_on(
    world: World, http: httpx.AsyncClient
) -> None:
    await fill(world, "09001", DAY, HAPPY)
    await drain(world.database)

    async def get(tag: str | None = None) -> httpx.Response:
        headers = {**world.admin, **({"If-None-Match": tag} if tag else {})}
        return await http.get(
            "/api/v1/indices/24", params={"from": str(FIRST), "to": str(LAST)}, headers=headers
        )

    tag = (await get()).headers["etag"]
    assert tag.startswith('W/"')
    again = await get(tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await fill(world, "09001", DAY, SAD)
    assert (await get(tag)).status_code == 200, "a pending re-count is news"
    await drain(world.database)
    assert (await get(tag)).status_code == 200


async def test_an_index_takes_few_queries_however_much_there_is(
    world: World, app: FastAPI, http: httpx.AsyncClient
) -> None:
    sent = []
    for round_ in range(3):
        for at in range(round_ * 20):
            await fill(world, ("09001", "09002", "SNV")[at % 3], FIRST + timedelta(days=at * 2), HAPPY, SAD)
        await drain(world.database)
        await ask(http, world)  # the definition of a questionnaire is fetched once for good
        with statements(app.state.database) as made:
            await ask(http, world, first=FIRST + timedelta(days=3), last=LAST - timedelta(days=3))
        sent.append(len(made))
    assert sent == [1, 1, 1], "the unit, its reach, its visits and all figures in one trip"


async def test_who_may_read_and_how_far(world: World, http: httpx.AsyncClient) -> None:
    period = {"from": "2026-01-01", "to": "2026-01-31"}

    async def status(headers: dict[str, str], unit: str = "09001") -> tuple[int, str | None]:
        answer = await http.get(f"/api/v1/indices/{unit}", params=period, headers=headers)
        return answer.status_code, answer.json().get("code")

    inside = await world.client("24", "indices:read")
    assert (await status(inside))[0] == 200
    assert (await status(inside, "24"))[0] == 200
    assert await status(inside, "09101") == (404, "unit_unknown")
    assert await status(inside, "nowhere") == (404, "unit_unknown")
    assert await status(await world.client("24", "units:read")) == (403, "missing_scope")
    assert await status({}) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"from": "2026-02-01", "to": "2026-01-31"}, "/from", "period_reversed"),
        ({"from": "2016-01-01", "to": "2026-12-31"}, "/to", "period_too_long"),
        ({"from": "2016-01-01", "to": "2026-01-01"}, "/to", "period_too_long"),
        ({"from": "2016-02-29", "to": "2026-03-01"}, "/to", "period_too_long"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "/to", "period_too_long"),
        ({"from": "2026-13-01", "to": "2026-12-31"}, "/from", "invalid_date"),
        ({"to": "2026-12-31"}, "/from", "missing"),
        ({"from": "2026-01-01", "to": "2026-01-31", "channel": "fax"}, "/channel", "not_allowed"),
        ({"from": "2026-01-01", "to": "2026-01-31", "scope": "all"}, "/scope", "not_allowed"),
        ({"from": "2026-01-01", "to": "2026-01-31", "formula": "median"}, "/formula", "not_allowed"),
        ({"from": "2026-01-01", "to": "2026-01-31", "version": "0"}, "/version", "too_small"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    world: World, http: httpx.AsyncClient, query: dict[str, str], pointer: str, code: str
) -> None:
    answer = await http.get("/api/v1/indices/24", params=query, headers=world.admin)
    assert answer.status_code == 422
    assert [
        (fault["pointer"].removeprefix("/query"), fault["code"]) for fault in answer.json()["errors"]
    ] == [(pointer, code)]


@pytest.mark.parametrize(
    ("first", "last"),
    [("2016-01-01", "2025-12-31"), ("2016-02-29", "2026-02-28"), ("2016-11-25", "2026-11-24")],
)
async def test_ten_years_are_a_period(world: World, http: httpx.AsyncClient, first: str, last: str) -> None:
    assert (await ask(http, world, first=first, last=last))["results"] == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_ends_of_the_calendar_are_days_like_others(
    world: World, http: httpx.AsyncClient, day: str
) -> None:
    for more in ({}, {"boundaries": "as_was"}, {"boundaries": "as_now"}, {"weighting": "visits"}):
        assert (await ask(http, world, first=day, last=day, **more))["results"] == []
    asked = {"from": day, "to": day, "questionnaire": "quick-5"}
    grains = [("series", {"grain": grain}) for grain in ("day", "week", "month", "quarter", "year")]
    for what, more in [*grains, *[(name, {}) for name in ("channels", "fields", "counters", "drivers")]]:
        answer = await http.get(f"/api/v1/indices/24/{what}", params={**asked, **more}, headers=world.admin)
        assert answer.status_code == 200, (what, more)
    answer = await http.get("/api/v1/rankings", params={**asked, "kind": "commune"}, headers=world.admin)
    assert (answer.status_code, answer.json()["ranked"]) == (200, 0)


def test_the_zone_of_as_of_is_the_deployments(settings: Settings) -> None:
    assert settings.timezone == "Asia/Ho_Chi_Minh"
