"""A unit that another decision counts on, as heir or as parent, does not end before that day or on it."""

from datetime import timedelta

import httpx
import pytest

from app.core.database import Database
from tests.support.visits import today
from tests.support.world import World
from tests.units.test_reorganise_loops import decide, made, move, take_back

SOON, LATER = today() + timedelta(days=10), today() + timedelta(days=30)
INTO_09002 = {"kind": "merge", "from": ["09001"], "to": ["09002"]}
INTO_NEW = {"kind": "merge", "from": ["09002", "SNV"], "to": [{"code": "N", "name": "N", "kind": "commune"}]}
CLOSE = {"kind": "close", "from": ["09002"]}
SHARED_OUT = {"kind": "split", "from": ["09002"], "to": ["09001", {"code": "N", "name": "N"}]}


def told(answer: httpx.Response) -> list[tuple[str, str, bool]]:
    """Where, what, and whether it names the day."""
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["code"], str(LATER) in one["detail"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize("change", [CLOSE, INTO_NEW], ids=["closed", "merged"])
async def test_an_heir_to_come_does_not_end_before(
    http: httpx.AsyncClient, world: World, change: dict[str, object]
) -> None:
    first = await made(http, world, INTO_09002, on=LATER)
    assert told(await decide(http, world, change, on=SOON)) == [("/changes/0/from/0", "changed_later", True)]
    assert (await take_back(http, world, first)).status_code == 200
    await made(http, world, change, on=SOON)


async def test_an_heir_to_come_may_end_after(http: httpx.AsyncClient, world: World) -> None:
    await made(http, world, INTO_09002, on=SOON)
    await made(http, world, CLOSE, on=LATER)


async def test_an_heir_does_not_end_on_the_very_day(http: httpx.AsyncClient, world: World) -> None:
    await made(http, world, INTO_09002, on=LATER)
    assert told(await decide(http, world, CLOSE, on=LATER)) == [
        ("/changes/0/from/0", "changed_same_day", True)
    ]


async def test_who_ends_is_nobody_s_heir_on_that_day_either(http: httpx.AsyncClient, world: World) -> None:
    await made(http, world, CLOSE, on=LATER)
    assert [code for _, code, _ in told(await decide(http, world, INTO_09002, on=LATER))] == ["unit_closed"]
    assert [code for _, code, _ in told(await decide(http, world, INTO_09002, on=SOON))] == ["changed_later"]


async def test_a_parent_to_come_does_not_end_before(http: httpx.AsyncClient, world: World) -> None:
    await made(http, world, move("SNV", "09002"), on=LATER)
    assert told(await decide(http, world, CLOSE, on=SOON)) == [("/changes/0/from/0", "changed_later", True)]


async def test_a_part_of_a_split_to_come_does_not_end_before(http: httpx.AsyncClient, world: World) -> None:
    """One that goes on with a part has nothing of its own to change, and still is counted on."""
    new = {"code": "N", "name": "N"}
    split = {"kind": "split", "from": ["09001"], "to": ["09001", "09002", new]}
    await made(http, world, split, on=LATER)
    for code in ("09001", "09002"):
        close = {"kind": "close", "from": [code]}
        answer = await decide(http, world, close, on=SOON)
        assert told(answer) == [("/changes/0/from/0", "changed_later", True)]


async def test_nobody_ends_before_the_day_they_took_over(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    """The same for days gone by: the merger is in force, the closing is dated back."""
    await made(http, world, INTO_09002, on=today() - timedelta(days=10))
    answer = await decide(http, world, CLOSE, on=today() - timedelta(days=30))
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/changes/0/from/0", "changed_later")
    ]
    await made(http, world, CLOSE, on=today() - timedelta(days=9))


async def test_nobody_ends_before_the_day_a_unit_came_to_stand_beneath_them(
    http: httpx.AsyncClient, world: World
) -> None:
    await made(http, world, move("SNV", "09002"), on=today() - timedelta(days=10))
    await made(http, world, move("SNV", "27"), on=today() - timedelta(days=5))
    for ago, code in ((30, "changed_later"), (10, "children_left"), (7, "children_left")):
        answer = await decide(http, world, CLOSE, on=today() - timedelta(days=ago))
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
            ("/changes/0/from/0", code)
        ], ago
    await made(http, world, CLOSE, on=today() - timedelta(days=5))
