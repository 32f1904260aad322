"""What a sample says of all the visits it was drawn from.

Pure. The combined ratio estimator of a stratified random sample (Cochran, Sampling Techniques, 3rd ed.,
6.11, with 5A on strata): of a stratum h with N_h visits, n_h were drawn and m_h answered,

    w_h = N_h / n_h x n_h / m_h = N_h / m_h,    R = sum_h w_h Sy_h / sum_h w_h Sx_h

where x are valid answers and y satisfied ones. N_h / n_h is the design's weight; n_h / m_h lets those who
answered speak for those of their stratum who did not (weighting classes: Kish 1965, ch. 13; Little 1986).
No formula makes good that people who do not answer may think otherwise: the response rate stands beside
the figure.

    v = sum_h w_h^2 (1 - f_h) m_h/(m_h - 1) sum_i (d_hi - mean d_h)^2 / (sum_h w_h Sx_h)^2
    d = y - R x,  f_h = m_h / N_h  (finite population correction)

The interval is the product's own (`rollups/index`), with that v and with n_K / (1 - f), f averaged as the
weights do, as the people it is drawn to: when everybody was asked and has answered, there is nothing left
to be unsure of. As there, v goes into it without the factor of the whole: times (m - 1)/m, m being all who
answered.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import fsum
from typing import NamedTuple

from app.questionnaires.definition import Formula
from app.rollups.sums import Sums
from app.rollups.weights import Part, Totals, Weighted, around, effective, kish, mass, squares


class Answered(NamedTuple):
    """A stratum: its visits N_h, its counted responses m_h, their sums over a set of criteria, and (valid,
    satisfied) answers for each of these. m_h counts also who answered none of the set.
    """

    visits: int
    responses: int
    sums: Sums
    criteria: tuple[tuple[int, int], ...]

    @property
    def part(self) -> Part:
        return Part(self.visits, self.responses, self.sums)

    @property
    def unseen(self) -> float:
        """1 - f_h."""
        return (self.visits - self.responses) / self.visits


def estimate(strata: Sequence[Answered], formula: Formula) -> Weighted:
    """The percentage for a set of criteria.

    ValueError where a stratum has one response to several visits, which has no variance; ZeroDivisionError
    where it has none.
    """
    parts = [stratum.part for stratum in strata]
    totals, people = Totals.of(parts), sum(stratum.sums.n for stratum in strata)
    if totals.x == 0:
        return Weighted(None, None, None, None, people, None)
    pooled = Fraction(totals.y, totals.x)
    variance = fsum(_spread(stratum, float(pooled)) for stratum in strata) / mass(parts) ** 2
    worth = _people(strata, totals)
    size = effective(float(pooled), variance * (people - 1) / people, totals, worth)
    return around(pooled if formula == "pooled" else _mean(strata), totals, size, worth, people)


def _spread(stratum: Answered, ratio: float) -> float:
    """w^2 (1 - f) m/(m - 1) times the squares around the stratum's own mean."""
    m, sums = stratum.responses, stratum.sums
    if stratum.unseen <= 0:
        return 0.0
    if m < 2:
        raise ValueError("one response has no variance")
    around_zero, total = squares(sums, ratio), sums.y - ratio * sums.x
    around_mean = max(0.0, around_zero - total * total / m)
    return float(stratum.part.weight) ** 2 * stratum.unseen * m / (m - 1) * around_mean


def _people(strata: Sequence[Answered], totals: Totals) -> float:
    """n_K / (1 - f): Kish's number of people, each of whom the sample took from a finite crowd."""
    squared = fsum(float(one.part.weight) ** 2 * one.sums.n for one in strata)
    unseen = fsum(float(one.part.weight) ** 2 * one.sums.n * one.unseen for one in strata)
    return kish(totals) * squared / unseen if unseen > 0 else float("inf")


def _mean(strata: Sequence[Answered]) -> Fraction:
    """The plain mean of the criteria's own weighted ratios; who answered none of a criterion is left out."""
    ratios = []
    for at in range(len(strata[0].criteria)):
        each = [(one.part.weight, *one.criteria[at]) for one in strata]
        x = sum((weight * answers for weight, answers, _ in each), Fraction(0))
        if x:
            ratios.append(sum((weight * satisfied for weight, _, satisfied in each), Fraction(0)) / x)
    return sum(ratios, Fraction(0)) / len(ratios)
