"""What was published before the ends of intervals were mended stays, and is checked as it was made."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.periods import service
from app.periods.figures import INTERVALS
from app.periods.recount import verify
from tests.support.branches import count
from tests.support.periods import BAD, fill, post, public, published, refused, say, snapshot
from tests.support.rows import insert_responses
from tests.support.world import World

Two = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
async def old(
    http: httpx.AsyncClient, world: World, two: Two, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A period that the release before has published: its number and what it showed."""
    frame_of = service.frame_of
    with monkeypatch.context() as patch:
        patch.setattr(service, "frame_of", lambda period: replace(frame_of(period), method=1))
        await fill(world, **{"09001": 5, "09002": 9})
        number = await published(http, two)
    return {"number": number, "shown": await public(http, number)}


def complaint(body: dict[str, Any]) -> dict[str, Any]:
    """Of unit 09001 the third criterion: five answers, one of them dissatisfied."""
    unit = next(one for one in body["units"] if one["code"] == "09001")
    criterion: dict[str, Any] = unit["components"][2]["criteria"][0]
    assert (criterion["answers"], criterion["percent"]) == (5, 80)
    return criterion


async def test_a_snapshot_says_by_which_method_it_was_made(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    await fill(world, **{"09001": 5, "09002": 9})
    number = await published(http, two)
    body = (await snapshot(http, two[0], number))["figures"]
    assert body["interval"] == INTERVALS[2]
    assert (complaint(body)["low"], complaint(body)["high"]) == (37.55, 98.97)
    assert all(one.sound for one in await verify(world.database, None))


async def test_what_was_published_by_the_method_before_is_sound_and_not_revised(
    http: httpx.AsyncClient, world: World, two: Two, old: dict[str, Any]
) -> None:
    body = (await snapshot(http, two[0], old["number"]))["figures"]
    assert body["interval"] == old["shown"]["interval"] == INTERVALS[1]
    assert (complaint(body)["low"], complaint(body)["high"]) == (36.17, 96.58)
    assert all(one.sound for one in await verify(world.database, None))
    unchanged = await refused(http, two[0], f"/{old['number']}/revisions", {"reason": "x"})
    assert unchanged == (409, "nothing_revised")


async def test_a_revision_of_it_differs_by_what_was_said_alone(
    http: httpx.AsyncClient, world: World, two: Two, old: dict[str, Any]
) -> None:
    async with world.database.transaction() as session:
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        await session.execute(text("UPDATE period_snapshots SET taken_at = '2026-11-20 02:14:00.5+00'"))
        await session.execute(text("UPDATE responses SET received_at = '2026-11-19'"))
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
    await insert_responses(world.database, say(world, "09002", *[BAD] * 7))
    await count(world.database)
    await post(http, two[1], f"/{old['number']}/revisions", {"reason": "Máy tính bảng gửi muộn"})
    body = (await snapshot(http, two[0], old["number"]))["figures"]
    assert body["interval"] == INTERVALS[1]
    assert (complaint(body)["low"], complaint(body)["high"]) == (36.17, 96.58)
    assert all(one.sound for one in await verify(world.database, None))
