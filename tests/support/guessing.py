"""Somebody who reads the public feed and guesses what is hidden: two desks of a commune, by one question.

The attacker knows the program and everything that is public, enumerates every snapshot that agrees with it,
and looks for a trace of one of them in what the feed tells.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import combinations_with_replacement
from typing import Any

import httpx
import orjson

from app.periods.figures import Cell, Frame, Ground, Place, build, canonical, digest_of
from app.questionnaires.definition import Definition, Layout
from app.rollups.compare import tally_of
from app.rollups.lanes import Shape
from tests.support.periods import PUBLIC

Desk = tuple[int, ...]
"""The answers of a desk, 1 to 5, in order."""
Guess = tuple[Desk, Desk]

_HASH = re.compile(r"\b[0-9a-f]{32,64}\b")
_ISSUE = ("issue", "issued_at", "snapshot_sha256_of")


@dataclass(frozen=True)
class Feed:
    """All that is public of a period: its document, and every hash that stands anywhere."""

    document: dict[str, Any]
    hashes: frozenset[str]


async def read_feed(http: httpx.AsyncClient, number: int) -> Feed:
    """Ask every public address about the period, as JSON and CSV, with its headers."""
    document = (await http.get(f"{PUBLIC}/{number}")).json()
    addresses = [PUBLIC, f"{PUBLIC}/{number}", f"{PUBLIC}/{number}?revision=1"]
    addresses += [f"{PUBLIC}/{number}/units/{unit['code']}" for unit in document["units"]]
    told = []
    for address in addresses:
        for form in ("json", "csv"):
            answer = await http.get(f"{address}{'&' if '?' in address else '?'}format={form}")
            assert answer.status_code == 200, answer.text
            told += [answer.text, str(answer.headers)]
    return Feed(document, frozenset(_HASH.findall(" ".join(told))))


def guesses(document: dict[str, Any]) -> Iterator[Guess]:
    """Every way in which two hidden desks may have answered, given what is shown of their commune."""
    shown = document["units"][0]["overall"]
    for first in range(1, shown["responses"]):
        for one in combinations_with_replacement(range(1, 6), first):
            for other in combinations_with_replacement(range(1, 6), shown["responses"] - first):
                if sum(answer > 3 for answer in one + other) == shown["satisfied"]:
                    yield one, other


def snapshot_of(document: dict[str, Any], definition: Definition, guess: Guess) -> str:
    """The snapshot as it would have been."""
    layout = Layout.of(definition)
    shape = Shape.of(layout)
    ids = {unit["code"]: unit["id"] for unit in document["units"]}
    places = [
        Place(unit["id"], unit["code"], unit["name"], unit["kind"], ids.get(unit["parent"]))
        for unit in document["units"]
    ]
    cells = {
        place.id: Cell(len(desk), 0, sum(tally_of(shape, bytes([answer]))[0] for answer in desk))
        for place, desk in zip(places[1:], guess, strict=True)
    }
    days = date.fromisoformat(document["from"]), date.fromisoformat(document["to"])
    frame = Frame(document["name"], *days, document["min_n"])
    return canonical(build(frame, definition, layout, Ground(places, cells, {})))


def traces(document: dict[str, Any], snapshot: str) -> Iterator[str]:
    """Whatever the feed may have told that is a function of the snapshot: its hash, and what holds that."""
    digest = digest_of(snapshot)
    yield digest
    told = {name: value for name, value in document.items() if name != "sha256"}
    now = {**told, "snapshot_sha256": digest}
    before = {name: value for name, value in now.items() if name not in _ISSUE}
    for issue in (now, before):
        text = canonical(issue)
        yield digest_of(text)
        sent = orjson.dumps({**orjson.loads(text), "sha256": digest_of(text)})
        yield sha256(sent).hexdigest()[:32]  # as an ETag


def found_by_guessing(feed: Feed, definition: Definition, hashes: frozenset[str]) -> tuple[set[Guess], int]:
    """The guesses that leave a trace among some hashes, and how many there were to try."""
    tries, found = 0, set[Guess]()
    for guess in guesses(feed.document):
        tries += 1
        if not hashes.isdisjoint(traces(feed.document, snapshot_of(feed.document, definition, guess))):
            found.add(guess)
    return found, tries
