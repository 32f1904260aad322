from collections.abc import AsyncIterator
from itertools import product
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts

from app.core.direct import DirectRoute
from app.core.http import install_error_handlers
from app.core.problems import Unauthorized
from app.core.schema import In
from app.responses.routes import router as responses


class Thing(In):
    id: UUID
    size: int = 1
    about: dict[str, Any] | None = None


async def guard(request: Request) -> str:
    who = request.headers.get("x-who")
    if who is None:
        raise Unauthorized
    return who


async def nothing() -> None:
    pass


async def choosy(size: Annotated[int, Query()] = 0) -> int:
    return size


Who = Annotated[str, Depends(guard)]


def routes(kind: type[APIRoute]) -> APIRouter:
    router = APIRouter(route_class=kind)

    @router.post("/plain", dependencies=[Depends(nothing)])
    async def plain(sent: Thing, who: Who) -> Response:
        return Response(f"{who} {sent.id} {sent.size} {sent.about}")

    @router.post("/asks-more")
    async def asks_more(sent: Thing, who: Who, size: Annotated[int, Depends(choosy)]) -> Response:
        return Response(f"{who} {sent.id} {size}")

    @router.post("/answers-data")
    async def answers_data(sent: Thing, who: Who) -> dict[str, str]:
        return {"id": str(sent.id), "who": who}

    @router.post("/two-bodies")
    async def two_bodies(sent: Thing, other: Thing) -> Response:
        return Response(f"{sent.id} {other.id}")

    @router.get("/no-body")
    async def no_body(who: Who) -> Response:
        return Response(who)

    return router


@pytest.fixture
async def both() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(routes(DirectRoute), prefix="/direct")
    app.include_router(routes(APIRoute), prefix="/standard")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


GOOD = b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "size": 3}'
KINDS = ("application/json", "application/json; charset=utf-8", "text/plain", "")
BODIES = [
    GOOD,
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "about": {"a": [1, 2.5, null, true, "\xc3\xa9"]}}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "size": "3"}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "size": 1.5}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "size": 1, "size": 2}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "size": 99999999999999999999999999}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "about": {"a": "\\ud800"}}',
    b'{"id": "0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22", "more": 1}',
    b'{"id": 7}',
    b"{}",
    b"[]",
    b"null",
    b"",
    b"{",
    b'{"id": "\xff"}',
    "{}".encode("utf-16"),
]


@pytest.mark.parametrize("path", ["plain", "asks-more", "answers-data", "two-bodies"])
@pytest.mark.parametrize("body", BODIES)
async def test_both_ways_answer_alike(both: httpx.AsyncClient, path: str, body: bytes) -> None:
    for kind, who in product(KINDS, ("me", "")):
        headers = {name: value for name, value in (("content-type", kind), ("x-who", who)) if value}
        direct, standard = [
            await both.post(f"/{way}/{path}", content=body, headers=headers) for way in ("direct", "standard")
        ]
        assert (direct.status_code, direct.content) == (standard.status_code, standard.content)


async def test_a_guard_that_refuses_is_heard(both: httpx.AsyncClient) -> None:
    refused = await both.post("/direct/plain", content=GOOD, headers={"content-type": "application/json"})
    assert refused.status_code == 401


async def test_a_route_without_a_body_still_works(both: httpx.AsyncClient) -> None:
    assert (await both.get("/direct/no-body", headers={"x-who": "me"})).text == "me"


def test_only_the_plain_route_goes_straight() -> None:
    found = {route.name: route.plan for route in routes(DirectRoute).routes if isinstance(route, DirectRoute)}
    assert [name for name, plan in found.items() if plan is not None] == ["plain"]


def test_giving_a_response_goes_straight_and_asks_every_guard() -> None:
    app = FastAPI()
    app.include_router(responses)
    for context in iter_route_contexts(app.routes):
        if context.name == "give_response":
            route = context.original_route
            assert isinstance(route, DirectRoute)
            assert route.plan is not None
            assert {step.call for step in route.plan.steps} == {
                each.call for each in context.dependant.dependencies
            }
            return
    raise AssertionError("there is no route to give a response")
