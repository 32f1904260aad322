"""Responses that were being written when a snapshot was taken: which of them does it hold?

Pure. A response bears the moment at which it was received, and is committed a moment later; so a snapshot
taken in between lacks one that was received before it. Which ones it holds can only be read from its own
numbers: they must be what was certain by then, and some of those that were under way.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

Json = dict[str, Any]
Numbers = Counter[Hashable]
"""Responses, those held back by reason, and those by place of the criterion and answer (0: none)."""

MOST_TRIES = 10_000
MOST_KINDS = 100
"""Of different responses under way in one unit."""


def numbers(verdict: str, reason: str | None, answers: bytes) -> Numbers:
    """What one response adds."""
    if verdict != "counted":
        return Counter({("held back", reason or ""): 1})
    return Counter({"responses": 1} | dict.fromkeys(enumerate(answers), 1))


def own_numbers(body: Json) -> dict[int, Numbers]:
    """What each unit of a snapshot has of its own: its numbers less those of its children."""
    own: dict[int, Numbers] = {}
    ids = {unit["code"]: unit["id"] for unit in body["units"]}
    for unit in body["units"]:
        found: Numbers = Counter({"responses": unit["responses"]})
        found.update({("held back", reason): times for reason, times in unit["held_back_by_reason"].items()})
        criteria = [one for component in unit["components"] for one in component["criteria"]]
        for place, one in enumerate(criteria):
            found[place, 0] = one["skipped"]
            found.update({(place, int(answer)): times for answer, times in one["distribution"].items()})
        own[unit["id"]] = Counter(found)
        if unit["parent"] is not None:  # parents stand before their children
            own[ids[unit["parent"]]].subtract(found)
    return own


def less(whole: Numbers, part: Numbers) -> Numbers:
    """What is missing of the whole; below zero where the part has more."""
    rest: Numbers = Counter(whole)
    rest.subtract(part)
    return rest


def some_of(rows: Sequence[tuple[Numbers, int]], missing: Numbers) -> list[int] | None:
    """How often to take each row, at most so many times, to make up what is missing; None: in no way.

    Also None when that is not found within MOST_TRIES, or there are more than MOST_KINDS.
    """
    if len(rows) > MOST_KINDS:
        return None
    tries = 0

    def rest(at: int, left: Numbers) -> list[int] | None:
        nonlocal tries
        tries += 1
        if tries > MOST_TRIES:
            return None
        if at == len(rows):
            return None if any(left.values()) else []
        row, most = rows[at]
        for taken in range(min(most, *(left[name] for name in row)), -1, -1):
            further = less(left, Counter({name: taken * by for name, by in row.items()}))
            if (found := rest(at + 1, further)) is not None:
                return [taken, *found]
        return None

    return rest(0, missing)
