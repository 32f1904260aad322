"""The chain of the record: what a line's seal is made of, and what breaks it. Pure.

A seal is SHA-256 over the seal of the line before and the line's canonical JSON. Days number their lines from
1, and the first line of a day follows the last one of the day before that has any: so no line in the middle,
and no whole day, can vanish without the next seal saying so. How it is made and what it cannot prove:
docs/decisions/0007-audit-chain.md.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

BEGINNING = bytes(32)
"""What the very first line follows."""

Kind = Literal["changed", "removed", "inserted", "reordered"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was written."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    details: Mapping[str, Any]
    unit_ids: Sequence[int]
    address: str | None
    request_id: str | None


class Place(NamedTuple):
    """Where in the chain a line stands."""

    day: date
    number: int
    previous: bytes
    seal: bytes


Sealed = tuple[Line, Place]


def canonical(line: Line, day: date) -> bytes:
    """A line and its day as JSON that comes out the same each time: sorted keys, no spaces, UTF-8, UTC."""
    said = {
        "action": line.action,
        "actor": line.actor,
        "address": line.address,
        "at": line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "day": day.isoformat(),
        "details": line.details,
        "id": line.id,
        "request_id": line.request_id,
        "target": line.target,
        "unit_ids": list(line.unit_ids),
    }
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def seal_of(line: Line, day: date, previous: bytes) -> bytes:
    """The line's seal: 32 bytes."""
    return hashlib.sha256(previous + canonical(line, day)).digest()


def next_place(line: Line, own_day: date, head: Place | None) -> Place:
    """The place of a new line behind the chain's head: in its own local day, or a later one begun since."""
    day = own_day if head is None else max(own_day, head.day)
    number = 1 if head is None or head.day != day else head.number + 1
    previous = BEGINNING if head is None else head.seal
    return Place(day, number, previous, seal_of(line, day, previous))


class Break(NamedTuple):
    """Something that is not as it was sealed. `id` is of the line at which it shows."""

    kind: Kind
    day: date
    number: int
    id: int
    lines: int = 1
    """How many lines are gone, as far as the numbers tell."""

    def __str__(self) -> str:
        where = f"{self.day}, line {self.number} (id {self.id})"
        if self.kind == "removed":
            gone = "a line before it is" if self.lines == 1 else f"{self.lines} lines before it are"
            return f"{where}: {gone} gone, or written anew"
        said = {
            "changed": "it was changed after it was sealed",
            "inserted": "it was put in between others afterwards",
            "reordered": "it does not stand where it was sealed",
        }
        return f"{where}: {said[self.kind]}"


@dataclass(slots=True)
class Check:
    """Follows the chain a day at a time, in its order, and remembers what is broken."""

    head: bytes = BEGINNING
    breaks: list[Break] = field(default_factory=list)
    before: Sequence[Sealed] = ()
    """The lines of the day before: something may have been put in at its end."""

    def follow(self, lines: Sequence[Sealed]) -> None:
        """Check one day's lines, in order of their numbers, behind the head; the head is then its last."""
        self.breaks.extend(_broken(self.before, lines, self.head))
        if lines:
            self.head, self.before = lines[-1][1].seal, lines


def _broken(before: Sequence[Sealed], today: Sequence[Sealed], start: bytes) -> Iterator[Break]:
    lines = [*before, *today]
    at = {start: len(before) - 1} | {place.seal: index for index, (_, place) in enumerate(lines)}
    head, expected = start, 1
    strange: set[int] = set()
    """Lines that are out of their place, said already."""
    for index, (line, place) in enumerate(today, len(before)):

        def found(kind: Kind, which: int = index) -> Break:
            strange.add(which)
            where = lines[which]
            return Break(kind, where[1].day, where[1].number, where[0].id)

        if seal_of(line, place.day, place.previous) != place.seal:
            yield found("changed")
        elif place.previous != head:
            followed = at.get(place.previous)
            if followed is None or followed == index:
                gone = place.number - expected
                yield Break("removed", place.day, place.number, line.id, max(gone, 1))
            elif followed > index:
                yield found("reordered")
            elif strange.isdisjoint(range(followed + 1, index)):
                for between in range(followed + 1, index):
                    yield found("inserted", between)
            else:
                strange.add(index)  # it follows a line that was moved: what moved was said
        elif place.number != expected:
            yield found("reordered")
        head, expected = place.seal, place.number + 1
