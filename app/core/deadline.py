"""Every request has an end: whoever asks is answered in time, though the database is not.

A server that is frozen, or a network that swallows packets, answers nothing and refuses nothing: the
database's own time-outs do not help, for they are kept by the one that has fallen silent. So the clock is
kept here. When it strikes before an answer has begun, 503 goes out at once; behind it the request is
cancelled and clears up by itself. SQLAlchemy throws away a connection that was cancelled in the middle of a
query, and PostgreSQL rolls back what it was doing. How long that takes is nobody's wait.

Not counted: the time a body takes to arrive (see `BodyLimit`). An answer that has begun is not cut short as
long as somebody takes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastapi import Depends, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import Problem
from app.core.http import language_header, problem_response
from app.core.problems import Unavailable
from app.core.refusing import NEVER_REFUSED

UNHURRIED_SECONDS = 300
"""For what is known to take long: imports, closing a period, an export until its first byte."""
UNTAKEN_SECONDS = 60
"""A reader who takes no byte of a streamed answer for so long has gone."""
_KEY = "sipas.deadline"

log = logging.getLogger(__name__)


class Deadline:
    """Answers 503 after `seconds`; at once, when `most` requests are under way already."""

    def __init__(self, app: ASGIApp, *, seconds: float, most: int) -> None:
        self.app = app
        self._seconds = seconds
        self._most = most
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.under_way >= self._most and scope["path"].encode() not in NEVER_REFUSED:
            await problem_response(Unavailable(), language_header(scope))(scope, receive, send)
            return
        self.under_way += 1
        try:
            await _Timed(scope, receive, send, self._seconds).run(self.app)
        finally:
            self.under_way -= 1


def give_time(scope: Scope, seconds: float = UNHURRIED_SECONDS) -> None:
    """Let this request take longer than most, from now on."""
    timed: _Timed | None = scope.get(_KEY)
    if timed is not None:
        timed.give(seconds)


def say_lateness(scope: Scope, answer: Callable[[Problem], Awaitable[Response]]) -> None:
    """Let the deadline of this request be answered so, and not with the problem as JSON."""
    timed: _Timed | None = scope.get(_KEY)
    if timed is not None:
        timed.answer = answer


async def _unhurried(request: Request) -> None:
    give_time(request.scope)


UNHURRIED = (Depends(_unhurried),)
"""The mark of a route that may take long: `dependencies=UNHURRIED`."""


class _Timed:
    """One request and its clock."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._whole = scope["method"] in {"GET", "HEAD"}
        self._begun = False
        self._refusal: asyncio.Task[None] | None = None
        self._clock = self._loop.call_later(seconds, self._strike)
        self.answer: Callable[[Problem], Awaitable[Response]] = self._as_json
        scope[_KEY] = self

    async def run(self, app: ASGIApp) -> None:
        """Run the application; returns when it has ended, and whoever asked has an answer."""
        try:
            await app(self._scope, self._arriving, self._leaving)
        except (Exception, asyncio.CancelledError) as error:
            if self._refusal is None:
                raise
            # answered already: what breaks while a cancelled request clears up is of use to the log alone
            log.warning("ended at its deadline", extra={"cause": type(error).__name__})
        finally:
            self._clock.cancel()
            if self._refusal is not None:
                if self._task is not None:
                    self._task.uncancel()
                await self._refusal

    def give(self, seconds: float) -> None:
        """Wind the clock anew, unless it has struck."""
        self._seconds = seconds
        if not self._begun and self._refusal is None:
            self._clock.cancel()
            self._clock = self._loop.call_later(seconds, self._strike)

    def _strike(self) -> None:
        if self._begun or self._task is None:
            return
        self._refusal = asyncio.create_task(self._refuse())
        self._task.cancel()

    async def _refuse(self) -> None:
        answer = await self.answer(Unavailable())
        await answer(self._scope, self._receive, self._send)

    async def _as_json(self, problem: Problem) -> Response:
        return problem_response(problem, language_header(self._scope))

    async def _arriving(self) -> Message:
        if self._whole:  # what comes after the body is the end of the connection
            return await self._receive()
        self._clock.cancel()
        message = await self._receive()
        self._whole = not message.get("more_body", False)
        self.give(self._seconds)
        return message

    async def _leaving(self, message: Message) -> None:
        if self._refusal is not None:
            return
        self._begun = True
        if not message.get("more_body", False):
            await self._send(message)
            return
        async with asyncio.timeout(UNTAKEN_SECONDS):
            await self._send(message)
