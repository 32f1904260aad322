import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from app.core.deadline import Deadline

MOST = 2


class Waiting:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/healthz":
            await self.may.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


async def test_the_bound_is_kept_by_the_application_too_whatever_serves_it() -> None:
    inner = Waiting()
    outer = Deadline(inner, seconds=60, most=MOST)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://x") as client:
        first, second = (asyncio.create_task(client.get("/")) for _ in range(MOST))
        while outer.under_way < MOST:
            await asyncio.sleep(0)
        refused = await client.get("/", headers={"accept-language": "en"})
        assert (refused.status_code, refused.json()["title"]) == (503, "Not available for the moment")
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 204
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        third = asyncio.create_task(client.get("/"))
        while outer.under_way < MOST:
            await asyncio.sleep(0)
        inner.may.set()
        assert [(await each).status_code for each in (second, third)] == [204, 204]
        assert outer.under_way == 0
