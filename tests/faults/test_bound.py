"""As many requests under way as a process may have: the next hears 503, and nobody is harmed by it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core import refusing
from app.core.database import Database
from app.core.settings import Settings
from tests.faults.pressure import House, housed
from tests.faults.test_clients import connect, written
from tests.support.waiting import until

MOST = 3
HOLD = 0.2
ELSEWHERE = "https://bang.example.vn"
HALF = b"POST /api/v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def house(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setattr(refusing, "MOST_UNDER_WAY", MOST)
    monkeypatch.setattr(refusing, "HOLD_SECONDS", HOLD)
    async with housed(settings.model_copy(update={"cors_origins": [ELSEWHERE]}), database) as house:
        yield house


async def under_way(house: House, number: int) -> None:
    """Until so many requests are."""

    async def now() -> int:
        return house.under_way

    await until(now, lambda found: found == number)


async def enter(house: House) -> Streams:
    """Take a place and keep it: a request whose body does not come."""
    before = house.under_way
    streams = await connect(house)
    streams[1].write(HALF)
    await under_way(house, before + 1)
    return streams


@asynccontextmanager
async def full(house: House) -> AsyncIterator[None]:
    """No place is free."""
    taken = [await enter(house) for _ in range(MOST)]
    try:
        yield
    finally:
        for _, writer in taken:
            writer.transport.abort()
        await under_way(house, 0)


async def served(house: House) -> None:
    """Every kind of request succeeds, one after the other, and nothing is left of the trouble."""
    for kind, asked in house.kinds.items():
        assert (await house.ask(kind)).status_code == asked.status, kind
    await house.at_rest()


async def heard(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a connection."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = {name.lower(): said for name, _, said in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def post(length: int, *more: str, version: str = "1.1") -> bytes:
    """A response of so many bytes, none of which means anything."""
    lines = (f"POST /api/v1/responses HTTP/{version}", "Host: x", f"Content-Length: {length}", *more)
    return "\r\n".join([*lines, "", ""]).encode() + b" " * length


async def test_at_the_bound_one_is_told_to_come_again_and_is_served_when_places_are_given_back(
    house: House,
) -> None:
    async with full(house):
        refused = await house.http.post(
            "/api/v1/responses",
            json={},
            headers={"accept-language": "en", "x-request-id": "a-request-of-mine"},
        )
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["content-language"] == "en"
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-request-id"] == "a-request-of-mine"
        assert refused.json() == {
            "type": "urn:sipas:problem:unavailable",
            "title": "Not available for the moment",
            "status": 503,
            "detail": "Send it again in a few seconds; nothing is counted twice.",
            "code": "unavailable",
            "request_id": "a-request-of-mine",
        }
        in_vietnamese = await house.http.get("/api/v1/units")
        assert (in_vietnamese.status_code, in_vietnamese.json()["title"]) == (
            503,
            "Tạm thời chưa phục vụ được",
        )
        assert in_vietnamese.json()["request_id"] == in_vietnamese.headers["x-request-id"]
        without_body = await house.http.head("/api/v1/units")
        assert (without_body.status_code, without_body.content) == (503, b"")
        for language in ("vi", "en"):
            page = await house.http.get(
                "/s/anything", headers={"accept": "text/html,*/*;q=0.8", "accept-language": language}
            )
            assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert int(page.headers["retry-after"]) > 0
            assert f'<html lang="{language}">' in page.text
            assert "send them again" in page.text
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await house.http.get(path)).status_code == 200
    await served(house)


async def test_whatever_came_and_went_before_only_the_places_taken_now_count(house: House) -> None:
    """Random comings and goings: refused at the bound, answered below it, at each step."""
    chance = random.Random(16)
    inside: list[Streams] = []
    for _ in range(40):
        if len(inside) < MOST and chance.random() < 0.6:
            inside.append(await enter(house))
        elif inside:
            _, writer = inside.pop(chance.randrange(len(inside)))
            if chance.random() < 0.5:
                writer.transport.abort()
            else:
                writer.write(b"}" * 99)  # it comes to its end, and is found wrong
            await under_way(house, len(inside))
            writer.close()
        answer = await house.http.post("/api/v1/responses", json={})
        assert answer.status_code == (503 if len(inside) == MOST else 422), len(inside)
    for _, writer in inside:
        writer.transport.abort()
    await house.at_rest()


@pytest.mark.parametrize("length", [0, 100_000, 5_000_000])
async def test_a_refused_request_hears_so_whole_and_its_connection_is_of_use_again(
    house: House, length: int
) -> None:
    reader, writer = await connect(house)
    async with full(house):
        for _ in range(2):
            writer.write(post(length))
            await writer.drain()
            status, headers, body = await heard(reader)
            assert (status, json.loads(body)["code"]) == (503, "unavailable")
            assert "connection" not in headers
    writer.write(written(house.kinds["intake"].fresh))
    assert (await heard(reader))[0] == 201
    writer.close()


async def test_a_body_that_comes_after_its_answer_is_read_all_the_same(house: House) -> None:
    reader, writer = await connect(house)
    sent = post(200_000)
    async with full(house):
        writer.write(sent[:1000])
        assert (await heard(reader))[0] == 503
        writer.write(sent[1000:])
        writer.write(post(0))
        assert (await heard(reader))[0] == 503
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        post(100_000, version="1.0"),
        post(100_000, "Connection: close"),
        post(100_000, "Expect: 100-continue")[:-100_000],
        post(10, "Expect: 100-continue"),
    ],
    ids=["HTTP 1.0", "close", "a body that waits for leave", "a body that does not wait for leave"],
)
async def test_who_wants_no_more_of_a_connection_hears_503_and_its_end(house: House, sent: bytes) -> None:
    reader, writer = await connect(house)
    async with full(house):
        writer.write(sent)
        status, headers, _ = await heard(reader)
        assert (status, headers["connection"]) == (503, "close")
        assert await reader.read() == b""
    writer.close()


async def test_who_hangs_up_before_it_is_refused_leaves_nothing(house: House) -> None:
    async with full(house):
        for _ in range(20):
            _, writer = await connect(house)
            writer.write(post(10))
            await writer.drain()
            writer.transport.abort()
        assert (await house.http.post("/api/v1/responses", json={})).status_code == 503
    await served(house)


async def test_pages_of_other_sites_may_read_that_they_are_refused(house: House) -> None:
    async with full(house):
        own = await house.http.get("/api/v1/units", headers={"origin": house.url})
        known = await house.http.get("/api/v1/units", headers={"origin": ELSEWHERE})
        public = await house.http.get("/api/v1/public/units", headers={"origin": "https://x.example"})
    assert {answer.status_code for answer in (own, known, public)} == {503}
    assert "access-control-allow-origin" not in own.headers
    assert known.headers["access-control-allow-origin"] == ELSEWHERE
    assert public.headers["access-control-allow-origin"] == "*"


async def test_who_sends_one_behind_another_without_waiting_is_refused_once_and_left(house: House) -> None:
    asks = b"GET /api/v1/units HTTP/1.1\r\nHost: x\r\n\r\n"
    async with full(house):
        reader, writer = await connect(house)
        writer.write(asks * 1000)
        status, headers, _ = await heard(reader)
        assert (status, headers["connection"]) == (503, "close")
        assert await reader.read() == b"", "and nothing more"
        writer.close()
        assert house.under_way == MOST
    await served(house)


async def test_refusals_are_counted(house: House) -> None:
    async def counted() -> list[float]:
        lines = (await house.http.get("/metrics")).text.splitlines()
        names = (
            'sipas_http_requests_total{method="POST",route="refused",status="503"}',
            'sipas_problems_total{code="unavailable"}',
        )
        found = dict(line.rsplit(" ", 1) for line in lines if line.startswith(names))
        return [float(found.get(name, 0)) for name in names]

    before = await counted()
    async with full(house):
        for _ in range(4):
            await house.http.post("/api/v1/responses", json={})
    assert [now - then for now, then in zip(await counted(), before, strict=True)] == [4, 4]


async def test_a_process_that_stops_tells_those_who_still_wait_for_a_refusal(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusing, "MOST_UNDER_WAY", 1)
    monkeypatch.setattr(refusing, "HOLD_SECONDS", 3600)
    async with housed(settings, database) as house:
        _, inside = await enter(house)
        reader, writer = await connect(house)
        writer.write(post(10))
        await house.http.get("/healthz")  # by then it has been read
        inside.transport.abort()
    status, headers, _ = await heard(reader)
    assert (status, headers["connection"]) == (503, "close")
    writer.close()
