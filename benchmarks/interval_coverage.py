"""How often the 95 % interval of the index really covers the truth.

Run `python -m benchmarks.interval_coverage [--draws N] [--skip P] [--seed S] [--every]`. In each of 196
settings people are drawn from a world whose true ratio R is known, and we count how often the interval
contains R: n from 5 to 1,000 people; R from 0.5 to 0.97; 1, 5 and 16 criteria; mixed to like-minded
answers. A person's own inclination follows a beta distribution with mean R; the correlation of two
answers of one person is 0.1 (mixed), 0.5 or 0.9 (nearly everybody likes all or nothing), so their
satisfied answers are beta-binomial. Each answer is skipped with probability P, whatever it would have been.

Two roads not taken run beside it on the same draws: `straight`, the effective size taken from the
ratio's variance without shrinking, and `naive`, every answer counted as if from a person of its own.
Nothing here asserts: coverage is measured, luck is not tested.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import accumulate, product
from math import comb, exp, lgamma, sqrt
from statistics import mean
from typing import NamedTuple

from app.rollups.index import effective_size, limits, wilson
from app.rollups.sums import Sums

PEOPLE = (5, 10, 20, 50, 100, 300, 1000)
RATIOS = (0.5, 0.7, 0.85, 0.97)
CRITERIA = (1, 5, 16)
CORRELATIONS = (0.1, 0.5, 0.9)

# Six sums ride in one integer, so that a sample of people is added up by one call of sum().
# 1,000 people x 16 x 16 is the largest sum there can be, and it leaves a field of 20 bits free on top.
FIELD = 20
MASK = (1 << FIELD) - 1


class Setting(NamedTuple):
    """One world: sample size, true ratio, questions asked, correlation of one person's answers."""

    people: int
    ratio: float
    criteria: int
    correlation: float


def all_settings() -> list[Setting]:
    """Every world; where one question is asked, answers of one person cannot go together."""
    every = (Setting(*values) for values in product(PEOPLE, RATIOS, CRITERIA, CORRELATIONS))
    return [one for one in every if one.criteria > 1 or one.correlation == CORRELATIONS[0]]


class Coverage(NamedTuple):
    """Share of draws (0 to 1) whose interval held the truth, by rule, and our rule's mean width."""

    shrunk: float
    straight: float
    naive: float
    width: float


def beta_binomial(answers: int, satisfied: int, ratio: float, correlation: float) -> float:
    """Probability of so many satisfied answers from one person."""
    a, b = ratio * (1 / correlation - 1), (1 - ratio) * (1 / correlation - 1)
    log = lgamma(satisfied + a) + lgamma(answers - satisfied + b) - lgamma(answers + a + b)
    return comb(answers, satisfied) * exp(log - lgamma(a) - lgamma(b) + lgamma(a + b))


def pack(sums: Sums) -> int:
    packed = 0
    for value in (sums.n, sums.x, sums.y, sums.xx, sums.xy, sums.yy):
        packed = packed << FIELD | value
    return packed


def unpack(packed: int) -> Sums:
    return Sums.from_row([packed >> FIELD * place & MASK for place in range(5, -1, -1)])


def outcomes(setting: Setting, skip: float) -> Iterator[tuple[int, float]]:
    """Everything one person can answer, as packed sums with its probability."""
    for answers in range(setting.criteria + 1):
        skipped = setting.criteria - answers
        share = comb(setting.criteria, answers) * (1 - skip) ** answers * skip**skipped
        for satisfied in range(answers + 1):
            probability = share * beta_binomial(answers, satisfied, setting.ratio, setting.correlation)
            if probability:
                yield pack(Sums.from_pairs([(answers, satisfied)])), probability


def straight_size(sums: Sums) -> float:
    """Effective size from Cochran's variance alone, at most the number of answers."""
    n, x, y = sums.n, sums.x, sums.y
    if n == 1 or y in (0, x):
        return float(n)
    residuals = sums.yy * x * x - 2 * x * y * sums.xy + y * y * sums.xx
    return min((n - 1) * x * x * y * (x - y) / (n * residuals), float(x)) if residuals else float(x)


RULES: tuple[Callable[[Sums], float], ...] = (effective_size, straight_size, lambda sums: float(sums.x))


def measure(setting: Setting, draws: int, skip: float, seed: int) -> Coverage:
    """Draw samples of people and count the intervals that hold the truth; equal samples are judged once."""
    packed, probabilities = zip(*outcomes(setting, skip), strict=True)
    cumulative = list(accumulate(probabilities))
    draw = random.Random(f"{seed} {setting}").choices
    judged: dict[int, tuple[bool, bool, bool, float]] = {}
    verdicts: list[tuple[bool, bool, bool, float]] = []
    while len(verdicts) < draws:
        total = sum(draw(packed, cum_weights=cumulative, k=setting.people))
        if total not in judged:
            sums = unpack(total)
            if sums.x == 0:
                continue  # nobody answered anything: no figure is shown, none can be wrong
            bounds = [wilson(sums.y / sums.x, rule(sums)) for rule in RULES]
            bounds[0] = limits(sums.y / sums.x, effective_size(sums), sums.n)
            ours, straight, naive = (low <= setting.ratio <= high for low, high in bounds)
            judged[total] = ours, straight, naive, bounds[0][1] - bounds[0][0]
        verdicts.append(judged[total])
    return Coverage(*(mean(map(float, column)) for column in zip(*verdicts, strict=True)))


def row(label: str, results: list[Coverage]) -> str:
    cells = [label.ljust(28)]
    for rule in ("shrunk", "straight", "naive"):
        shares = [100 * getattr(result, rule) for result in results]
        cells.append(f"{mean(shares):6.1f} {min(shares):6.1f}")
    cells.append(f"{100 * mean(result.width for result in results):6.1f}")
    return "   ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of the 95 % interval of the index, simulated.")
    parser.add_argument("--draws", type=int, default=6000, help="samples a setting (default 6000)")
    parser.add_argument("--skip", type=float, default=0.1, help="probability of a skipped answer, below 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", action="store_true", help="one line for each setting as well")
    options = parser.parse_args()
    if options.draws < 1 or not 0 <= options.skip < 1:
        parser.error("draws must be at least 1 and skip lie in [0, 1)")

    settings = all_settings()
    job = partial(measure, draws=options.draws, skip=options.skip, seed=options.seed)
    began = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        results = dict(zip(settings, pool.map(job, settings), strict=True))

    noise = 100 * sqrt(0.95 * 0.05 / options.draws)
    print(f"{len(settings)} settings x {options.draws} draws, skip {options.skip}, seed {options.seed},")
    print(f"{time.perf_counter() - began:.0f} s; standard error of one setting {noise:.2f} points. In %:\n")
    print(" " * 31 + "shrunk (ours)   straight from v  every answer      mean")
    print(" " * 31 + "  mean  worst     mean  worst     mean  worst     width")
    for title, field, values in (
        ("people", "people", PEOPLE),
        ("true ratio", "ratio", RATIOS),
        ("criteria", "criteria", CRITERIA),
        ("correlation", "correlation", CORRELATIONS),
    ):
        for value in values:
            chosen = [result for setting, result in results.items() if getattr(setting, field) == value]
            print(row(f"{title} {value}", chosen))
    print(row("all settings", list(results.values())))
    if options.every:
        print("\npeople, ratio, criteria, correlation")
        for setting, result in results.items():
            print(row(", ".join(map(str, setting)), [result]))
    worst = min(results, key=lambda setting: results[setting].shrunk)
    over = sum(result.shrunk > 0.97 for result in results.values())
    print(f"\nours above 97 % in {over} settings", end="")
    print(f"\nours at worst: {100 * results[worst].shrunk:.1f} % at {worst}")


if __name__ == "__main__":
    main()
