"""The load: a process of its own that costs little and treats every server alike.

Keep-alive connections over one epoll loop, HTTP/1.1 without pipelining, one request under way on each
connection. No event loop library and no HTTP library: on two cores the load must not eat what it measures.
What a request costs here is measured and printed with the results.

Closed loop: each connection asks again as soon as it has heard; that finds how much a server can take.
Open loop (`rate`): requests fall due at fixed instants whatever the server does, and a late one has waited
since it was due; that finds how long people wait. What finds no free connection until the end is not sent.
Rush (`stretches`): an open loop whose rate changes, and in which nobody queues inside the client. What falls
due while every connection waits is given up: a citizen who finds nobody comes again another time. Connections
are opened when they are wanted and the one used last is used first, so that a crowd comes as one and goes.

A job is read as one pickle from standard input, its result written as one to standard output.
"""

import asyncio
import errno
import os
import pickle
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle

_HEADER_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_PATIENCE = 30.0  # seconds for the last answers
_NEVER = float("inf")


@dataclass(frozen=True)
class Job:
    """What to send: every request is one of `templates` in turn; `{id}` in one becomes a fresh UUID.

    `once`: each template is sent once, and the job ends early when they are used up. `stretches`: seconds and
    requests a second of each part of a rush; then `seconds` and `rate` say nothing.
    """

    port: int
    templates: list[bytes]
    seconds: float
    connections: int = 64
    rate: float | None = None
    once: bool = False
    stretches: tuple[tuple[float, float], ...] = ()


@dataclass
class Result:
    """What came back. Times in seconds; `acknowledged`: ids answered with 201.

    `due`, `answered`: when each answer's request fell due, in seconds since the beginning, and its status;
    `unsent`: requests that never found a free connection while the job went on; `alone`: when those of a rush
    fell due.
    """

    seconds: float
    statuses: dict[int, int]
    latencies: list[float]
    cpu_seconds: float
    acknowledged: list[str] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    unsent: int = 0
    alone: list[float] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """Requests that were answered."""
        return sum(self.statuses.values())

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that `share` (0 to 1) of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Requests:
    """Requests with fresh ids: version 7 by shape, the time in front as tablets make them, then a counter."""

    def __init__(self, job: Job) -> None:
        split = [template.split(b"{id}") for template in job.templates]
        parts = [(pieces[0], pieces[1] if len(pieces) > 1 else None) for pieces in split]
        self._parts: Iterator[tuple[bytes, bytes | None]] = iter(parts) if job.once else cycle(parts)
        self._run = f"{time.time_ns() // 1000 & 0xFFF:03x}"
        self._made = 0

    def next(self) -> tuple[bytes, str | None]:
        """The bytes to send and the id in them; StopIteration when a job that sends once is done."""
        head, tail = next(self._parts)
        if tail is None:
            return head, None
        self._made += 1
        stamp = f"{int(time.time() * 1000):012x}"
        fresh = f"{stamp[:8]}-{stamp[8:]}-7{self._run}-8{self._run}-{self._made:012x}"
        return b"%b%b%b" % (head, fresh.encode(), tail), fresh


class _Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = _Requests(job)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._asked: dict[int, tuple[float, str | None, bytes]] = {}
        self._partial: dict[int, bytes] = {}
        self._idle: deque[int] = deque()
        self._calling: set[int] = set()
        self.statuses: dict[int, int] = {}
        self.latencies: list[float] = []
        self.acknowledged: list[str] = []
        self.due: list[float] = []
        self.answered: list[int] = []
        self.unsent = 0
        self.alone: list[float] = []

    def run(self) -> Result:
        if not self._job.stretches:
            self._idle.extend(self._connect() for _ in range(self._job.connections))
        cpu, began = time.process_time(), time.perf_counter()
        if self._job.stretches:
            self._rush(began)
        elif self._job.rate is None:
            self._closed(began + self._job.seconds)
        else:
            self._open(began, self._job.rate)
        seconds = time.perf_counter() - began
        for each in self._sockets.values():
            each.close()
        used = time.process_time() - cpu
        return Result(
            seconds,
            self.statuses,
            self.latencies,
            used,
            self.acknowledged,
            [each - began for each in self.due],
            self.answered,
            self.unsent,
            [each - began for each in self.alone],
        )

    def _connect(self) -> int:
        each = socket.create_connection(("127.0.0.1", self._job.port))
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
        self._sockets[each.fileno()] = each
        self._poll.register(each, select.EPOLLIN)
        return each.fileno()

    def _call(self) -> int:
        """A connection that is not there yet: the kernel says when it is, and nothing waits for it."""
        each = socket.socket()
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
        found = each.connect_ex(("127.0.0.1", self._job.port))
        if found not in (0, errno.EINPROGRESS):
            raise OSError(found, os.strerror(found))
        self._sockets[each.fileno()] = each
        self._poll.register(each, select.EPOLLOUT)
        self._calling.add(each.fileno())
        return each.fileno()

    def _connect_again(self, each: int) -> None:
        """The server closes connections that had nothing to do; what crossed with that is sent once more."""
        if each in self._partial:
            raise ConnectionError("the server closed a connection in the middle of an answer")
        self._poll.unregister(each)
        self._sockets.pop(each).close()
        if self._job.stretches and each not in self._asked:
            self._idle.remove(each)
            return
        fresh = self._call() if self._job.stretches else self._connect()
        if each in self._asked:
            self._asked[fresh] = self._asked.pop(each)
            if fresh not in self._calling:
                self._send(fresh)
        else:
            self._idle.remove(each)
            self._idle.append(fresh)

    def _closed(self, until: float) -> None:
        while self._idle:
            self._ask(self._idle.popleft(), time.perf_counter())
        while self._asked:
            going_on = time.perf_counter() < until
            for each in self._hear():
                if going_on:
                    self._ask(each, time.perf_counter())
            self._give_up_after(until)

    def _open(self, began: float, rate: float) -> None:
        sent, total = 0, int(rate * self._job.seconds)
        until = began + self._job.seconds
        while (going_on := sent < total and time.perf_counter() < until) or self._asked:
            now = time.perf_counter()
            while going_on and sent < total and self._idle and (due := began + sent / rate) <= now:
                self._ask(self._idle.popleft(), due)
                sent += 1
            due = began + sent / rate if going_on and sent < total and self._idle else _NEVER
            self._idle.extend(self._hear(min(1.0, max(0.0, due - time.perf_counter()))))
            self._give_up_after(until)
        self.unsent = total - sent

    def _rush(self, began: float) -> None:
        due, until, reached = began, began + sum(seconds for seconds, _ in self._job.stretches), began
        for seconds, rate in self._job.stretches:
            reached += seconds
            while due < reached:
                self._idle.extend(self._hear(min(1.0, max(0.0, due - time.perf_counter()))))
                now = time.perf_counter()
                while due <= now and due < reached:
                    self._ask_whoever_is_free(due)
                    due += 1 / rate
        while self._asked and time.perf_counter() < until + _PATIENCE:
            self._idle.extend(self._hear())
        self.alone += [due for due, *_ in self._asked.values()]  # never answered

    def _ask_whoever_is_free(self, due: float) -> None:
        if self._idle:
            self._ask(self._idle.pop(), due)
        elif len(self._sockets) < self._job.connections:
            self._ask(self._call(), due)
        else:
            self.unsent += 1
            self.alone.append(due)

    def _give_up_after(self, until: float) -> None:
        if time.perf_counter() > until + _PATIENCE:
            raise TimeoutError(f"{len(self._asked)} requests were never answered")

    def _ask(self, each: int, due: float) -> None:
        try:
            request, fresh = self._requests.next()
        except StopIteration:
            return
        self._asked[each] = due, fresh, request
        if each not in self._calling:
            self._send(each)

    def _send(self, each: int) -> None:
        request = self._asked[each][2]
        with suppress(ConnectionError, TimeoutError):  # closed, or never let in: the poll will say so
            if self._sockets[each].send(request) != len(request):
                raise RuntimeError("a request did not fit into the socket's buffer")

    def _receive(self, each: int) -> bytes:
        try:
            return self._sockets[each].recv(262_144)
        except (ConnectionError, TimeoutError):  # the request and the end of its connection crossed
            return b""

    def _hear(self, timeout: float = 1.0) -> Iterator[int]:
        """The connections whose answer is complete by now."""
        for each, _ in self._poll.poll(timeout):
            if each in self._calling:
                self._calling.remove(each)
                self._poll.modify(each, select.EPOLLIN)
                self._send(each)
                continue
            received = self._receive(each)
            if not received:
                self._connect_again(each)
                continue
            if each in self._partial:
                received = self._partial.pop(each) + received
            if not _complete(received):
                self._partial[each] = received
                continue
            due, fresh, _ = self._asked.pop(each)
            self.latencies.append(time.perf_counter() - due)
            self.due.append(due)
            status = int(received[9:12])
            self.answered.append(status)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 201 and fresh is not None:
                self.acknowledged.append(fresh)
            yield each


def _complete(received: bytes) -> bool:
    end = received.find(_HEADER_END)
    if end < 0:
        return False
    place = received.find(_LENGTH, 0, end)
    if place < 0:
        raise RuntimeError(f"an answer without a length: {received[:200]!r}")
    length = int(received[place + len(_LENGTH) : received.index(b"\r", place)])
    return len(received) >= end + len(_HEADER_END) + length


async def load(job: Job) -> Result:
    """Run a job in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from benchmarks.generator import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(pickle.dumps(job))
    if process.returncode:
        raise RuntimeError("the load generator failed")
    result = pickle.loads(output)  # noqa: S301  our own process wrote it
    if not isinstance(result, Result):
        raise TypeError("the load generator answered something else")
    return result


def main() -> None:
    """Read a job, run it, write its result."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301  our own process wrote it
    sys.stdout.buffer.write(pickle.dumps(_Load(job).run()))
