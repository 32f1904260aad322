"""Periods through their door: who may do which step, what never changes, what the public sees."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.database import Database
from app.periods.figures import par_index_points
from app.periods.jobs import close_due
from app.periods.public_schemas import PublicPage, PublicPeriod, PublicUnitOfPeriod
from app.periods.recount import verify
from tests.support import book
from tests.support.branches import count
from tests.support.periods import (
    BAD,
    FIRST,
    GOOD,
    LAST,
    PERIODS,
    PUBLIC,
    by_code,
    closed,
    fill,
    post,
    public,
    published,
    quarter,
    refused,
    say,
    snapshot,
)
from tests.support.rows import FORMS, Said, figures, insert_responses, insert_visits, judge
from tests.support.visits import day, today
from tests.support.world import World

ROOT = Path(__file__).parents[2]


UNITS = ("24", "09001", "09002", "SNV", "09101")
BELOW = {"24": {"24", "09001", "09002", "SNV"}, "09001": {"09001"}, "09002": {"09002"}, "SNV": {"SNV"}}
SAYINGS = st.lists(
    st.tuples(
        st.sampled_from(UNITS),
        st.sampled_from([FIRST - timedelta(1), FIRST, date(2026, 8, 15), LAST, LAST + timedelta(1)]),
        st.tuples(*[st.integers(0, 5)] * 16).filter(any),
        st.sampled_from(["counted", "counted", "counted", "quarantined", "void"]),
        st.booleans(),
    ),
    max_size=40,
)


async def asked(http: httpx.AsyncClient, world: World, formula: str) -> int:
    """The id of a questionnaire version of sixteen criteria with this formula."""
    url = "/api/v1/questionnaires"
    if formula != "pooled":
        definition = (await http.get(f"{url}/service-16/1")).json()
        definition = {name: definition[name] for name in ("title", "components", "criteria")}
        new = {**definition, "code": "service-16", "version": 2, "formula": formula}
        made = await http.post(url, json=new, headers=world.admin)
        assert made.status_code in {201, 409}, made.text
        if made.status_code == 201:
            done = await http.post(f"{url}/service-16/2/publish", headers=world.admin)
            assert done.status_code == 200, done.text
    async with world.database.read() as session:
        query = text("SELECT id FROM questionnaires WHERE code = 'service-16' ORDER BY version DESC LIMIT 1")
        return int((await session.execute(query)).scalar_one())


def figure_is(shown: dict[str, Any], said: Sequence[Said], places: range, formula: str) -> book.Book:
    """A figure of a snapshot against the book, to its band."""
    found = book.book(said, places, formula)
    book.agrees(shown, found)
    edges = {"excellent": 90, "good": 80, "fair": 70, "average": 50, "weak": 0}
    whole = None if found.ratio is None else 100 * found.ratio
    assert shown["band"] == next(
        (name for name, edge in edges.items() if whole is not None and whole >= edge), None
    )
    return found


@pytest.mark.parametrize("formula", ["pooled", "mean_of_criteria"])
@settings(max_examples=8)
@given(sayings=SAYINGS, visits=st.integers(0, 3))
async def test_every_number_of_a_snapshot_is_what_the_responses_say(
    http: httpx.AsyncClient,
    world: World,
    two: tuple[dict[str, str], dict[str, str]],
    formula: str,
    sayings: list[tuple[str, date, tuple[int, ...], str, bool]],
    visits: int,
) -> None:
    async with world.database.transaction() as session:
        for table in ("responses", "visits", "channel_day", "channel_month", "unit_day", "unit_month"):
            await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        for table in ("procedure_day", "procedure_month", "visit_day", "visit_month"):
            await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        await session.execute(text("DELETE FROM period_snapshots"))
        await session.execute(text("DELETE FROM periods"))
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
    form, other = await asked(http, world, formula), world.questionnaires["quick-5"]
    said = [
        Said(world.units[unit], on, other, answers[:5], verdict=verdict)
        if elsewhere
        else Said(world.units[unit], on, form, answers, verdict=verdict)
        for unit, on, answers, verdict, elsewhere in sayings
        if any(answers[:5])
    ]
    await insert_responses(world.database, said)
    if visits:
        await insert_visits(world.database, world.units["09001"], LAST, form, visits, visits - 1)
    await count(world.database)
    version = 1 if formula == "pooled" else 2
    number = await closed(http, two[0], questionnaire="service-16", version=version)
    taken = await snapshot(http, two[0], number)
    body = taken["figures"]
    assert set(by_code(body)) == set(BELOW)
    assert body["formula"] == formula
    inside = [one for one in said if one.questionnaire_id == form and FIRST <= one.local_day <= LAST]
    ids = {code: world.units[code] for code in UNITS}
    shape = FORMS["service-16"]
    found: dict[str, book.Book] = {}
    for code, unit in by_code(body).items():
        here = [one for one in inside if one.unit_id in {ids[below] for below in BELOW[code]}]
        counted = figures(here, shape)
        assert (unit["responses"], unit["held_back"]) == (counted.responses, counted.held_back)
        assert unit["held_back_by_reason"] == ({"late": counted.held_back} if counted.held_back else {})
        found[code] = figure_is(unit["overall"], here, range(16), formula)
        assert unit["overall"]["sums"] == list(counted.sums[0])
        ratio = found[code].ratio
        assert unit["par_index_points"] == book.half_up(None if ratio is None else ratio / 10)
        for component, sums, places in zip(unit["components"], counted.sums[1:], shape.parts(), strict=True):
            assert component["sums"] == list(sums)
            figure_is(component, here, places, formula)
            for criterion, place in zip(component["criteria"], places, strict=True):
                counts, alone = counted.counts[place], book.book(here, [place])
                assert (criterion["answers"], criterion["percent"]) == (alone.n, book.half_up(alone.ratio))
                book.bounds(criterion, alone)
                assert criterion["distribution"] == {str(at): counts[at] for at in range(1, 6)}
                assert criterion["skipped"] == counts[0]
        served = visits if code in {"24", "09001"} else 0
        answered = max(0, served - 1)
        assert (unit["visits"], unit["visits_answered"]) == (served, answered)
        assert unit["response_rate"] == book.half_up(Fraction(answered, served) if served else None)
    for siblings in (["09001", "09002"], ["SNV"]):
        ranked = {code: by_code(body)[code]["overall"] for code in siblings if found[code].n >= 5}
        for code in siblings:
            rank = by_code(body)[code]["rank"]
            if code in ranked:
                mine = found[code].ratio or Fraction(0)
                assert rank == {
                    "rank": 1 + sum((found[other].ratio or 0) > mine for other in ranked),
                    "best": 1 + sum(one["low"] > ranked[code]["high"] for one in ranked.values()),
                    "worst": sum(one["high"] >= ranked[code]["low"] for one in ranked.values()),
                    "of": len(ranked),
                }
            else:
                assert rank == {"rank": None, "best": None, "worst": None, "of": len(ranked)}
    assert by_code(body)["24"]["rank"] is None
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert taken["sha256"] == sha256(canonical.encode()).hexdigest()
    assert all(one.sound for one in await verify(world.database, None))


async def test_four_states_two_people_and_every_step_on_record(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    lan, minh = two
    made = await post(http, lan, "", quarter())
    number = made["id"]
    assert (made["state"], made["unit"], made["revisions"]) == ("open", "24", [])
    assert await refused(http, lan, f"/{number}/publish", {"revision": 1}) == (409, "period_state")
    assert await refused(http, lan, f"/{number}/revisions", {"reason": "x"}) == (409, "period_state")
    after = await post(http, lan, f"/{number}/close")
    assert (after["state"], len(after["revisions"])) == ("closed", 1)
    assert await refused(http, lan, f"/{number}/close") == (409, "period_state")
    assert (await http.get(f"{PUBLIC}/{number}")).status_code == 404
    assert await refused(http, lan, f"/{number}/publish", {"revision": 1}) == (403, "second_person_needed")
    assert await refused(http, minh, f"/{number}/publish", {"revision": 2}) == (404, "revision_unknown")
    done = await post(http, minh, f"/{number}/publish", {"revision": 1})
    assert done["published_at"]
    assert await refused(http, minh, f"/{number}/publish", {"revision": 1}) == (409, "already_published")
    read = (await http.get(f"{PERIODS}/{number}", headers=minh)).json()
    assert read["state"] == "published"
    listed = (await http.get(PERIODS, params={"unit": "24"}, headers=minh)).json()
    assert [one["id"] for one in listed["items"]] == [number]
    async with world.database.read() as session:
        lines = (
            await session.execute(
                text("SELECT action, actor, details FROM audit_lines WHERE target = :t ORDER BY id"),
                {"t": f"period:{number}"},
            )
        ).all()
    assert [line[0] for line in lines] == ["period.open", "period.closing", "period.close", "period.publish"]
    assert len({line[1] for line in lines[:3]}) == 1
    assert lines[3][1] != lines[0][1]
    assert lines[3][2]["commitment"] == lines[2][2]["commitment"] == done["commitment"]


async def test_tablets_are_waited_for_until_the_days_of_grace_are_over(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]], database: Database
) -> None:
    yesterday = today() - timedelta(1)
    lan, _ = two
    made = await post(http, lan, "", quarter(**{"from": str(yesterday), "to": str(yesterday)}))
    number = made["id"]
    waiting = await post(http, lan, f"/{number}/close")
    assert (waiting["state"], waiting["revisions"]) == ("closing", [])
    assert (await post(http, lan, f"/{number}/close"))["state"] == "closing"
    assert await close_due(database) == 0
    late = say(world, "09001", *[GOOD] * 6, on=yesterday)
    await insert_responses(database, late)
    async with database.transaction() as session:
        await session.execute(text("UPDATE periods SET grace_until = now() - interval '1 second'"))
    assert await refused(http, lan, f"/{number}/close") == (409, "period_pending")
    assert await close_due(database) == 1
    assert await close_due(database) == 0
    unit = by_code((await snapshot(http, lan, number))["figures"])["09001"]
    assert unit["responses"] == 6
    read = (await http.get(f"{PERIODS}/{number}", headers=lan)).json()
    assert read["revisions"][0]["taken_by"] == waiting["closing_by"]


async def test_a_period_that_lasts_is_not_closed(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    made = await post(http, two[0], "", quarter(**{"from": day(9), "to": day()}))
    assert await refused(http, two[0], f"/{made['id']}/close") == (409, "period_not_over")


async def test_what_arrives_later_changes_nothing_but_a_revision(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    lan, minh = two
    number = await published(http, two)
    before = await public(http, number)
    assert await refused(http, lan, f"/{number}/revisions", {"reason": "x"}) == (409, "nothing_revised")
    async with world.database.transaction() as session:  # as if it had been taken before what follows
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        await session.execute(text("UPDATE period_snapshots SET taken_at = '2026-11-20 02:14:00.5+00'"))
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
    later = say(world, "09001", *[GOOD] * 6) + say(world, "09002", *[BAD] * 7)
    await insert_responses(world.database, later)
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE responses SET received_at = '2026-11-21' WHERE id = ANY(:ids)"),
            {"ids": [one.id for one in later]},
        )
    await count(world.database)
    assert await public(http, number) == before
    checked = await verify(world.database, number)
    assert [(one.sound, one.arrived_since) for one in checked] == [(True, 13)]
    revised = await post(http, minh, f"/{number}/revisions", {"reason": "Máy tính bảng gửi muộn"})
    assert (revised["revision"], revised["reason"]) == (2, "Máy tính bảng gửi muộn")
    assert await public(http, number) == before
    assert await refused(http, minh, f"/{number}/publish", {"revision": 2}) == (403, "second_person_needed")
    assert await refused(http, lan, f"/{number}/publish", {"revision": 1}) == (409, "already_published")
    await post(http, lan, f"/{number}/publish", {"revision": 2})
    now = await public(http, number)
    assert (now["revision"], now["reason"]) == (2, "Máy tính bảng gửi muộn")
    assert by_code(now)["24"]["responses"] == 30
    assert await public(http, number, revision=1) == before
    assert (await http.get(f"{PUBLIC}/{number}", params={"revision": 3})).status_code == 404
    old, new = await snapshot(http, lan, number, revision=1), await snapshot(http, lan, number)
    assert (old["revision"], new["revision"]) == (1, 2)
    assert all(one.sound for one in await verify(world.database, number))


async def test_only_the_latest_revision_is_published(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    said = await fill(world, **{"09001": 8, "09002": 9})
    lan, minh = two
    number = await closed(http, lan)
    await judge(world.database, said[0], "void")
    await count(world.database)
    await post(http, lan, f"/{number}/revisions", {"reason": "Một phản hồi bị hủy"})
    assert await refused(http, minh, f"/{number}/publish", {"revision": 1}) == (409, "revision_superseded")
    await post(http, minh, f"/{number}/publish", {"revision": 2})
    assert by_code(await public(http, number))["24"]["responses"] == 16
    assert (await http.get(f"{PUBLIC}/{number}", params={"revision": 1})).status_code == 404


async def test_a_revision_that_would_give_a_single_response_away_is_not_published(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    said = await fill(world, **{"09001": 8, "09002": 9})
    lan, minh = two
    number = await published(http, two)
    await judge(world.database, said[0], "void")
    await count(world.database)
    await post(http, lan, f"/{number}/revisions", {"reason": "Một phản hồi bị hủy"})
    assert await refused(http, minh, f"/{number}/publish", {"revision": 2}) == (409, "nothing_to_publish")


async def test_small_units_and_what_would_give_them_away_are_not_public(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 3, "09002": 9, "SNV": 20})
    number = await published(http, two)
    units = by_code(await public(http, number))
    assert {code: unit["suppressed"] for code, unit in units.items()} == {
        "24": False,
        "09001": True,
        "09002": True,
        "SNV": False,
    }
    assert units["09001"].keys() == {"id", "code", "name", "kind", "parent", "suppressed"}
    assert (await snapshot(http, two[0], number))["figures"]["units"][1]["responses"] == 3


async def test_months_already_published_are_thought_of_when_their_quarter_is(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    for on, first in ((date(2026, 7, 2), 3), (date(2026, 8, 2), 9), (date(2026, 9, 2), 9)):
        said = say(world, "09001", *[GOOD] * first, on=on) + say(world, "09002", *[GOOD] * 9, on=on)
        await insert_responses(world.database, said + say(world, "SNV", *[BAD] * 20, on=on))
    await count(world.database)
    ends = {"07": "31", "08": "31", "09": "30"}
    hidden = []
    for month, end in ends.items():
        days = {"from": f"2026-{month}-01", "to": f"2026-{month}-{end}"}
        number = await published(http, two, **days)
        units = by_code(await public(http, number))
        hidden.append({code for code, unit in units.items() if unit["suppressed"]})
    number = await published(http, two)
    units = by_code(await public(http, number))
    assert hidden == [{"09001", "09002"}, set(), set()]
    assert {code for code, unit in units.items() if unit["suppressed"]} == {"09001", "09002"}
    assert units["24"]["responses"] == 21 + 27 + 60


async def test_a_tampered_snapshot_is_found(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]], database: Database
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    number = await published(http, two)
    tamper = text("UPDATE period_snapshots SET body = replace(body, :was, :now)")
    tamper = tamper.bindparams(was='"satisfied":79', now='"satisfied":75')
    with pytest.raises(IntegrityError, match="a snapshot never changes"):
        async with database.transaction() as session:
            await session.execute(tamper)
    with pytest.raises(IntegrityError, match="a snapshot never changes"):
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM period_snapshots"))
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        await session.execute(tamper)
    (checked,) = await verify(database, number)
    assert [path for path, _, _ in checked.differences] == [
        "sha256",
        "public snapshot_sha256",
        "units.24.overall.satisfied",
    ]
    assert checked.differences[2][1:] == (75, 79)
    async with database.transaction() as session:  # whoever knows how mends the fingerprint, too
        await session.execute(
            text("UPDATE period_snapshots SET digest = encode(sha256(convert_to(body, 'UTF8')), 'hex')")
        )
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
    (checked,) = await verify(database, number)
    assert [path for path, _, _ in checked.differences] == [
        "public snapshot_sha256",
        "units.24.overall.satisfied",
    ]


async def test_the_command_names_what_differs_and_exits_1(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]], database: Database
) -> None:
    said = await fill(world, **{"09001": 8, "09002": 9})
    number = await closed(http, two[0])
    await judge(database, said[0], "void")
    environment = os.environ | {"SIPAS_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "app.cli", "period", "verify", str(number)]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "units.24.overall.answers: stored 83, counted 79" in done.stderr
    assert "more" in done.stderr


async def test_the_feed_is_made_for_caches_and_pages_of_any_origin(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    number = await published(http, two)
    for address, model in (
        (PUBLIC, PublicPage),
        (f"{PUBLIC}/{number}", PublicPeriod),
        (f"{PUBLIC}/{number}/units/09001", PublicUnitOfPeriod),
    ):
        answer = await http.get(address, headers={"Origin": "https://bao.example.vn"})
        assert answer.status_code == 200, answer.text
        model.model_validate(answer.json())
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "public, max-age=300"
        again = await http.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        table = await http.get(address, params={"format": "csv"})
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        assert table.headers["etag"] != answer.headers["etag"]
        assert (await http.get(address, headers={"Accept": "text/csv"})).content == table.content
    pinned = await http.get(f"{PUBLIC}/{number}", params={"revision": 1})
    assert pinned.headers["cache-control"] == "public, max-age=86400"
    missing = await http.get(f"{PUBLIC}/9999", headers={"Origin": "https://bao.example.vn"})
    assert (missing.status_code, missing.json()["code"]) == (404, "period_unknown")
    assert missing.headers["access-control-allow-origin"] == "*"
    asked = {"Origin": "https://bao.example.vn", "Access-Control-Request-Method": "GET"}
    assert (await http.options(PUBLIC, headers=asked)).status_code == 204
    assert "access-control-allow-origin" not in (await http.get(PERIODS, headers=asked)).headers


async def test_the_feed_says_what_it_is_and_can_be_checked(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    number = await published(http, two)
    body = await public(http, number)
    assert body["licence"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "not the yearly sample survey" in body["method"]["en"]
    assert "không phải là điều tra chọn mẫu" in body["method"]["vi"]
    digest = body.pop("sha256")
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert digest == sha256(canonical.encode()).hexdigest()
    assert (await http.get(PUBLIC)).json()["items"][0]["sha256"] == digest
    unit = (await http.get(f"{PUBLIC}/{number}/units/09001")).json()
    assert unit["unit"] == by_code(body)["09001"]
    assert (await http.get(f"{PUBLIC}/{number}/units/09101")).status_code == 404
    table = await http.get(f"{PUBLIC}/{number}", params={"format": "csv"})
    assert table.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["unit_code"] for row in rows] == [unit["code"] for unit in body["units"]]
    assert {row["sha256"] for row in rows} == {digest}
    assert rows[0]["percent"] == str(by_code(body)["24"]["overall"]["percent"])


async def test_nobody_closes_or_publishes_without_scope_reach_or_a_face(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    number = await closed(http, two[0])
    viewer = await world.person("xem", ("viewer", "24"))
    assert (await http.get(f"{PERIODS}/{number}", headers=viewer)).status_code == 200
    assert await refused(http, viewer, f"/{number}/publish", {"revision": 1}) == (403, "missing_scope")
    neighbour = await world.person("bac", ("unit_admin", "27"))
    assert await refused(http, neighbour, "", quarter()) == (404, "unit_unknown")
    for step, body in (("close", None), ("publish", {"revision": 1}), ("revisions", {"reason": "x"})):
        assert await refused(http, neighbour, f"/{number}/{step}", body) == (404, "period_unknown")
    assert (await http.get(f"{PERIODS}/{number}/snapshot", headers=neighbour)).status_code == 404
    client = await world.client("24", "periods:publish")
    assert await refused(http, client, f"/{number}/publish", {"revision": 1}) == (403, "person_needed")


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"from": "2026-10-01"}, 422, "invalid_request"),
        ({"from": "2000-01-01"}, 422, "invalid_request"),
        ({"extra": 1}, 422, "invalid_request"),
        ({"name": ""}, 422, "invalid_request"),
        ({"unit": "nowhere"}, 404, "unit_unknown"),
        ({"version": 2}, 404, "questionnaire_unknown"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(
    http: httpx.AsyncClient, world: World, more: dict[str, object], status: int, code: str
) -> None:
    assert await refused(http, world.admin, "", quarter(**more)) == (status, code)


async def test_a_period_is_opened_once(http: httpx.AsyncClient, world: World) -> None:
    await post(http, world.admin, "", quarter())
    assert await refused(http, world.admin, "", quarter(name="Lần nữa")) == (409, "period_exists")


@pytest.mark.parametrize(
    ("ratio", "points"),
    [
        (None, None),
        (Fraction(0), 0),
        (Fraction(1), 10),
        (Fraction(8394, 10000), 8.39),
        (Fraction(8395, 10000), 8.4),
        (Fraction(89949, 100000), 8.99),
        (Fraction(1, 3), 3.33),
    ],
)
def test_the_contribution_to_the_par_index(ratio: Fraction | None, points: float | None) -> None:
    assert par_index_points(ratio) == points


async def test_a_period_is_at_most_ten_years_to_the_day(
    http: httpx.AsyncClient, world: World, two: tuple[dict[str, str], dict[str, str]]
) -> None:
    long = quarter(**{"from": "2026-01-01", "to": "2036-01-01"})
    assert await refused(http, two[0], "", long) == (422, "invalid_request")
    await post(http, two[0], "", long | {"to": "2035-12-31"})
