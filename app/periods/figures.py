"""The body of a snapshot: every figure of every unit beneath one, and its fingerprint.

Pure: whole numbers in, JSON out. The same numbers give the same bytes, whoever counted them and whenever, so
that a later count from the responses can be held against the snapshot to the last digit.

A number is written as RFC 8785 (JSON Canonicalization Scheme) wants it: 90, not 90.0. Anybody can therefore
repeat the SHA-256 with any tool that knows the scheme.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

from app.par.scores import contribution, shown
from app.questionnaires.definition import Definition, Layout
from app.rollups.bands import DEFAULT_BANDS, band
from app.rollups.index import Estimate, Method, criterion_estimate, estimate, percent
from app.rollups.lanes import Shape, UnitTally, read_unit
from app.rollups.ranks import Standing, standings

Json = dict[str, Any]

FORMAT = 1
INTERVALS: Mapping[Method, str] = {
    1: "95 %, Wilson with effective sample size",
    2: "95 %, Wilson with effective sample size and Poisson ends",
}
"""How a snapshot says by which method its intervals were made."""


class Place(NamedTuple):
    """A unit of the tree as it is read; parents stand before their children."""

    id: int
    code: str
    name: str
    kind: str
    parent_id: int | None
    """None at the top of the period, whatever stands above it."""


class Cell(NamedTuple):
    """What was counted of one unit alone."""

    responses: int = 0
    held_back: int = 0
    tally: int = 0
    visits: int = 0
    answered: int = 0

    def __add__(self, other: "Cell") -> "Cell":  # type: ignore[override]  # numbers, not the parts of a tuple
        return Cell(*(one + another for one, another in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Ground:
    """All that a snapshot is computed from, by unit; units without anything may be missing."""

    places: Sequence[Place]
    cells: Mapping[int, Cell]
    reasons: Mapping[int, Mapping[str, int]]
    """Why responses were held back, and how many."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a snapshot is about."""

    name: str
    first: date
    last: date
    min_n: int
    method: Method = 2
    """Of the intervals; all snapshots of a period have that of its first."""


def method_of(body: Json) -> Method:
    """By which method the intervals of a snapshot were made; StopIteration for one that nobody knows."""
    return next(method for method, said in INTERVALS.items() if said == body["interval"])


def canonical(body: Json) -> str:
    """The one spelling of a body: sorted keys, no spaces, text as it is (RFC 8785 for what we write)."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    """SHA-256 of a canonical body, 64 hex digits."""
    return sha256(text.encode()).hexdigest()


def build(frame: Frame, definition: Definition, layout: Layout, ground: Ground) -> Json:
    """Every figure of every unit, with all beneath it."""
    totals = summed(ground.places, ground.cells)
    reasons: dict[int, dict[str, int]] = defaultdict(dict)
    for place in reversed(ground.places):
        own = reasons[place.id]
        for reason, times in ground.reasons.get(place.id, {}).items():
            own[reason] = own.get(reason, 0) + times
        if place.parent_id is not None:
            above = reasons[place.parent_id]
            for reason, times in own.items():
                above[reason] = above.get(reason, 0) + times
    shape = Shape.of(layout)
    codes = {place.id: place.code for place in ground.places}
    overall: dict[int, Estimate] = {}
    units: list[Json] = []
    for place in ground.places:
        cell = totals[place.id]
        tally = read_unit(shape, cell.responses, digits(cell.tally))
        figures, overall[place.id] = _figures(definition, layout, tally, frame.method)
        units.append(
            {
                "id": place.id,
                "code": place.code,
                "name": place.name,
                "kind": place.kind,
                "parent": None if place.parent_id is None else codes[place.parent_id],
                "responses": cell.responses,
                "held_back": cell.held_back,
                "held_back_by_reason": reasons[place.id],
                "visits": cell.visits,
                "visits_answered": cell.answered,
                "response_rate": number(percent(cell.answered, cell.visits)),
                **figures,
            }
        )
    for unit, rank in zip(units, ranks(ground.places, overall, frame.min_n), strict=True):
        unit["rank"] = rank
    return {
        "format": FORMAT,
        "name": frame.name,
        "from": str(frame.first),
        "to": str(frame.last),
        "questionnaire": {
            "code": definition.code,
            "version": definition.version,
            "title": definition.title.model_dump(),
            "components": [
                {"code": part.code, "title": part.title.model_dump()} for part in definition.components
            ],
        },
        "formula": definition.formula,
        "interval": INTERVALS[frame.method],
        "bands": [{"name": name, "from": int(edge)} for name, edge in DEFAULT_BANDS.lower_edges.items()],
        "min_n": frame.min_n,
        "units": units,
    }


def summed(places: Sequence[Place], cells: Mapping[int, Cell]) -> dict[int, Cell]:
    """Each unit's own with all beneath it."""
    totals = {place.id: cells.get(place.id, Cell()) for place in places}
    for place in reversed(places):
        if place.parent_id is not None:
            totals[place.parent_id] += totals[place.id]
    return totals


def ranks(
    places: Sequence[Place], overall: Mapping[int, Estimate], min_n: int
) -> list[dict[str, int | None] | None]:
    """Where each unit stands among its siblings of one kind; None at the top, which has none here."""
    siblings: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place in places:
        if place.parent_id is not None:
            siblings[place.parent_id, place.kind].append(place.id)
    found: dict[int, dict[str, int | None]] = {}
    for group in siblings.values():
        stands = standings([overall.get(unit) for unit in group], min_n=min_n)
        of = sum(one.rank is not None for one in stands)
        found |= {unit: _standing(one, of) for unit, one in zip(group, stands, strict=True)}
    return [found.get(place.id) for place in places]


def _standing(one: Standing, of: int) -> dict[str, int | None]:
    return {"rank": one.rank, "best": one.best, "worst": one.worst, "of": of}


def _figures(
    definition: Definition, layout: Layout, tally: UnitTally, method: Method
) -> tuple[Json, Estimate]:
    pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
    whole = estimate(tally.whole, criteria=pairs, formula=definition.formula, method=method)
    components = []
    for part, sums in zip(layout.components, tally.components, strict=True):
        places = range(part.first, part.first + part.length)
        criteria = [pairs[at] for at in places]
        figure = estimate(sums, criteria=criteria, formula=definition.formula, method=method)
        components.append(
            {
                "code": part.code,
                **_figure(figure),
                "sums": list(_sums(sums)),
                "criteria": [_criterion(layout.codes[at], tally.counts[at], method) for at in places],
            }
        )
    shown = {
        "overall": {**_figure(whole), "sums": list(_sums(tally.whole))},
        "par_index_points": par_index_points(whole.ratio),
        "components": components,
    }
    return shown, whole


def _sums(sums: Any) -> tuple[int, ...]:
    return sums.n, sums.x, sums.y, sums.xx, sums.xy, sums.yy


def _figure(found: Estimate) -> Json:
    return {
        "percent": number(found.percent),
        "low": number(found.low),
        "high": number(found.high),
        "answers": found.answers,
        "satisfied": found.satisfied,
        "responses": found.responses,
        "band": band(found.ratio),
    }


def _criterion(code: str, counts: Sequence[int], method: Method) -> Json:
    found = criterion_estimate(counts[1:], method)
    return {
        "code": code,
        "percent": number(found.percent),
        "low": number(found.low),
        "high": number(found.high),
        "answers": found.answers,
        "skipped": counts[0],
        "distribution": {str(answer): counts[answer] for answer in range(1, 6)},
    }


def par_index_points(ratio: Fraction | None) -> float | int | None:
    """What the index contributes to the PAR Index as it is shown; None without an answer."""
    return None if ratio is None else number(shown(contribution(ratio)))


def number(value: Decimal | None) -> float | int | None:
    """Two decimals as JSON writes them; 90.00 is 90."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def digits(tally: int) -> str:
    """A tally written out; through Decimal, because Python refuses to write out very long integers."""
    return f"{Decimal(tally):f}"
