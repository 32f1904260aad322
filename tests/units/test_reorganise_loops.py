"""No way of changing the tree makes a unit stand above itself: not in turn, not ahead, not by taking back."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, text, update

from app.auth.reach import chain_of, subtree, subtrees
from app.core.clock import utc_now
from app.core.database import Database
from app.models.reorganisation import Reorganisation
from app.models.unit import Unit
from app.units import queries
from app.units.jobs import take_effect
from tests.support.visits import today
from tests.support.world import World

URL = "/api/v1/units/reorganisations"


def move(code: str, parent: str) -> dict[str, object]:
    return {"kind": "move", "from": [code], "to": [{"code": code, "parent_code": parent}]}


async def decide(
    http: httpx.AsyncClient, world: World, *changes: object, on: date | None = None
) -> httpx.Response:
    sent = {"effective_on": str(on or today()), "decision": uuid4().hex, "changes": changes}
    return await http.post(URL, json=sent, headers={**world.admin, "Accept-Language": "en"})


async def made(http: httpx.AsyncClient, world: World, *changes: object, on: date | None = None) -> int:
    answer = await decide(http, world, *changes, on=on)
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["id"]
    return number


async def take_back(http: httpx.AsyncClient, world: World, number: int) -> httpx.Response:
    return await http.post(f"{URL}/{number}/revert", headers={**world.admin, "Accept-Language": "en"})


async def add(http: httpx.AsyncClient, world: World, code: str, parent: str) -> None:
    new = {"code": code, "name": code, "kind": "centre", "parent_code": parent}
    answer = await http.post("/api/v1/units", json=new, headers=world.admin)
    assert answer.status_code == 201, answer.text


async def send_file(http: httpx.AsyncClient, world: World, *rows: str) -> Sequence[Mapping[str, Any]]:
    content = "code,name,kind,parent_code,valid_from\n" + "\n".join(rows)
    files = {"file": ("x.csv", content.encode())}
    answer = await http.post("/api/v1/units/import", files=files, headers=world.admin)
    errors: Sequence[Mapping[str, Any]] = answer.json()["errors"]
    return errors


async def parents(database: Database) -> dict[str, str | None]:
    async with database.read() as session:
        rows = await session.execute(
            text("SELECT u.code, p.code FROM units u LEFT JOIN units p ON p.id = u.parent_id")
        )
        return {row[0]: row[1] for row in rows}


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return sorted((one["pointer"], one["code"]) for one in answer.json()["errors"])


async def test_taking_back_does_not_put_a_unit_beneath_what_stands_beneath_it_by_now(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    first = await made(http, world, move("09001", "27"), on=today() - timedelta(days=9))
    second = await made(http, world, move("24", "09001"))
    before = await parents(database)
    answer = await take_back(http, world, first)
    assert (answer.status_code, answer.json()["code"]) == (409, "reorganisation_in_use"), answer.text
    assert ("/units/09001", "parent_loop") in faults(answer)
    assert await parents(database) == before
    assert (await take_back(http, world, second)).status_code == 200
    assert (await take_back(http, world, first)).status_code == 200
    assert (await parents(database))["09001"] == "24"


async def test_taking_back_does_not_make_a_loop_of_a_day_to_come(
    http: httpx.AsyncClient, world: World
) -> None:
    await add(http, world, "C", "09001")
    first = await made(http, world, move("09001", "27"), on=today() - timedelta(days=9))
    second = await made(http, world, move("24", "C"), on=today() + timedelta(days=9))
    answer = await take_back(http, world, first)
    assert (answer.status_code, faults(answer)) == (409, [("/units/09001", "parent_loop")]), answer.text
    assert (await take_back(http, world, second)).status_code == 200
    assert (await take_back(http, world, first)).status_code == 200


async def test_a_decision_to_come_is_not_taken_back_from_under_a_later_one(
    http: httpx.AsyncClient, world: World
) -> None:
    await add(http, world, "C", "09001")
    first = await made(http, world, move("09001", "27"), on=today() + timedelta(days=9))
    second = await made(http, world, move("24", "C"), on=today() + timedelta(days=19))
    answer = await take_back(http, world, first)
    assert (answer.status_code, faults(answer)) == (409, [("/units/09001", "parent_loop")]), answer.text
    assert (await take_back(http, world, second)).status_code == 200
    assert (await take_back(http, world, first)).status_code == 200


async def test_taking_back_minds_what_a_file_has_moved_meanwhile(
    http: httpx.AsyncClient, world: World
) -> None:
    first = await made(http, world, move("09001", "27"))
    assert await send_file(http, world, "24,Bắc Ninh,province,09001,") == []
    answer = await take_back(http, world, first)
    assert (answer.status_code, faults(answer)) == (409, [("/units/09001", "parent_loop")]), answer.text


async def test_a_file_does_not_move_a_unit_beneath_one_that_shall_stand_beneath_it(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    day = today() + timedelta(days=30)
    await made(http, world, move("09001", "09002"), on=day)
    before = await parents(database)
    errors = await send_file(http, world, "09002,Xã B,commune,09001,")
    assert [(one["row"], one["column"], one["code"]) for one in errors] == [(2, "parent_code", "parent_loop")]
    assert await parents(database) == before
    assert await send_file(http, world, "09002,Xã B,commune,27,") == []


async def test_a_file_does_not_close_a_circle_of_several_days_to_come(
    http: httpx.AsyncClient, world: World
) -> None:
    """09001 beneath 09002, later SNV beneath 09001: 09002 beneath SNV would be one only when both hold."""
    await made(http, world, move("09001", "09002"), on=today() + timedelta(days=10))
    await made(http, world, move("SNV", "09001"), on=today() + timedelta(days=20))
    errors = await send_file(http, world, "09002,Xã B,commune,SNV,")
    assert [(one["row"], one["column"], one["code"]) for one in errors] == [(2, "parent_code", "parent_loop")]


async def test_a_file_puts_nothing_beneath_a_unit_that_is_closed(
    http: httpx.AsyncClient, world: World
) -> None:
    await made(http, world, {"kind": "close", "from": ["09001"]})
    errors = await send_file(http, world, "C,Điểm,centre,09001,", "09001,Khác,commune,24,")
    assert [(one["row"], one["column"], one["code"]) for one in errors] == [
        (2, "parent_code", "parent_closed"),
        (3, "code", "unit_ended"),
    ]


async def test_what_would_make_a_loop_on_its_day_waits_and_the_others_do_not(
    http: httpx.AsyncClient, world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of ours lets it come to this: a hand in the database does."""
    day = today() + timedelta(days=3)
    held = await made(http, world, move("09001", "09002"), on=day)
    sound = await made(http, world, move("SNV", "27"), on=day + timedelta(days=1))
    async with database.transaction() as session:
        moved = update(Unit).where(Unit.code == "09002").values(parent_id=world.units["09001"])
        await session.execute(moved)
        soon = utc_now() - timedelta(seconds=1)
        await session.execute(update(Reorganisation).values(effective_at=soon))
    assert await take_effect(database) == 1
    assert [record.levelname for record in caplog.records if record.name == "app.units.reorganise"] == [
        "ERROR"
    ]
    async with database.read() as session:
        found = await session.execute(select(Reorganisation.id, Reorganisation.state))
        states = {row[0]: row[1] for row in found}
    assert states == {held: "scheduled", sound: "in_force"}
    assert (await parents(database))["SNV"] == "27"


async def test_a_loop_in_the_table_holds_nobody_up(world: World, database: Database) -> None:
    """Were there ever one, whoever asks gets an answer and no query runs for ever."""
    one, other = world.units["24"], world.units["09001"]
    async with database.transaction() as session:
        await session.execute(
            update(Unit).where(Unit.id == one).values(parent_id=other, contact={"phone": "1022"})
        )
    async with database.read() as session:
        await session.execute(text("SET LOCAL statement_timeout = '5s'"))
        beneath = {world.units[code] for code in ("24", "09001", "09002", "SNV")}
        assert set(await session.scalars(subtree(one))) == beneath
        assert set(await session.scalars(subtrees([one, other]))) == beneath
        assert await chain_of(session, other) == {one, other}
        found = await queries.in_force(session, [other, world.units["09101"]])
    assert (found[other].contact, found[other].inherited) == ({"phone": "1022"}, ["contact"])
    assert found[world.units["09101"]].contact is None
