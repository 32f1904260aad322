"""An index over a change of the tree: with the units of the time, or with today's units and what became them.

The tree tells which units to add up on which days; they are read piece by piece in one snapshot and added.
Nothing is counted again: cells belong to units, and units are history.
"""

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.texts import Language, Text
from app.rollups import queries
from app.rollups.queries import Asked, Reading, Total
from app.rollups.schemas import Boundaries
from app.units import reorganisations
from app.units.forest import Forest, LeftOut, Piece, Succession, as_now, as_was, below

LONGEST_TALLY = 100_000

_LAST_DAY = text("SELECT valid_to FROM units WHERE code = :unit")

SPLIT_LEFT_OUT = Text(
    "Đơn vị {unit} được chia vào ngày {day}: số liệu trước đó không phân bổ được"
    " cho {heirs} nên không cộng vào.",
    "The unit {unit} was split on {day}: its figures before then cannot be shared out to {heirs}"
    " and are left out.",
)
SPLIT_OUT_OF_REACH = Text(
    "Một đơn vị ngoài phạm vi của bạn được chia vào ngày {day}: số liệu trước đó không phân bổ được"
    " cho {heirs} nên không cộng vào.",
    "A unit outside your reach was split on {day}: its figures before then cannot be shared out to {heirs}"
    " and are left out.",
)


class Bounded(NamedTuple):
    """A reading, and what had to be left out of it."""

    reading: Reading
    left_out: list[dict[str, Any]]


async def read(
    connection: AsyncConnection, asked: Asked, boundaries: Boundaries, today: date, language: Language
) -> Bounded | None:
    """Sums as `queries.read` gives them; None for a unit unknown or out of reach. Wants one snapshot."""
    if boundaries == "as_was" and not asked.subtree:
        reading = await queries.read(connection, asked)
        return None if reading is None else Bounded(reading, [])
    successions = await reorganisations.read_successions(connection)
    split = any(one.split for one in successions)
    if (
        boundaries == "as_now"
        and asked.subtree
        and not split
        and not await _is_closed(connection, asked, today)
    ):
        # merged units hang beneath their heirs: the tree as it stands says it all
        reading = await queries.read(connection, asked)
        return None if reading is None else Bounded(reading, [])
    forest = await reorganisations.read_forest(connection)
    top = next((node.id for node in forest.values() if node.now.code == asked.unit_code), None)
    if top is None:
        return None
    pieces, left_out = _pieces(forest, successions, top, asked, boundaries, today)
    readings = []
    for piece in pieces or [Piece(asked.first, asked.last, ())]:
        part = asked._replace(first=piece.first, last=piece.last, units=piece.units)
        reading = await queries.read(connection, part)
        if reading is None:
            return None
        readings.append(reading)
    units = {unit for piece in pieces for unit in piece.units}
    pending, oldest = await queries.pending(connection, units)
    whole = _sum(readings)._replace(pending=pending, oldest_mark=oldest)
    reached = _reached(forest, asked.reach)
    return Bounded(
        whole, [_note(forest, one, reached, language) for one in left_out if one.day > asked.first]
    )


async def _is_closed(connection: AsyncConnection, asked: Asked, today: date) -> bool:
    last_day = await connection.scalar(_LAST_DAY, {"unit": asked.unit_code})
    return last_day is not None and last_day < today


def _pieces(
    forest: Forest,
    successions: list[Succession],
    top: int,
    asked: Asked,
    boundaries: Boundaries,
    today: date,
) -> tuple[list[Piece], list[LeftOut]]:
    if boundaries == "as_was":
        return as_was(forest, top, asked.first, asked.last), []
    return as_now(forest, successions, top, asked.first, asked.last, today, own=not asked.subtree)


def _sum(readings: list[Reading]) -> Reading:
    """The pieces together; a questionnaire of which nothing was counted in any of them is left out."""
    found: dict[int, Total] = {}
    for total in (total for reading in readings for total in reading.totals):
        known = found.get(total.questionnaire_id)
        found[total.questionnaire_id] = total if known is None else _added(total, known)
    return readings[0]._replace(
        totals=sorted(total for total in found.values() if total.responses > 0),
        visits=sum(reading.visits for reading in readings),
        answered=sum(reading.answered for reading in readings),
    )


def _added(one: Total, other: Total) -> Total:
    return Total(
        one.questionnaire_id,
        one.responses + other.responses,
        one.held_back + other.held_back,
        _digits((one.tally, other.tally)),
    )


def _digits(tallies: Iterable[str]) -> str:
    """Added as decimals, because Python refuses to read and write very long integers."""
    with localcontext(prec=LONGEST_TALLY):
        return f"{sum(map(Decimal, tallies), Decimal()):f}"


def _reached(forest: Forest, tops: Collection[int] | None) -> Collection[int]:
    if tops is None:
        return forest.keys()
    standing = [(node.id, node.now.parent) for node in forest.values()]
    return {unit for top in tops for unit in below(top, standing)}


def _note(forest: Forest, one: LeftOut, reached: Collection[int], language: Language) -> dict[str, Any]:
    """What is left out, naming none but units within the reach."""
    heirs = [forest[heir].now.code for heir in one.heirs if heir in reached]
    unit = forest[one.unit].now if one.unit in reached else None
    told = {"unit": unit.code if unit else None, "day": one.day, "heirs": ", ".join(heirs)}
    return {
        "code": "split_left_out",
        "unit": {"code": unit.code, "name": unit.name, "kind": unit.kind} if unit else None,
        "on": one.day,
        "successors": heirs,
        "detail": (SPLIT_LEFT_OUT if unit else SPLIT_OUT_OF_REACH).render(language, told),
    }
