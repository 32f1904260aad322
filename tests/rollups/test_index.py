"""The formula, the percentage and the interval, in many small cases and as properties."""

from decimal import Decimal
from fractions import Fraction
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollups.index import (
    Estimate,
    Formula,
    Method,
    criterion_estimate,
    effective_size,
    estimate,
    limits,
    mean_ratio,
    percent,
    percent_of,
    wilson,
)
from app.rollups.sums import Sums

D = Decimal
METHODS: tuple[Method, Method] = (2, 1)

# A response is a row of answers to the same criteria: True satisfied, False not, None skipped.
Rows = list[list[bool | None]]


def rows_of(answer: st.SearchStrategy[bool | None]) -> st.SearchStrategy[Rows]:
    def sized(width: int) -> st.SearchStrategy[Rows]:
        return st.lists(st.lists(answer, min_size=width, max_size=width), max_size=30)

    return st.integers(1, 8).flatmap(sized)


SKIPPING = rows_of(st.sampled_from([True, True, True, False, None]))
COMPLETE = rows_of(st.sampled_from([True, True, True, False]))
PAIRS = st.lists(st.integers(0, 22).flatmap(lambda x: st.tuples(st.just(x), st.integers(0, x))), max_size=40)


def cells(rows: Rows) -> tuple[Sums, list[tuple[int, int]]]:
    pairs = [(sum(a is not None for a in row), sum(a is True for a in row)) for row in rows]
    columns = list(zip(*rows, strict=True))
    criteria = [(sum(a is not None for a in c), sum(a is True for a in c)) for c in columns]
    return Sums.from_pairs(pairs), criteria


def everybody_answers_alike(n: int, criteria: int, satisfied: int) -> Sums:
    """`satisfied` of n people like everything, the others nothing."""
    return Sums.from_pairs([(criteria, criteria)] * satisfied + [(criteria, 0)] * (n - satisfied))


# --- sums


def test_sums_count_only_responses_with_a_valid_answer() -> None:
    assert Sums.from_pairs([(5, 4), (0, 0), (3, 3)]) == Sums(2, 8, 7, 34, 29, 25)


def test_no_responses_sum_to_zero() -> None:
    assert Sums.from_pairs([]) == Sums.zero() == Sums(0, 0, 0, 0, 0, 0)


def test_a_stored_row_is_read_in_field_order() -> None:
    assert Sums.from_row([2, 8, 7, 34, 29, 25]) == Sums(n=2, x=8, y=7, xx=34, xy=29, yy=25)


@pytest.mark.parametrize("row", [[], [1] * 5, [1] * 7])
def test_a_stored_row_of_another_length_is_refused(row: list[int]) -> None:
    with pytest.raises(ValueError, match="to unpack"):
        Sums.from_row(row)


@pytest.mark.parametrize("pair", [(1, 2), (2, -1), (-1, -1), (0, 1)])
def test_impossible_counts_are_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="impossible"):
        Sums.from_pairs([pair])
    with pytest.raises(ValueError, match="impossible"):
        Sums.of_criterion(*pair)
    with pytest.raises(ValueError, match="impossible"):
        percent(pair[1], pair[0])


@given(st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_sums_of_a_criterion_are_those_of_its_answers_one_by_one(counts: tuple[int, int]) -> None:
    n, satisfied = counts
    one_by_one = [(1, 1)] * satisfied + [(1, 0)] * (n - satisfied)
    assert Sums.of_criterion(n, satisfied) == Sums.from_pairs(one_by_one)


@given(st.lists(PAIRS, max_size=5))
def test_adding_sums_equals_counting_all_responses_together(parts: list[list[tuple[int, int]]]) -> None:
    together = Sums.from_pairs([pair for part in parts for pair in part])
    assert sum((Sums.from_pairs(part) for part in parts), Sums.zero()) == together


# --- the percentage


@pytest.mark.parametrize(
    ("satisfied", "answers", "shown"),
    [
        (0, 1, "0.00"),
        (1, 1, "100.00"),
        (1, 2, "50.00"),
        (9, 10, "90.00"),
        (1, 3, "33.33"),
        (2, 3, "66.67"),
        (1, 800, "0.13"),  # exactly 0.125
        (3, 800, "0.38"),  # exactly 0.375: half up, where half even agrees
        (1, 32, "3.13"),  # exactly 3.125: half even would say 3.12
        (201, 20_000, "1.01"),  # exactly 1.005: a float is a hair below and says 1.00
        (535, 20_000, "2.68"),  # exactly 2.675, as above
        (16_789, 20_000, "83.95"),  # exactly 83.945
        (16_788_999, 20_000_000, "83.94"),  # a hair below
        (1, 20_000, "0.01"),  # exactly 0.005
        (1, 20_001, "0.00"),
        (19_999, 20_000, "100.00"),  # exactly 99.995
        (19_998, 20_000, "99.99"),
        (4061, 4388, "92.55"),
        (10**30 - 1, 10**30, "100.00"),
    ],
)
def test_a_percentage_has_two_decimals_rounded_half_up(satisfied: int, answers: int, shown: str) -> None:
    assert str(percent(satisfied, answers)) == shown
    assert str(percent_of(Fraction(satisfied, answers))) == shown


def test_without_an_answer_there_is_no_percentage() -> None:
    assert percent(0, 0) is None
    assert percent_of(None) is None


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_percentage_is_at_most_half_a_hundredth_off(counts: tuple[int, int]) -> None:
    shown = percent(*counts)
    assert shown is not None
    assert Fraction(-1, 200) < Fraction(shown) - Fraction(100 * counts[0], counts[1]) <= Fraction(1, 200)


# --- the two formulas


def test_the_mean_leaves_out_criteria_nobody_answered() -> None:
    assert mean_ratio([(10, 9), (0, 0), (2, 1)]) == Fraction(7, 10)
    assert mean_ratio([(0, 0), (0, 0)]) is None
    assert mean_ratio([]) is None


def test_the_formulas_differ_once_a_criterion_is_often_skipped() -> None:
    rows: Rows = [[True, None]] * 8 + [[True, False]] * 2
    sums, criteria = cells(rows)
    assert estimate(sums, criteria=criteria, formula="pooled").percent == D("83.33")
    assert estimate(sums, criteria=criteria, formula="mean_of_criteria").percent == D("50.00")


@given(COMPLETE)
def test_the_formulas_agree_when_nobody_skips(rows: Rows) -> None:
    sums, criteria = cells(rows)
    pooled = estimate(sums, criteria=criteria, formula="pooled")
    assert pooled == estimate(sums, criteria=criteria, formula="mean_of_criteria")


@given(SKIPPING)
def test_the_mean_is_the_plain_mean_of_the_criteria_each_on_its_own(rows: Rows) -> None:
    _, criteria = cells(rows)
    each = [Fraction(good, answers) for answers, good in criteria if answers]
    assert mean_ratio(criteria) == (sum(each, Fraction()) / len(each) if each else None)


def test_the_published_national_figure_of_2024_is_the_pooled_one() -> None:
    # 23 policy criteria at 83.84 %, 16 service criteria at 84.09 %, nobody skipping: 83.94 % overall.
    # The plain mean of the two blocks, 83.965, would have been published as 83.97.
    people, policy, service = 10_000, [(10_000, 8384)] * 23, [(10_000, 8409)] * 16
    criteria = policy + service
    x, y = 39 * people, 23 * 8384 + 16 * 8409
    # Who gave which answer is not published and moves only the interval: let all answer alike.
    sums = Sums(people, x, y, 39 * x, 39 * y, y * y // people)
    assert percent_of(mean_ratio(policy)) == D("83.84")
    assert percent_of(mean_ratio(service)) == D("84.09")
    for figure in (
        estimate(sums, criteria=criteria, formula="pooled"),
        estimate(sums, criteria=criteria, formula="mean_of_criteria"),
    ):
        assert (figure.percent, figure.answers, figure.responses) == (D("83.94"), 390_000, 10_000)
    assert percent_of((Fraction(8384, 10_000) + Fraction(8409, 10_000)) / 2) == D("83.97")


# --- the interval


@pytest.mark.parametrize(
    ("satisfied", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_figures_published_by_newcombe(
    satisfied: int, n: int, low: float, high: float
) -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    assert wilson(satisfied / n, n) == pytest.approx((low, high), abs=0.00005)


@pytest.mark.parametrize(
    ("sums", "size"),
    [
        (everybody_answers_alike(1, 16, 1), 1),
        (Sums.from_pairs([(16, 9)]), 1),  # one person is one answer, however mixed
        (everybody_answers_alike(7, 16, 7), 7),  # all satisfied: one person, one answer
        (everybody_answers_alike(7, 16, 0), 7),
        (Sums.from_pairs([(2, 1), (2, 1)]), 3),  # v = 0, k = 1: 1/n_e = (2/2) / (1 + 2)
    ],
)
def test_the_effective_size_of_simple_cases_is_known(sums: Sums, size: float) -> None:
    assert effective_size(sums) == pytest.approx(size)


def test_the_effective_size_follows_the_published_formula_step_by_step() -> None:
    pairs = [(5, 5), (5, 2), (3, 3), (4, 4), (5, 0), (1, 1), (5, 4)]
    n, x, y = 7, 28, 19
    ratio = y / x
    v = sum((good - ratio * answers) ** 2 for answers, good in pairs) / x**2
    k = n * min(ratio, 1 - ratio)
    expected = (k + 2) / (k * v / (ratio * (1 - ratio)) + 2 / n)
    assert effective_size(Sums.from_pairs(pairs)) == pytest.approx(expected, rel=1e-12)


def test_the_effective_size_never_exceeds_the_number_of_answers() -> None:
    # Perfectly balanced answers have v = 0: without the limit many people would seem worth ever more.
    sums = Sums.from_pairs([(2, 1)] * 1000)
    assert effective_size(sums) == sums.x == 2000


@given(PAIRS)
def test_the_effective_size_lies_between_one_and_the_number_of_answers(pairs: list[tuple[int, int]]) -> None:
    sums = Sums.from_pairs(pairs)
    if sums.n == 0:
        with pytest.raises(ValueError, match="no valid answer"):
            effective_size(sums)
    else:
        assert 1 - 1e-9 <= effective_size(sums) <= sums.x


def test_like_minded_people_tell_less_than_mixed_ones() -> None:
    mixed = Sums.from_pairs([(5, 4)] * 50 + [(5, 3)] * 50)
    alike = everybody_answers_alike(100, 5, 70)
    assert (mixed.x, mixed.y) == (alike.x, alike.y)
    assert effective_size(alike) < 101 < effective_size(mixed)


def checked(figure: Estimate) -> None:
    if figure.percent is None or figure.low is None or figure.high is None or figure.ratio is None:
        assert figure == Estimate(None, None, None, 0, 0, 0, None)
        return
    assert D(0) <= figure.low <= figure.percent <= figure.high <= D(100)
    assert all(shown.as_tuple().exponent == -2 for shown in (figure.low, figure.percent, figure.high))
    assert figure.percent == percent_of(figure.ratio)
    assert 0 <= figure.satisfied <= figure.answers
    assert 1 <= figure.responses <= figure.answers


@given(SKIPPING)
def test_the_interval_contains_the_percentage_and_lies_within_0_and_100(rows: Rows) -> None:
    sums, criteria = cells(rows)
    checked(estimate(sums, criteria=criteria, formula="pooled"))
    checked(estimate(sums, criteria=criteria, formula="mean_of_criteria"))


@given(st.lists(st.integers(0, 10**7), min_size=5, max_size=5))
def test_the_interval_of_a_criterion_does_so_too_even_for_the_whole_nation(counts: list[int]) -> None:
    figure = criterion_estimate(counts)
    checked(figure)
    assert (figure.answers, figure.satisfied, figure.responses) == (sum(counts), sum(counts[3:]), sum(counts))


def test_without_a_valid_answer_there_is_no_figure_at_all() -> None:
    nothing = Estimate(None, None, None, 0, 0, 0, None)
    assert criterion_estimate([0, 0, 0, 0, 0]) == nothing
    assert estimate(Sums.zero(), criteria=[(0, 0)] * 5, formula="pooled") == nothing
    assert estimate(Sums.zero(), criteria=[], formula="mean_of_criteria") == nothing


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([0, 0, 0, 0, 1], ("100.00", "20.65", "100.00")),  # one answer proves little
        ([1, 0, 0, 0, 0], ("0.00", "0.00", "79.35")),
        ([0, 0, 0, 5, 5], ("100.00", "72.25", "100.00")),
        ([20, 0, 0, 0, 0], ("0.00", "0.00", "16.11")),
        ([0, 0, 50, 25, 25], ("50.00", "40.38", "59.62")),  # plain Wilson on n
        ([0, 0, 1, 0, 4], ("80.00", "37.55", "98.97")),  # 1 - 0.0513 / 5; Wilson's is 96.38
        ([1, 1, 0, 1, 2], ("60.00", "23.07", "92.89")),  # 1 - 0.3554 / 5; Wilson's is 88.24
        ([0, 1, 0, 1, 0], ("50.00", "2.56", "97.44")),
        ([0, 0, 1, 0, 9_999_999], ("100.00", "100.00", "100.00")),
    ],
)
def test_figures_of_one_criterion(counts: list[int], shown: tuple[str, str, str]) -> None:
    figure = criterion_estimate(counts)
    assert (str(figure.percent), str(figure.low), str(figure.high)) == shown


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_a_criterion_is_a_component_of_one(counts: list[int]) -> None:
    """The short way of a criterion and the long way of any component give the same figures."""
    answers, satisfied = sum(counts), counts[3] + counts[4]
    long_way = estimate(
        Sums.of_criterion(answers, satisfied), criteria=[(answers, satisfied)], formula="pooled"
    )
    assert criterion_estimate(counts) == long_way


@pytest.mark.parametrize("counts", [[1] * 4, [1] * 6, []])
def test_a_distribution_has_five_counts(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="to unpack"):
        criterion_estimate(counts)


@given(st.integers(6, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(3, n - 3))))
def test_a_criterion_is_plain_wilson_on_n_but_for_the_ends(counts: tuple[int, int]) -> None:
    n, satisfied = counts
    assert effective_size(Sums.of_criterion(n, satisfied)) == pytest.approx(n)
    assert limits(satisfied / n, n, n) == wilson(satisfied / n, n)


def of_criterion(n: int, satisfied: int, method: Method) -> tuple[float, float]:
    found = criterion_estimate([n - satisfied, 0, 0, 0, satisfied], method)
    return float(found.low or 0) / 100, float(found.high or 0) / 100


def chances(n: int, ratio: float) -> list[float]:
    """Of 0 to n satisfied: everybody gives one answer, so coverage can be had without any draw."""
    return [comb(n, x) * ratio**x * (1 - ratio) ** (n - x) for x in range(n + 1)]


def covered(n: int, ratio: float, method: Method = 2) -> float:
    bounds = [of_criterion(n, x, method) for x in range(n + 1)]
    held = [low - 5e-5 <= ratio <= high + 5e-5 for low, high in bounds]  # shown with two decimals
    return sum(chance for chance, inside in zip(chances(n, ratio), held, strict=True) if inside)


def mean_width(n: int, ratio: float, method: Method) -> float:
    bounds = [of_criterion(n, x, method) for x in range(n + 1)]
    return sum(chance * (high - low) for chance, (low, high) in zip(chances(n, ratio), bounds, strict=True))


SETTINGS = [(n, ratio) for n in (5, 10, 20, 50, 100, 300) for ratio in (0.5, 0.7, 0.85, 0.97)]


@pytest.mark.parametrize(("n", "ratio"), SETTINGS)
def test_the_interval_of_a_criterion_holds_the_truth_in_92_of_100_cases(n: int, ratio: float) -> None:
    assert covered(n, ratio) >= 0.92


@pytest.mark.parametrize("n", [5, 6, 8, 10, 15, 30, 60])
def test_it_nearly_does_so_at_every_ratio_there_is(n: int) -> None:
    assert min(covered(n, step / 200) for step in range(1, 200)) >= 0.905


@pytest.mark.parametrize(("n", "ratio"), [(n, ratio) for n, ratio in SETTINGS if n >= 10])
def test_from_ten_people_on_no_mean_width_has_grown_by_a_fiftieth(n: int, ratio: float) -> None:
    assert mean_width(n, ratio, 2) <= mean_width(n, ratio, 1) * 1.02


@pytest.mark.parametrize("n", [10, 20, 50, 100, 300])
def test_from_ten_people_on_intervals_are_no_wider_over_the_ratios(n: int) -> None:
    new, old = (
        sum(mean_width(n, ratio, method) for size, ratio in SETTINGS if size == n) for method in METHODS
    )
    assert new <= old


@pytest.mark.parametrize("n", [10**4, 10**6])
@given(st.floats(0, 1))
def test_of_many_people_no_figure_is_another(n: int, ratio: float) -> None:
    satisfied = round(n * ratio)
    new, old = (of_criterion(n, satisfied, method) for method in METHODS)
    assert new == pytest.approx(old, abs=1.0001e-4), "a hundredth of a percent at most"


def test_the_method_before_had_another_variance_and_wilsons_ends() -> None:
    sums = Sums.from_pairs([(5, 5)] * 4 + [(5, 0)])
    old, new = (estimate(sums, criteria=[], formula="pooled", method=method) for method in METHODS[::-1])
    assert effective_size(sums) == pytest.approx(5)
    assert effective_size(sums, 1) == pytest.approx(3 / (1 / 4 + 2 / 5))
    assert (str(old.low), str(old.high)) == ("36.17", "96.58")
    assert (str(new.low), str(new.high)) == ("37.55", "98.97")  # five people of one mind are five answers


def test_the_mean_of_criteria_gets_the_sample_size_of_the_pooled_answers() -> None:
    sums, criteria = cells([[True, None]] * 8 + [[True, False]] * 2)
    figure = estimate(sums, criteria=criteria, formula="mean_of_criteria")
    low, high = wilson(0.5, effective_size(sums))
    assert (float(figure.low or 0), float(figure.high or 0)) == pytest.approx(
        (100 * low, 100 * high), abs=0.005
    )


def test_more_people_of_the_same_mind_narrow_the_interval_like_one_over_the_root() -> None:
    day = [(5, 5), (5, 4), (5, 5), (5, 2), (4, 4), (5, 5), (3, 1), (5, 5)]
    widths = []
    for times in (100, 400):
        low, high = wilson(0.88, effective_size(Sums.from_pairs(day * times)))
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(sqrt(4), rel=0.02)


@pytest.mark.parametrize("criteria", [[(4, 4)], [(5, 5)], [(5, 4), (1, 0)]])
@pytest.mark.parametrize("formula", ["pooled", "mean_of_criteria"])
def test_sums_and_criteria_of_different_answers_are_refused(
    criteria: list[tuple[int, int]], formula: Formula
) -> None:
    with pytest.raises(ValueError, match="different answers"):
        estimate(Sums.from_pairs([(5, 4)]), criteria=criteria, formula=formula)


def test_the_pooled_formula_needs_no_criteria_but_the_mean_does() -> None:
    sums = Sums.from_pairs([(5, 4)])
    assert estimate(sums, criteria=[], formula="pooled").percent == D("80.00")
    with pytest.raises(ValueError, match="different answers"):
        estimate(sums, criteria=[], formula="mean_of_criteria")
