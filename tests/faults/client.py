"""A keep-alive HTTP/1.1 client that tells exactly how far a request came.

HTTP libraries repeat some broken requests by themselves and hide where a connection ended. Here that is what
is to be known: whether anything of an answer had come, and whether the connection had served before.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 60.0


class Broken(Exception):
    """No whole answer came: whether the request was done is unknown."""

    def __init__(self, why: str, *, reused: bool = False, begun: bool = False) -> None:
        super().__init__(why)
        self.reused = reused
        """The connection had carried requests before: the server may have closed it while it was idle."""
        self.begun = begun
        """A part of the answer had come."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def retry_after(self) -> float:
        """Seconds the server asks for before the next try."""
        return float(self.headers.get("retry-after", "0.2"))


class Line:
    """One connection, made anew when the last one has ended; one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        bearer: str | None = None,
        form: str | None = None,
    ) -> Answer:
        """Send a request and read its whole answer; Broken when none came."""
        kind, content = "application/json", b"" if body is None else json.dumps(body).encode()
        if form is not None:
            kind, content = "application/x-www-form-urlencoded", form.encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: 127.0.0.1:{self._port}",
            f"content-length: {len(content)}",
        ]
        if content:
            lines.append(f"content-type: {kind}")
        if bearer:
            lines.append(f"authorization: Bearer {bearer}")
        request = "\r\n".join([*lines, "", ""]).encode() + content
        reader, writer = await self._open()
        reused, begun = self._served > 0, False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(request)
                await writer.drain()
                first = await reader.readline()
                begun = bool(first)
                if not first:
                    raise EOFError("the connection ended")
                head = await reader.readuntil(b"\r\n\r\n")
                headers = _headers(head)
                answer = Answer(
                    int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))
                )
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Broken(f"{type(error).__name__}: {error}", reused=reused, begun=begun) from error
        except BaseException:  # cancelled half-way: nobody can use this connection any more
            self.close()
            raise
        self._served += 1
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
        self._served = 0

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._reader.at_eof():
            self.close()  # closed while idle, and we have heard of it in time
        if self._reader is None or self._writer is None:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            except (OSError, TimeoutError) as error:
                raise Broken(f"{type(error).__name__}: {error}") from error
        return self._reader, self._writer


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
