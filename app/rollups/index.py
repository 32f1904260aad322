"""The satisfaction index: the formula, the percentage shown and its 95 % interval.

Pure: integers in, figures out. Ratios stay exact until they are shown, so two units are never tied
or parted by a rounding error. Only the interval uses floating point: it is an estimate to begin with,
and it is made to contain the exact percentage afterwards.

Sources: Cochran, Sampling Techniques, 3rd ed., ch. 6 (variance of a ratio); Wilson 1927 (interval);
Korn and Graubard 1998, Dean and Pagano 2015 (Wilson's interval with an effective sample size); Brown, Cai
and DasGupta 2001, Statistical Science 16, 101-133, section 4.1.1 (its ends of few people).
The shrinking of the design effect is this product's own; `benchmarks/interval_coverage.py` checks it.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor, lcm, sqrt
from typing import Literal, NamedTuple

from app.rollups.sums import Sums

Formula = Literal["pooled", "mean_of_criteria"]
Method = Literal[1, 2]
"""Of the interval. What is published keeps the method it was published with: 1, up to December 2026, had
v times n/(n-1) and Wilson's ends."""

Z = 1.959964  # the 97.5 % point of the normal distribution: 95 % two-sided
PRIOR_WEIGHT = 2  # how many dissatisfied people "one person, one answer" weighs in the design effect

POISSON = (0.0, 0.0512933, 0.3553615)
"""What makes 0, 1 and 2 events as rare as 5 %: half the 5 % point of chi-square of twice as many degrees."""
ROUNDING = 1 + 1e-9
"""By how much a size may pass another and still be the same."""

_SHOWN = [Decimal(hundredths).scaleb(-2) for hundredths in range(10_001)]  # 0.00 to 100.00, made once


class Estimate(NamedTuple):
    """One percentage with everything that must stand beside it.

    percent, low, high: 0 to 100, two decimals, low <= percent <= high; all None without a valid answer.
    answers, satisfied: valid answers and those of 4 or 5; responses: people with a valid answer.
    ratio: the exact value in [0, 1], for ranks and bands. With `mean_of_criteria` it differs from
    satisfied / answers as soon as somebody skips a question.
    """

    percent: Decimal | None
    low: Decimal | None
    high: Decimal | None
    answers: int
    satisfied: int
    responses: int
    ratio: Fraction | None


_NOTHING = Estimate(None, None, None, 0, 0, 0, None)


def percent(satisfied: int, answers: int) -> Decimal | None:
    """100 x satisfied / answers with two decimals, rounded half up from the exact ratio.

    None without an answer; ValueError unless 0 <= satisfied <= answers.
    """
    if not 0 <= satisfied <= answers:
        raise ValueError(f"{satisfied} satisfied of {answers} answers is impossible")
    if answers == 0:
        return None
    return _hundredths((20_000 * satisfied + answers) // (2 * answers))


def percent_of(ratio: Fraction | None) -> Decimal | None:
    """The same for an exact ratio in [0, 1], such as a mean of criteria."""
    return None if ratio is None else percent(ratio.numerator, ratio.denominator)


def mean_ratio(criteria: Sequence[tuple[int, int]]) -> Fraction | None:
    """Plain mean of the criteria's ratios, each given as (valid answers, satisfied answers).

    Criteria without a valid answer are left out; None when that leaves nothing. One common denominator
    instead of adding fractions one by one, which would reduce huge fractions again and again.
    """
    answered = [(answers, satisfied) for answers, satisfied in criteria if answers]
    if not answered:
        return None
    common = lcm(*(answers for answers, _ in answered))
    total = sum(satisfied * (common // answers) for answers, satisfied in answered)
    return Fraction(total, common * len(answered))


def effective_size(sums: Sums, method: Method = 2) -> float:
    """How many independent answers these answers are worth: between 1 and sums.x.

    Answers of one person go together, so k like-minded answers are worth little more than one. The
    design effect is that of Cochran's v, drawn towards "one person, one answer" while few people are
    dissatisfied, since v is far too small then:

        v = sum (y_i - R x_i)^2 / (sum x)^2,   k = n x min(R, 1 - R)
        1/n_e = (k x v / (R (1-R)) + 2/n) / (k + 2)

    It is n where everybody gave one answer. Method 1 has v times n/(n-1). ValueError without a valid answer.
    """
    n, x, y = sums.n, sums.x, sums.y
    if n < 1:
        raise ValueError("no valid answer, no sample size")
    if n == 1 or y in (0, x):
        return float(n)  # v is undefined or zero: one person, one answer
    # x^2 times the residuals' sum of squares, in whole numbers: exact however close to cancelling.
    residuals = sums.yy * x * x - 2 * x * y * sums.xy + y * y * sums.xx
    upper, lower = (n, n - 1) if method == 1 else (1, 1)
    unit_variance = upper * residuals / (lower * x * x * y * (x - y))  # v / (R (1-R))
    k = n * min(y, x - y) / x
    inverse = (k * unit_variance + PRIOR_WEIGHT / n) / (k + PRIOR_WEIGHT)
    return min(1 / inverse, float(x))


def wilson(ratio: float, size: float) -> tuple[float, float]:
    """Wilson's 95 % interval, as ratios in [0, 1], around a ratio from `size` independent answers."""
    z2 = Z * Z
    centre = ratio + z2 / (2 * size)
    half = Z * sqrt(ratio * (1 - ratio) / size + z2 / (4 * size * size))
    scale = 1 + z2 / size
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def limits(ratio: float, size: float, people: float) -> tuple[float, float]:
    """The interval as ratios in [0, 1], from an effective size and the number of people.

    Where people are worth no more than one answer each, Wilson's is too short at the ends of so few different
    outcomes: 4 of 5 satisfied would exclude 97 %, of which 5 of 5 are to be expected. With one or two of
    them on the rarer side, the bound beside them is therefore Poisson's one-sided one, if that lies further
    out; straight between whole numbers, up to 2.5.
    """
    low, high = wilson(ratio, size)
    if size > people * ROUNDING:
        return low, high
    satisfied, others = size * ratio, size * (1 - ratio)
    if satisfied < 2.5 and ratio <= 0.5:
        low = min(low, _poisson(satisfied) / size)
    if others < 2.5 and ratio >= 0.5:
        high = max(high, 1 - _poisson(others) / size)
    return low, high


def _poisson(count: float) -> float:
    whole = min(int(count), 1)
    below, above = POISSON[whole : whole + 2]
    return below + (count - whole) * (above - below)


def interval(ratio: Fraction, shown: Decimal, sums: Sums, method: Method = 2) -> tuple[Decimal, Decimal]:
    """Low and high in percent, two decimals half up, around an exact ratio and its percentage as shown.

    Where floating point would leave the percentage a hair outside (at 0 and 100), the bound is the
    percentage itself.
    """
    people = sums.n if method == 2 else 0
    return bounds(ratio.numerator / ratio.denominator, shown, effective_size(sums, method), people)


def bounds(ratio: float, shown: Decimal, size: float, people: float) -> tuple[Decimal, Decimal]:
    """The same from an effective sample size and the number of people, which may be infinite where nobody
    was left out.
    """
    low, high = limits(ratio, size, people)
    return (
        min(shown, _hundredths(floor(low * 10_000 + 0.5))),
        max(shown, _hundredths(floor(high * 10_000 + 0.5))),
    )


def estimate(
    sums: Sums, *, criteria: Sequence[tuple[int, int]], formula: Formula, method: Method = 2
) -> Estimate:
    """Index of a component or a whole questionnaire.

    sums: over the counted responses; criteria: (valid answers, satisfied answers) of each criterion of
    the same set and responses, which `pooled` does without where only sums are kept. The interval of
    `mean_of_criteria` lies around the mean, with the sample size of the pooled answers: the mean has no
    integer sums of its own, and the two differ only by skipped questions. ValueError if sums and
    criteria do not count the same answers.
    """
    if criteria or formula == "mean_of_criteria":
        answers, satisfied = sum(each[0] for each in criteria), sum(each[1] for each in criteria)
        if (answers, satisfied) != (sums.x, sums.y):
            raise ValueError("sums and criteria count different answers")
    if sums.x == 0:
        return _NOTHING
    return _around(Fraction(sums.y, sums.x) if formula == "pooled" else mean_ratio(criteria), sums, method)


def criterion_estimate(distribution: Sequence[int], method: Method = 2) -> Estimate:
    """Index of one criterion from its five counts of answers 1, 2, 3, 4, 5 (skipped ones left out).

    Both formulas agree here. ValueError unless there are exactly five counts.
    """
    one, two, three, four, five = distribution
    satisfied = four + five
    answers = one + two + three + satisfied
    if answers == 0:
        return _NOTHING
    shown = _hundredths((20_000 * satisfied + answers) // (2 * answers))
    size = float(answers) if method == 2 else _lone_answers(answers, min(satisfied, answers - satisfied))
    low, high = bounds(satisfied / answers, shown, size, answers if method == 2 else 0)
    return Estimate(shown, low, high, answers, satisfied, answers, Fraction(satisfied, answers))


def _lone_answers(answers: int, fewer: int) -> float:
    """Method 1 where everybody gave one answer and `fewer` of them on the rarer side: v / (R (1-R)) is then
    1 / (n-1), and k is that number itself.
    """
    if answers == 1 or fewer == 0:
        return float(answers)
    inverse = (fewer / (answers - 1) + PRIOR_WEIGHT / answers) / (fewer + PRIOR_WEIGHT)
    return min(1 / inverse, float(answers))


def _around(ratio: Fraction | None, sums: Sums, method: Method) -> Estimate:
    if ratio is None:
        return _NOTHING
    shown = _hundredths((20_000 * ratio.numerator + ratio.denominator) // (2 * ratio.denominator))
    low, high = interval(ratio, shown, sums, method)
    return Estimate(shown, low, high, sums.x, sums.y, sums.n, ratio)


def _hundredths(value: int) -> Decimal:
    """8394 -> Decimal("83.94"); always two decimals, so that 90 is written 90.00."""
    return _SHOWN[value]
