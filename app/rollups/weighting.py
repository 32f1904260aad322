"""`weighting=visits`: beside each result, the same figures with every stratum at the weight of its visits.

A stratum is what visits and responses both know. A response through a link knows its unit and its
procedure's field, one from a tablet its unit alone; so each channel is weighted to the whole frame by
itself, and the channels are put together in equal shares (`weights`): links always, for every visit has
one. Which strata, the reader chooses: by field, by unit, or by both. A stratum with visits and no response
leaves no weighted figure: it is named, and the reader may choose coarser ones. What a single channel says is
suppressed under `min_n` responses, with what would give it away, as everywhere.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.subjects import Subject
from app.core.deps import Period
from app.questionnaires.published import Published, PublishedQuestionnaires
from app.rollups import frame, suppression
from app.rollups.bands import band
from app.rollups.frame import Cell, Frame
from app.rollups.lanes import Shape, read_procedure, read_unit
from app.rollups.schemas import Channel, Scope, Strata
from app.rollups.sums import Sums
from app.rollups.weights import Part, Weighted, rounded, weigh

Json = dict[str, Any]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
KNOWS_FIELD: Channel = "link"
"""The only channel whose responses know what they were for: nobody asks it at a tablet."""


class Seen(NamedTuple):
    """Counted responses; `sets` are the sums of the whole questionnaire, then of each component."""

    responses: int
    sets: tuple[Sums, ...]


class Stratum(NamedTuple):
    """Where visits and responses meet; None where it is not told apart, or where there is none."""

    channel: Channel
    unit_id: int | None
    field: str | None


class Filled(NamedTuple):
    """A stratum with its visits and responses."""

    stratum: Stratum
    visits: int
    seen: Seen


class Question(NamedTuple):
    """What is asked for, and the units of the scope with their codes."""

    strata: Strata
    channel: Channel | None
    units: Mapping[int, str]
    min_n: int

    @property
    def by_unit(self) -> bool:
        return self.strata != "field"

    @property
    def by_field(self) -> bool:
        return self.strata != "unit"


async def add(
    session: AsyncSession,
    questionnaires: PublishedQuestionnaires,
    subject: Subject,
    body: Json,
    period: Period,
    scope: Scope,
    channel: Channel | None,
    strata: Strata,
    min_n: int,
) -> None:
    """Put `weighting` into each result of an index that was read in the same snapshot."""
    units = await frame.scope_of(session, subject, body["unit"]["code"], below=scope == "subtree")
    asked = Question(strata, channel, units, min_n)
    known = await frame.read(
        session, list(units), period.first, period.last, by_unit=asked.by_unit, by_field=asked.by_field
    )
    for result in body["results"]:
        named = result["questionnaire"]
        published = await questionnaires.get(named["code"], named["version"])
        if published is None:
            raise LookupError(f"{named} has a result and is not known")
        result["weighting"] = block(published, known, asked, result["formula"])


def block(published: Published, known: Frame, asked: Question, formula: str) -> Json:
    """The weighting of one questionnaire version."""
    visits = {
        (group.unit_id, group.field): count
        for group, count in known.visits.items()
        if group.questionnaire_id == published.id
    }
    seen = _seen(published, known, asked)
    used = [one for one in CHANNELS if _is_used(one, seen, asked.channel)]
    frames = {one: _frame_of(visits, one) for one in used}
    filled = {
        one: [Filled(each, count, seen[each]) for each, count in frames[one].items() if each in seen]
        for one in used
    }
    empty = [(each, count) for one in used for each, count in frames[one].items() if each not in seen]
    reason = "not_pooled" if formula != "pooled" else "no_visits" if not visits else None
    gone = _hidden(published, known, asked.min_n)
    by_channel = []
    for one in used:
        whole = reason is None and not any(each.channel == one for each, _ in empty)
        by_channel.append(
            {
                "channel": one,
                "share": _number(rounded(Fraction(1, len(used)))),
                "responses": sum(found.responses for each, found in seen.items() if each.channel == one),
                "overall": _figures(published, filled[one], 1, gone.get(one, frozenset()))[0]
                if whole
                else None,
            }
        )
    reason = "empty_strata" if reason is None and empty else reason
    everything = [each for one in used for each in filled[one]]
    guard = None if asked.channel is None else gone.get(asked.channel, frozenset())
    figures = None if reason else _figures(published, everything, len(used), guard)
    codes = [part.code for part in published.layout.components]
    return {
        "frame": "visits",
        "strata": asked.strata,
        "visits": sum(visits.values()),
        "outside": sum(found.responses for each, found in seen.items() if each not in frames[each.channel]),
        "reason": reason,
        "overall": None if figures is None else figures[0],
        "components": None
        if figures is None
        else [{"code": code, **figure} for code, figure in zip(codes, figures[1:], strict=True)],
        "channels": by_channel,
        "empty": [{**_shown(each, asked), "visits": count} for each, count in _in_order(empty, asked)],
        "weights": [
            {
                **_shown(one.stratum, asked),
                "visits": one.visits,
                "responses": one.seen.responses,
                "weight": _number(rounded(Fraction(one.visits, one.seen.responses * len(used)))),
            }
            for _, one in _in_order([(one.stratum, one) for one in everything], asked)
        ],
    }


def _is_used(channel: Channel, seen: Mapping[Stratum, Seen], asked: Channel | None) -> bool:
    """Every visit has a link, answered or not; other ways to answer are there where somebody took them."""
    if asked is not None:
        return channel == asked
    return channel == KNOWS_FIELD or any(stratum.channel == channel for stratum in seen)


def _frame_of(visits: Mapping[tuple[int | None, str | None], int], channel: Channel) -> dict[Stratum, int]:
    """The visits by what a channel's responses know of themselves."""
    strata: dict[Stratum, int] = {}
    for (unit, field), count in visits.items():
        stratum = Stratum(channel, unit, field if channel == KNOWS_FIELD else None)
        strata[stratum] = strata.get(stratum, 0) + count
    return strata


def _seen(published: Published, known: Frame, asked: Question) -> dict[Stratum, Seen]:
    """The responses of each stratum that has any."""
    shape = Shape.of(published.layout)
    seen: dict[Stratum, Seen] = {}
    for (group, name), cell in known.channels.items():
        channel = next(one for one in CHANNELS if one == name)
        if group.questionnaire_id == published.id and asked.channel in {channel, None}:
            seen[Stratum(channel, group.unit_id, None)] = _unit_cell(shape, cell)
    if not asked.by_field or asked.channel not in {KNOWS_FIELD, None}:
        return seen
    for group, cell in known.fields.items():
        if group.questionnaire_id != published.id:
            continue
        found, rest = _procedure_cell(shape, cell), Stratum(KNOWS_FIELD, group.unit_id, None)
        seen[Stratum(KNOWS_FIELD, group.unit_id, group.field)] = found
        seen[rest] = _without(seen[rest], found)  # what is left came from visits without a procedure
    return {stratum: found for stratum, found in seen.items() if found.responses}


def _unit_cell(shape: Shape, cell: Cell) -> Seen:
    tally = read_unit(shape, cell.responses, cell.tally)
    return Seen(cell.responses, (tally.whole, *tally.components))


def _procedure_cell(shape: Shape, cell: Cell) -> Seen:
    tally = read_procedure(shape, cell.responses, cell.tally)
    return Seen(cell.responses, (tally.whole, *tally.components))


def _without(all_of: Seen, part: Seen) -> Seen:
    return Seen(
        all_of.responses - part.responses,
        tuple(one - other for one, other in zip(all_of.sets, part.sets, strict=True)),
    )


def _hidden(published: Published, known: Frame, min_n: int) -> dict[Channel, suppression.Gone]:
    """What is hidden of each channel, weighted or not."""
    shape = Shape.of(published.layout)
    people: dict[Channel, suppression.People] = {}
    for (group, name), cell in known.channels.items():
        if group.questionnaire_id == published.id:
            channel = next(one for one in CHANNELS if one == name)
            more = suppression.of_tally(read_unit(shape, cell.responses, cell.tally))
            people[channel] = suppression.added((people[channel], more)) if channel in people else more
    whole = suppression.added(people.values())
    return suppression.among_groups(people, whole, shape, min_n)


def _figures(
    published: Published, filled: Iterable[Filled], shares: int, gone: Collection[int] | None
) -> list[Json]:
    """The weighted figure of the whole, then of each component; of a single channel with what is gone."""
    filled = list(filled)
    return [
        _figure(
            weigh([Part(one.visits, one.seen.responses, one.seen.sets[at], shares) for one in filled]),
            None if gone is None else at in gone,
        )
        for at in range(1 + len(published.layout.components))
    ]


def _figure(found: Weighted, hide: bool | None) -> Json:
    if hide:
        hidden = dict.fromkeys(("percent", "low", "high", "effective_n", "band"))
        return {**hidden, "responses": found.responses, "suppressed": True}
    shown = {
        "percent": _number(found.percent),
        "low": _number(found.low),
        "high": _number(found.high),
        "responses": found.responses,
        "effective_n": _number(found.effective_n),
        "band": band(found.ratio),
    }
    return shown if hide is None else {**shown, "suppressed": False}


def _shown(stratum: Stratum, asked: Question) -> Json:
    shown: Json = {"channel": stratum.channel}
    if asked.by_unit:
        shown["unit"] = None if stratum.unit_id is None else asked.units[stratum.unit_id]
    if asked.by_field and stratum.channel == KNOWS_FIELD:
        shown["field"] = stratum.field
    return shown


def _in_order(strata: list[tuple[Stratum, Any]], asked: Question) -> list[tuple[Stratum, Any]]:
    return sorted(
        strata,
        key=lambda one: (
            CHANNELS.index(one[0].channel),
            asked.units.get(one[0].unit_id or 0, ""),
            one[0].field or "",
        ),
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
