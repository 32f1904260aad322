"""From the sums of a group to the figures shown of it, for series, break-downs, rankings and drivers.

Pure. A figure that is hidden (`suppression` says which) is so with its counts, from which it could be had.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.core.texts import Language
from app.questionnaires.definition import Bilingual, Definition
from app.rollups.bands import band
from app.rollups.index import Estimate, Formula, estimate
from app.rollups.lanes import WHOLE, Shape, read_part, read_procedure, read_unit
from app.rollups.sums import Sums

Json = dict[str, Any]

_NOTHING = Sums.zero()


class Estimates(NamedTuple):
    """The figures of a group: the whole questionnaire's and each component's."""

    overall: Estimate
    components: list[Estimate]


def nothing(shape: Shape) -> Estimates:
    """Of no responses."""
    empty = estimate(_NOTHING, criteria=(), formula="pooled")
    return Estimates(empty, [empty] * len(shape.components))


def of_unit(shape: Shape, responses: int, digits: str, formula: Formula) -> Estimates:
    """From a tally of unit or channel cells."""
    tally = read_unit(shape, responses, digits)
    pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
    components = [
        estimate(sums, criteria=pairs[first : first + length], formula=formula)
        for (first, length), sums in zip(shape.components, tally.components, strict=True)
    ]
    return Estimates(estimate(tally.whole, criteria=pairs, formula=formula), components)


def of_procedure(shape: Shape, responses: int, digits: str) -> Estimates:
    """From a tally of procedure cells, which know no single criteria: always pooled."""
    tally = read_procedure(shape, responses, digits)
    return of_sums(tally.whole, tally.components)


def of_sums(whole: Sums, components: Sequence[Sums]) -> Estimates:
    """Pooled, from the sums alone."""
    return Estimates(
        estimate(whole, criteria=(), formula="pooled"),
        [estimate(sums, criteria=(), formula="pooled") for sums in components],
    )


def of_part(shape: Shape, place: int, responses: int, digits: str, formula: Formula) -> Estimate:
    """One figure of a tally of unit cells, of the WHOLE or a component: thousands are read for a ranking."""
    if formula == "pooled":
        return estimate(read_part(shape, place, responses, digits), criteria=(), formula="pooled")
    found = of_unit(shape, responses, digits, formula)
    return found.overall if place == WHOLE else found.components[place]


def figure(found: Estimate) -> Json:
    """A figure as the index shows it."""
    return {
        "percent": number(found.percent),
        "low": number(found.low),
        "high": number(found.high),
        "answers": found.answers,
        "satisfied": found.satisfied,
        "responses": found.responses,
        "band": band(found.ratio),
    }


def guarded(found: Estimate, *, hide: bool) -> Json:
    """The same, and whether it is suppressed."""
    if not hide:
        return {**figure(found), "suppressed": False}
    hidden = dict.fromkeys(("percent", "low", "high", "answers", "satisfied"))
    return {**hidden, "responses": found.responses, "band": None, "suppressed": True}


def of_group(found: Estimate, number: int, gone: Collection[int] | None) -> Json:
    """A figure by its number (see `suppression`), guarded where it is said which are gone."""
    return figure(found) if gone is None else guarded(found, hide=number in gone)


def body(
    responses: int,
    found: Estimates,
    definition: Definition,
    language: Language,
    gone: Collection[int] | None,
) -> Json:
    """The figures of a group; `gone` None suppresses nothing."""
    return {
        "responses": responses,
        "overall": of_group(found.overall, 0, gone),
        "components": [
            {"code": described.code, "title": said(described.title, language), **of_group(one, at, gone)}
            for at, (described, one) in enumerate(
                zip(definition.components, found.components, strict=True), 1
            )
        ],
    }


def number(value: Decimal | None) -> float | None:
    """Two exact decimals as the nearest JSON number."""
    return None if value is None else float(value)


def said(words: Bilingual, language: Language) -> str:
    """In the reader's language."""
    return words.en if language == "en" else words.vi


def as_of(oldest_mark: datetime | None, seen_at: datetime, zone: ZoneInfo) -> str:
    """Until when figures are complete: all that was received by then is counted and was seen."""
    return instant(seen_at if oldest_mark is None else min(oldest_mark, seen_at), zone)


def instant(moment: datetime, zone: ZoneInfo) -> str:
    """RFC 3339 in the deployment's zone; seconds are cut, so that nothing is promised."""
    local = moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC).astimezone(zone)
    return local.isoformat()
