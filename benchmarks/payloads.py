"""What citizens send, as bytes ready for the wire: shaped as real answers are, different from each other."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import orjson

from benchmarks.ground import Tablet

CRITERIA = ("A1", "B1", "C1", "D1", "E1")
_ID = "{id}"
_PLACEHOLDER = "00000000-0000-7000-8000-000000000000"  # as long as a real one
_COMMENTS = (
    "Cán bộ hướng dẫn rất tận tình.",
    "Phải chờ hơi lâu vào buổi sáng, nên có thêm ghế ngồi.",
    "Biển chỉ dẫn ở tầng hai chưa rõ.",
)
_AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


def answer(chance: random.Random, *, link: str | None = None) -> dict[str, object]:
    """One response: every third tells of themselves, every eighth writes a comment, E1 is often skipped."""
    answers: dict[str, int | None] = {
        code: chance.choices((1, 2, 3, 4, 5), (1, 2, 6, 46, 45))[0] for code in CRITERIA
    }
    if chance.random() < 0.6:
        answers["E1"] = None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    body: dict[str, object] = {
        "id": _ID,
        "questionnaire": {"code": "quick-5", "version": 1},
        "answers": answers,
        "language": "vi",
        "started_at": now,
        "submitted_at": now,
        "sent_at": now,
    }
    if link is not None:
        body["link"] = link
    if chance.random() < 1 / 3:
        body["respondent"] = {"gender": chance.choice(("female", "male")), "age_band": chance.choice(_AGES)}
    if chance.random() < 1 / 8:
        body["comment"] = chance.choice(_COMMENTS)
    return body


def probe(fresh: UUID) -> dict[str, object]:
    """A response that can be told from others by nothing but the unit it is for."""
    return {**answer(random.Random(fresh.int)), "id": str(fresh)}


def from_tablets(tablets: Iterable[Tablet], each: int, seed: int = 1) -> list[bytes]:
    """`each` different requests of every tablet, shuffled."""
    chance = random.Random(seed)
    made = [
        post("/api/v1/responses", answer(chance), f"Bearer {tablet.token}")
        for tablet in tablets
        for _ in range(each)
    ]
    chance.shuffle(made)
    return made


def from_links(links: Iterable[str], seed: int = 2) -> list[bytes]:
    """One request for each link."""
    chance = random.Random(seed)
    return [post("/api/v1/responses", answer(chance, link=link), None) for link in links]


def post(path: str, body: object, authorization: str | None) -> bytes:
    """A POST as it travels; `{id}` in the body stands for an id of 36 characters."""
    content = orjson.dumps(body)
    length = len(content.replace(_ID.encode(), _PLACEHOLDER.encode()))
    return (
        _request(
            "POST", path, authorization, f"content-type: application/json\r\ncontent-length: {length}\r\n"
        )
        + content
    )


def sign_in(username: str, password: str, cookie: str = "") -> bytes:
    """The password grant as it travels, with the cookie of a browser that signed in before."""
    content = urlencode({"grant_type": "password", "username": username, "password": password}).encode()
    more = f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(content)}\r\n"
    if cookie:
        more += f"cookie: {cookie}\r\n"
    return _request("POST", "/api/v1/auth/token", None, more) + content


def get(path: str, authorization: str | None) -> bytes:
    """A GET as it travels, without If-None-Match: nothing is answered from a cache."""
    return _request("GET", path, authorization, "")


def _request(method: str, path: str, authorization: str | None, more: str) -> bytes:
    allowed = f"authorization: {authorization}\r\n" if authorization else ""
    lines = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n{allowed}{more}\r\n"
    return lines.encode()
