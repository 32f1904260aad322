"""Responses of a tablet that is moved: each is stored once, for the unit that had served."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import utc_now
from app.core.database import Database
from app.devices.known import DeviceTokens
from app.devices.moves import stays
from app.models.device import Device
from app.models.response import Response
from app.models.unit import Unit
from tests.support.reorganised import decide, merger
from tests.support.said import body, device
from tests.support.visits import today
from tests.support.world import World

URL = "/api/v1/responses"
A_WAY = timedelta(minutes=10)
"""No request is on its way for so long, by which times are corrected."""


async def stored(database: Database) -> list[tuple[str, str]]:
    """Each stored response and the unit it counts for."""
    async with database.read() as session:
        rows = await session.execute(
            select(Response.id, Unit.code)
            .join(Unit, Unit.id == Response.unit_id)
            .order_by(Response.received_at)
        )
        return [(str(row[0]), row[1]) for row in rows]


async def send(http: httpx.AsyncClient, token: dict[str, str], said: dict[str, object]) -> int:
    """Send it with the time of now, as a tablet does at each try; the status."""
    answer = await http.post(URL, json={**said, "sent_at": utc_now().isoformat()}, headers=token)
    return answer.status_code


@pytest.mark.parametrize("moves", [1, 2])
async def test_a_response_sent_again_after_moves_is_stored_once(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database, moves: int
) -> None:
    tablet, token = await device(world, "09001")
    said = body()
    assert await send(http, token, said) == 201
    if moves:
        await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=2))
    if moves == 2:
        await decide(http, world, merger("M1", to="M2"), on=today() - timedelta(days=1))
    app.state.devices.forget(tablet)
    assert await send(http, token, said) == 200
    assert await send(http, token, {**said, "answers": {**said["answers"], "A1": 1}}) == 409
    assert await stored(database) == [(said["id"], "09001")]


async def test_what_waited_through_two_moves_counts_for_each_unit_in_its_time(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09001")
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=2))
    await decide(http, world, merger("M1", to="M2"), on=today() - timedelta(days=1))
    now = utc_now()
    async with database.transaction() as session:  # the second move as if it were still to come
        await session.execute(update(Device).values(moved_at=now + 2 * A_WAY))
    first, second, third = (body(submitted_at=(now + ways * A_WAY).isoformat()) for ways in (-1, 1, 3))
    app.state.devices.forget(tablet)
    sent_at = utc_now().isoformat()
    batch = {"responses": [{**said, "sent_at": sent_at} for said in (first, second, third)]}
    answer = await http.post(f"{URL}/batch", json=batch, headers=token)
    assert [item["status"] for item in answer.json()["items"]] == ["accepted"] * 3, answer.text
    again = await http.post(f"{URL}/batch", json=batch, headers=token)
    assert [item["status"] for item in again.json()["items"]] == ["replayed"] * 3
    assert sorted(await stored(database)) == sorted(
        [(first["id"], "09001"), (second["id"], "M1"), (third["id"], "M2")]
    )


async def test_a_process_that_has_not_heard_of_the_move_stores_nothing(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09001")
    app.state.devices = DeviceTokens(database, clock=lambda: 0.0)  # what it knows does not grow old
    assert await send(http, token, body()) == 201
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=1))
    said = body()
    assert await send(http, token, said) == 503, "it still takes the tablet for one of 09001"
    app.state.devices.forget(tablet)  # five seconds pass
    assert await send(http, token, said) == 201
    assert (await stored(database))[1:] == [(said["id"], "M1")]


async def test_after_a_move_each_sending_asks_one_statement_and_no_transaction(
    app: FastAPI, http: httpx.AsyncClient, world: World
) -> None:
    _, token = await device(world, "09001")
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=2))
    await decide(http, world, merger("M1", to="M2"), on=today() - timedelta(days=1))
    asked: Database = app.state.database
    app.state.devices = DeviceTokens(asked, clock=lambda: 0.0)
    assert await send(http, token, body()) == 201
    with told(asked.engine) as shared, told(asked.lone_engine) as alone:
        assert await send(http, token, body()) == 201
    assert shared == []
    assert len(alone) == 1
    assert "FROM responses" in alone[0]


@contextmanager
def told(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements an engine is told."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_times_that_are_set_right_between_two_sendings_do_not_double_a_response(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09001")
    said = body()
    assert await send(http, token, said) == 201
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=1))
    app.state.devices.forget(tablet)
    slow = (utc_now() - timedelta(minutes=3)).isoformat()  # the clock is three minutes behind by now
    answer = await http.post(URL, json={**said, "sent_at": slow}, headers=token)
    assert answer.status_code == 200
    assert await stored(database) == [(said["id"], "09001")]


async def test_a_merger_taken_back_leaves_the_moves_before_it(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, _ = await device(world, "09001")
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=2))
    made = await decide(http, world, merger("M1", to="M2"), on=today() - timedelta(days=1))

    async def stood() -> list[str]:
        async with database.read() as session:
            codes = {row[0]: row[1] for row in await session.execute(select(Unit.id, Unit.code))}
            return [codes[stay.unit_id] for stay in (await stays(session, [tablet]))[tablet]]

    assert await stood() == ["09001", "M1"]
    back = await http.post(f"/api/v1/units/reorganisations/{made['id']}/revert", headers=world.admin)
    assert back.status_code == 200, back.text
    assert await stood() == ["09001"]


async def held_back(http: httpx.AsyncClient, world: World) -> list[tuple[str, str, str | None]]:
    """Unit, verdict and reason of each response, as staff see them."""
    answer = await http.get(f"{URL}?from={today() - timedelta(days=40)}&to={today()}", headers=world.admin)
    return [(item["unit"], item["verdict"], item["verdict_reason"]) for item in answer.json()["items"]]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "close", "from": ["09001"]},
        {
            "kind": "split",
            "from": ["09001"],
            "to": [{"code": "N1", "name": "Xã Một"}, {"code": "N2", "name": "Xã Hai"}],
        },
    ],
    ids=["closed", "split"],
)
async def test_what_is_said_at_a_closed_unit_is_kept_and_held_back_until_somebody_has_looked(
    http: httpx.AsyncClient, world: World, database: Database, change: dict[str, object]
) -> None:
    _, token = await device(world, "09001")
    _, neighbour = await device(world, "09002")
    before = (utc_now() - timedelta(days=3)).isoformat()
    await decide(http, world, change, on=today() - timedelta(days=1))
    for sender, said in ((token, body(submitted_at=before)), (token, body()), (neighbour, body())):
        answer = await http.post(URL, json=said, headers=sender)
        assert answer.status_code == 201, "no citizen is refused"
    assert sorted(await held_back(http, world)) == [
        ("09001", "counted", None),
        ("09001", "quarantined", "unit_closed"),
        ("09002", "counted", None),
    ]
    answer = await http.get(f"{URL}?from={today()}&to={today()}&verdict=quarantined", headers=world.admin)
    (one,) = answer.json()["items"]
    sent = {"unit_code": "09001", "verdict": "counted", "reason": "Vẫn phục vụ tại chỗ"}
    released = await http.post(f"{URL}/{one['ref']}/verdict", json=sent, headers=world.admin)
    assert released.status_code == 204, released.text
    assert ("09001", "quarantined", "unit_closed") not in await held_back(http, world)


async def test_a_unit_that_was_taken_over_whole_holds_nothing_back_until_its_tablets_are_moved(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database
) -> None:
    tablet, token = await device(world, "09001")
    await decide(http, world, merger("09001", to="M1"), on=today() - timedelta(days=3))
    async with database.transaction() as session:  # as in the hour before the job has moved it
        await session.execute(
            update(Device).values(unit_id=world.units["09001"], former_unit_id=None, moved_at=None)
        )
    app.state.devices.forget(tablet)
    assert await send(http, token, body()) == 201
    assert await held_back(http, world) == [("09001", "counted", None)]


PLACES = ("09001", "09002", "SNV")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(0, 2), st.integers(0, 1)),
        st.tuples(st.just("give"), st.just(0), st.integers(0, 1)),
        st.tuples(st.just("again"), st.integers(0, 9), st.integers(0, 1)),
        st.tuples(st.just("hear"), st.just(0), st.integers(0, 1)),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=12)
@given(steps=STEPS)
async def test_however_a_tablet_is_moved_and_sends_again_each_response_is_stored_once(
    app: FastAPI, http: httpx.AsyncClient, world: World, database: Database, steps: list[tuple[str, int, int]]
) -> None:
    tablet, token = await device(world, PLACES[0])
    # what two processes know of tablets, which does not grow old until they hear of it
    processes = [DeviceTokens(database, clock=lambda: 0.0) for _ in range(2)]
    here = PLACES[0]
    said: dict[str, dict[str, object]] = {}
    stood: dict[str, set[str]] = {}
    taken: set[str] = set()

    async def offer(identity: str) -> None:
        status = await send(http, token, said[identity])
        assert status in {200, 503} | (set() if identity in taken else {201})
        if status != 503:
            taken.add(identity)

    for step, number, process in steps:
        app.state.devices = processes[process]
        if step == "move":
            here = PLACES[number]
            path = f"/api/v1/devices/{tablet}"
            moved = await http.patch(path, json={"unit_code": here}, headers=world.admin)
            assert moved.status_code == 200
            for identity in said.keys() - taken:
                stood[identity].add(here)  # a time so near a move may be corrected across it
        elif step == "give":
            given_now = body()
            identity = str(given_now["id"])
            said[identity], stood[identity] = given_now, {here}
            await offer(identity)
        elif step == "again" and said:
            await offer(sorted(said)[number % len(said)])
        elif step == "hear":
            processes[process].forget(tablet)
    for process in (0, 1):
        app.state.devices = processes[process]
        app.state.devices.forget(tablet)
        for identity in said:
            await offer(identity)
    assert taken == said.keys()
    rows = [(identity, unit) for identity, unit in await stored(database) if identity in said]
    assert sorted(identity for identity, _ in rows) == sorted(said), "once each"
    assert all(unit in stood[identity] for identity, unit in rows)
