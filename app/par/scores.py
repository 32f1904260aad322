"""Points of a score sheet: what may stand there, and what it adds up to. Pure, decimals only, never a float.

A domain's points are its appraised score and its survey score together (thẩm định + điều tra xã hội học); the
self-score (tự đánh giá) stands beside them and counts for nothing. Where only the sum was published, it is
given as `points` in their place. A domain with none of the three has no points yet, which is not 0.

A total is the exact sum. A published total may differ, because it was summed before rounding: Bắc Giang's
eight domains of 2020 add up to 85.59, and 85.58 was published. Neither is mended; the difference is said.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from app.core.faults import Fault, pointer
from app.par.templates import OWN, WHOLE, Domain, Template, Words

MAX_DECIMALS = 4
MAX_DOMAINS = 20
SATISFACTION_POINTS = 10
"""Of the 100 points, those that citizens' satisfaction brings (domain.md, confirmed)."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,15})?")
_HUNDREDTH = Decimal("0.01")


class Score(NamedTuple):
    """What somebody says of one domain; `code` as sent. Title and maximum None: the template's."""

    code: str
    self_score: Decimal | None = None
    appraised_score: Decimal | None = None
    survey_score: Decimal | None = None
    points: Decimal | None = None
    max_points: Decimal | None = None
    title: Words | None = None


class Scored(NamedTuple):
    """A domain with its scores, as it is stored."""

    domain: Domain
    self_score: Decimal | None = None
    appraised_score: Decimal | None = None
    survey_score: Decimal | None = None
    given_points: Decimal | None = None

    @property
    def points(self) -> Decimal | None:
        """What the domain brings; None while nothing is known."""
        return _points(self.given_points, self.appraised_score, self.survey_score)


class Totals(NamedTuple):
    """Exact sums over the domains; each None while a domain has nothing to add."""

    max_points: Decimal
    self_score: Decimal | None
    appraised_score: Decimal | None
    survey_score: Decimal | None
    points: Decimal | None


SCORES = ("self_score", "appraised_score", "survey_score", "points")


def contribution(ratio: Fraction) -> Fraction:
    """Points that a satisfaction index brings to the PAR Index: index % x 0.10, of 10 points (domain.md).

    `ratio` is the exact share of satisfied answers in [0, 1], not a percentage; the result is as exact, and
    `shown` rounds it. ValueError outside.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"{ratio} is not a ratio between 0 and 1")
    return ratio * SATISFACTION_POINTS


def shown(points: Fraction | Decimal) -> Decimal:
    """Points as people read them: two decimals, rounded half up (away from zero below it)."""
    exact = Fraction(points) * 100
    whole = (abs(exact) + Fraction(1, 2)).__floor__()
    return (Decimal(whole if exact >= 0 else -whole) / 100).quantize(_HUNDREDTH)


def plain(points: Decimal) -> Decimal:
    """The same number with at least two decimals and no exponent: 8.5 -> 8.50, 7.9250 -> 7.925."""
    decimals = max(2, -_exponent(points.normalize()))
    return points.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP) + 0


def read_points(text: str) -> Decimal | None:
    """The number of a text such as `7.92`; None where it is none.

    A comma is taken for the point, as Vietnamese spreadsheets write it: no score reaches the thousands.
    """
    return Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def points_fault(value: Decimal, most: Decimal, where: str) -> Fault | None:
    """What is wrong with one number of points, if anything."""
    if value < 0:
        return Fault(where, "too_small", {"limit": 0})
    if -_exponent(value.normalize()) > MAX_DECIMALS:
        return Fault(where, "too_many_decimals", {"limit": MAX_DECIMALS})
    if value > most:
        return Fault(where, "above_maximum", {"limit": format(most.normalize(), "f")})
    return None


def scored(
    template: Template | None, sent: Sequence[Score], *, complete: bool
) -> tuple[list[Scored], list[Fault]]:
    """What was sent, laid over the template (None: the sheet's own domains), with every fault at once.

    Pointers begin at the list: `/3/self_score`. With faults the scores are not to be used. Domains of the
    template that were not sent stand there without scores; `complete` asks for points in each domain.
    """
    known = {} if template is None else {domain.code: domain for domain in template.domains}
    found: dict[str, Scored] = {}
    places: dict[str, int] = {}
    faults: list[Fault] = []
    for place, score in enumerate(sent):
        domain, wrong = _domain(known, score, place, own=template is None)
        faults += wrong
        if score.code in places:
            faults.append(Fault(pointer(place, "code"), "duplicate_code"))
        elif domain is not None:
            places[score.code] = place
            faults += _score_faults(domain, score, place)
            found[score.code] = Scored(
                domain, score.self_score, score.appraised_score, score.survey_score, score.points
            )
    rest = [Scored(domain) for code, domain in known.items() if code not in found]
    order = {code: place for place, code in enumerate(known or places)}
    sheet = sorted([*found.values(), *rest], key=lambda one: order[one.domain.code])
    if not faults:
        faults += _sum_faults(sheet)
        faults += [
            Fault(pointer(places[one.domain.code]) if one.domain.code in places else "", "no_points", named)
            for one in sheet
            if complete and one.points is None
            for named in [{"domain": one.domain.code}]
        ]
    return sheet, faults


def totals(sheet: Sequence[Scored]) -> Totals:
    """The exact sums."""
    return Totals(
        sum((one.domain.max_points for one in sheet), Decimal(0)),
        _sum([one.self_score for one in sheet]),
        _sum([one.appraised_score for one in sheet]),
        _sum([one.survey_score for one in sheet]),
        _sum([one.points for one in sheet]),
    )


def _points(given: Decimal | None, appraised: Decimal | None, survey: Decimal | None) -> Decimal | None:
    if given is not None:
        return given
    parts = [part for part in (appraised, survey) if part is not None]
    return sum(parts, Decimal(0)) if parts else None


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise TypeError(f"{value} is not a number of points")
    return exponent


def _domain(
    known: Mapping[str, Domain], score: Score, place: int, *, own: bool
) -> tuple[Domain | None, list[Fault]]:
    """The domain that is scored, with the sheet's own maximum if it brings one."""
    if not own and score.code not in known:
        allowed = {"allowed": ", ".join(known)}
        return None, [Fault(pointer(place, "code"), "unknown_domain", allowed)]
    standing = known.get(score.code)
    faults = []
    most = score.max_points
    if most is not None and (wrong := points_fault(most, WHOLE, pointer(place, "max_points"))):
        faults.append(wrong)
    if standing is not None:
        if score.title is not None:
            faults.append(Fault(pointer(place, "title"), "titled_by_template", {"own": OWN}))
        return (standing if most is None or faults else standing._replace(max_points=most)), faults
    faults += [
        Fault(pointer(place, name), "missing")
        for name, value in (("title", score.title), ("max_points", most))
        if value is None
    ]
    if score.title is None or most is None or faults:
        return None, faults
    return Domain(score.code, score.title, most), faults


def _score_faults(domain: Domain, score: Score, place: int) -> list[Fault]:
    """What is wrong with the numbers of one domain."""
    faults = [
        fault
        for name in SCORES
        if (value := getattr(score, name)) is not None
        and (fault := points_fault(value, domain.max_points, pointer(place, name)))
    ]
    split = [value for value in (score.appraised_score, score.survey_score) if value is not None]
    if score.points is not None and split:
        faults.append(Fault(pointer(place, "points"), "points_twice"))
    elif not faults and sum(split, Decimal(0)) > domain.max_points:
        limit = {"limit": format(domain.max_points.normalize(), "f")}
        faults.append(Fault(pointer(place), "above_maximum", limit))
    return faults


def _sum_faults(sheet: Sequence[Scored]) -> list[Fault]:
    most = totals(sheet).max_points
    wrong = {"total": format(most.normalize(), "f"), "whole": WHOLE}
    return [] if most == WHOLE else [Fault("", "maxima_not_whole", wrong)]
