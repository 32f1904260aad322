"""A publication beside those before it, when responses, verdicts or the tree have changed in between."""

from datetime import date, timedelta
from typing import Any

import httpx
from sqlalchemy import text

from app.core.database import Database
from app.periods.recount import verify
from tests.support.branches import count
from tests.support.periods import (
    GOOD,
    PUBLIC,
    by_code,
    closed,
    fill,
    post,
    public,
    published,
    refused,
    say,
    snapshot,
)
from tests.support.rows import Said, insert_responses
from tests.support.world import World

Two = tuple[dict[str, str], dict[str, str]]
MONTHS = (
    {"from": "2026-07-01", "to": "2026-07-31"},
    {"from": "2026-08-01", "to": "2026-08-31"},
    {"from": "2026-09-01", "to": "2026-09-30"},
)
MIDDLES = date(2026, 7, 10), date(2026, 8, 10), date(2026, 9, 10)


async def arrive(world: World, *said: Said) -> None:
    """Responses that are received now."""
    await insert_responses(world.database, said)
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE responses SET received_at = clock_timestamp() WHERE id = ANY(:ids)"),
            {"ids": [one.id for one in said]},
        )
    await count(world.database)


async def monthly(world: World, **numbers: tuple[int, int, int]) -> None:
    """So many good responses of each unit in each month."""
    for unit, months in numbers.items():
        for on, number in zip(MIDDLES, months, strict=True):
            await insert_responses(world.database, say(world, unit.strip("_"), *[GOOD] * number, on=on))
    await count(world.database)


async def hidden(http: httpx.AsyncClient, number: int, **query: int) -> set[str]:
    units = by_code(await public(http, number, **query))
    return {code for code, unit in units.items() if unit["suppressed"]}


async def under(database: Database, code: str, parent: int) -> None:
    """Let a unit stand somewhere else, and have stood there ever."""
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE units SET parent_id = :parent WHERE code = :code"), {"code": code, "parent": parent}
        )


async def reorganise(http: httpx.AsyncClient, world: World, on: str, *changes: object) -> None:
    body = {"effective_on": on, "decision": f"NQ {on}", "changes": changes}
    answer = await http.post("/api/v1/units/reorganisations", json=body, headers=world.admin)
    assert answer.status_code == 201, answer.text


def merger(*codes: str, to: object) -> dict[str, object]:
    return {"kind": "merge", "from": list(codes), "to": [to]}


async def test_what_changes_between_closing_and_publication_gives_no_hidden_month_away(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 3), _09002=(50, 50, 50), SNV=(90, 90, 90))
    numbers = [await published(http, two, **month) for month in MONTHS]
    assert await hidden(http, numbers[-1]) == {"09001", "09002"}
    number = await closed(http, two[0])
    late = say(world, "09001", GOOD, on=MIDDLES[0]) + say(world, "09002", *[GOOD] * 5, on=MIDDLES[0])
    await arrive(world, *late)
    await post(http, two[1], f"/{number}/publish", {"revision": 1})
    assert await hidden(http, number) == {"09001", "09002"}


async def test_what_came_after_all_snapshots_hides_nothing_in_any_of_them(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(20, 20, 20))
    for month in MONTHS:
        await published(http, two, **month)
    number = await closed(http, two[0])
    await arrive(world, *say(world, "09001", GOOD, on=MIDDLES[0]))
    await post(http, two[1], f"/{number}/publish", {"revision": 1})
    assert await hidden(http, number) == set()


async def test_a_verdict_is_read_as_it_was_when_a_snapshot_was_taken(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    held = say(world, "09001", GOOD, on=MIDDLES[0], verdict="quarantined")
    await insert_responses(world.database, held)
    await monthly(world, _09001=(20, 20, 20), _09002=(20, 20, 20))
    for month in MONTHS:
        await published(http, two, **month)
    number = await closed(http, two[0])
    answer = await http.post(
        f"/api/v1/responses/{held[0].id.hex}/verdict",
        json={"unit_code": "09001", "verdict": "counted", "reason": "đã kiểm tra"},
        headers=world.admin,
    )
    assert answer.status_code == 204, answer.text
    await count(world.database)
    await post(http, two[1], f"/{number}/publish", {"revision": 1})
    assert await hidden(http, number) == set()
    await post(http, two[1], f"/{number}/revisions", {"reason": "Một phản hồi được tính lại"})
    assert await refused(http, two[0], f"/{number}/publish", {"revision": 2}) == (409, "nothing_to_publish")


async def test_a_quarter_is_published_after_one_of_its_months_was_revised(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(20, 20, 20))
    numbers = [await published(http, two, **month) for month in MONTHS]
    await arrive(
        world, *[one for unit in ("09001", "09002") for one in say(world, unit, *[GOOD] * 6, on=MIDDLES[1])]
    )
    await post(http, two[0], f"/{numbers[1]}/revisions", {"reason": "Gửi muộn"})
    await post(http, two[1], f"/{numbers[1]}/publish", {"revision": 2})
    number = await published(http, two)
    assert await hidden(http, number) == set()
    assert by_code(await public(http, number))["24"]["responses"] == 132
    await arrive(world, *say(world, "09001", *[GOOD] * 3, on=MIDDLES[1]))
    await post(http, two[0], f"/{number}/revisions", {"reason": "Gửi muộn"})
    assert await refused(http, two[1], f"/{number}/publish", {"revision": 2}) == (409, "nothing_to_publish")


async def test_a_revision_does_not_give_away_what_was_moved_beneath_the_unit(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await fill(world, **{"09001": 3, "09002": 17})
    number = await published(http, two, unit="09002")
    await under(world.database, "09001", world.units["09002"])
    await post(http, two[0], f"/{number}/revisions", {"reason": "Thêm một đơn vị"})
    revised = (await snapshot(http, two[0], number))["figures"]
    assert by_code(revised)["09002"]["responses"] == 20
    assert await refused(http, two[1], f"/{number}/publish", {"revision": 2}) == (409, "tree_differs")


async def test_a_province_that_a_commune_was_moved_into_or_out_of_is_not_shown_beside_its_former_self(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await fill(world, **{"09001": 9, "09002": 17, "SNV": 20, "09101": 3})
    number = await published(http, two, to="2026-07-31")
    await under(world.database, "09101", world.units["24"])
    await post(http, two[0], f"/{number}/revisions", {"reason": "Thêm một đơn vị"})
    assert await refused(http, two[1], f"/{number}/publish", {"revision": 2}) == (409, "tree_differs")
    await under(world.database, "09101", world.units["27"])
    await under(world.database, "09001", world.units["27"])
    number = await closed(http, two[0])
    assert await refused(http, two[1], f"/{number}/publish", {"revision": 1}) == (409, "tree_differs")


async def test_a_unit_that_was_opened_since_is_no_other_tree(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(20, 20, 20))
    await published(http, two, **MONTHS[0])
    created = {"code": "09003", "name": "Xã C", "kind": "commune", "parent_code": "24"}
    await reorganise(http, world, "2026-08-01", {"kind": "create", "to": [created]})
    number = await published(http, two)
    units = by_code(await public(http, number))
    assert {code for code, unit in units.items() if not unit["suppressed"]} >= {"24", "09001", "09003"}


async def test_a_quarter_closed_after_its_units_were_merged_is_that_of_the_old_units(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(30, 30, 30), SNV=(9, 9, 9))
    for month in MONTHS[:2]:
        await published(http, two, **month)
    await reorganise(
        http, world, "2026-10-01", merger("09001", "09002", to={"code": "09900", "name": "Xã Mới"})
    )
    number = await published(http, two)
    units = by_code(await public(http, number))
    assert units.keys() == {"24", "09001", "09002", "SNV"}
    assert not any(unit["suppressed"] for unit in units.values())
    assert {unit["parent"] for unit in units.values()} == {None, "24"}
    assert [units[code]["rank"]["of"] for code in ("09001", "09002")] == [2, 2]
    assert all(one.sound for one in await verify(world.database, None))
    after = await closed(http, two[0], **{"from": "2026-10-01", "to": "2026-10-31"})
    taken = by_code((await snapshot(http, two[0], after))["figures"])
    assert taken.keys() == {"24", "09900", "SNV"}


async def test_a_merger_in_the_midst_of_a_quarter_leaves_every_unit_its_own(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(3, 0, 0), _09002=(30, 30, 30), SNV=(9, 9, 9))
    for month in MONTHS[:1]:
        await published(http, two, **month)
    await reorganise(http, world, "2026-08-01", merger("09001", to="09002"))
    number = await published(http, two)
    units = by_code(await public(http, number))
    assert units["09001"]["parent"] == "24"
    assert units["09001"]["suppressed"]
    assert not units["24"]["suppressed"]


async def test_whatever_adds_up_the_same_in_both_trees_is_shown_beside_a_move(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await monthly(world, _09001=(20, 20, 20), _09002=(30, 30, 30), SNV=(9, 9, 9))
    await published(http, two, **MONTHS[0])
    await under(world.database, "09002", world.units["SNV"])
    number = await published(http, two)
    assert await hidden(http, number) == {"SNV", "09002"}
    later = await published(http, two, **MONTHS[1])
    assert await hidden(http, later) == {"SNV", "09002"}


async def test_a_response_that_was_being_written_is_no_difference(
    http: httpx.AsyncClient, world: World, two: Two, database: Database
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    within = say(world, "09001", GOOD)
    await arrive(world, *within)
    number = await closed(http, two[0])
    slow = say(world, "09001", (1, 2, 3, 4, 5), GOOD) + say(world, "09002", (1, 1, 1, 1, 1))
    await insert_responses(database, slow)
    received = text(
        "UPDATE responses SET received_at = taken_at - CAST(:ago AS interval) FROM period_snapshots"
        " WHERE responses.id = ANY(:ids)"
    )
    async with database.transaction() as session:
        await session.execute(received, {"ago": timedelta(seconds=2), "ids": [one.id for one in slow]})
    (checked,) = await verify(database, number)
    assert checked.sound, checked.differences
    async with database.transaction() as session:
        await session.execute(received, {"ago": timedelta(hours=2), "ids": [slow[0].id]})
    (checked,) = await verify(database, number)
    assert "units.09001.overall.responses" in {path for path, _, _ in checked.differences}


async def test_the_list_names_every_published_revision_and_why(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await fill(world, **{"09001": 8, "09002": 9})
    number = await published(http, two)
    for reason, publish in (("Gửi muộn", False), ("Gửi rất muộn", True)):
        await arrive(world, *[one for unit in ("09001", "09002") for one in say(world, unit, *[GOOD] * 7)])
        made = await post(http, two[0], f"/{number}/revisions", {"reason": reason})
        if publish:
            await post(http, two[1], f"/{number}/publish", {"revision": made["revision"]})
    (item,) = (await http.get(PUBLIC)).json()["items"]
    assert [(one["revision"], one["reason"]) for one in item["revisions"]] == [(1, None), (3, "Gửi rất muộn")]
    for one in item["revisions"]:
        read: dict[str, Any] = await public(http, number, revision=one["revision"])
        assert (read["sha256"], read["published_at"][:16]) == (one["sha256"], read["published_at"][:16])
    assert (item["revision"], item["sha256"]) == (3, item["revisions"][-1]["sha256"])
    assert (await http.get(f"{PUBLIC}/{number}", params={"revision": 2})).status_code == 404
