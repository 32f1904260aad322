"""A mean of criteria is made of numbers that are not published: it must not give hidden ones away."""

from datetime import date
from random import Random
from typing import Any

from app.periods.figures import Cell, Frame, Ground, Place, build
from app.periods.layers import Layers
from app.periods.public import public_body
from app.questionnaires.definition import Definition, Layout
from app.rollups.compare import tally_of
from app.rollups.index import mean_ratio, percent
from app.rollups.lanes import Shape

PARTS = ("access", "procedures", "officials", "results", "complaints")
MIN_N = 5
WORDS = {"vi": "Hỏi", "en": "Asked"}
Answers = tuple[int, ...]


def form(formula: str, criteria: int = 1) -> Definition:
    """Five components of so many criteria each."""
    return Definition.model_validate(
        {
            "code": "mean",
            "version": 1,
            "title": WORDS,
            "formula": formula,
            "components": [{"code": part, "title": WORDS} for part in PARTS],
            "criteria": [
                {"code": f"{letter}{number}", "component": part, "text": WORDS, "required": False}
                for letter, part in zip("ABCDE", PARTS, strict=True)
                for number in range(1, criteria + 1)
            ],
        }
    )


def publish(definition: Definition, said: dict[int, list[Answers]], last: frozenset[int]) -> dict[str, Any]:
    """A province, 1, and its communes; all are shown, the last two components of some."""
    shape = Shape.of(Layout.of(definition))
    places = [Place(1, "24", "Bắc Ninh", "province", None)]
    places += [Place(unit, f"X{unit}", "Xã", "commune", 1) for unit in said if unit != 1]
    cells = {
        unit: Cell(len(answers), 0, sum(tally_of(shape, bytes(one))[0] for one in answers))
        for unit, answers in said.items()
    }
    frame = Frame("Quý", date(2026, 7, 1), date(2026, 9, 30), MIN_N)
    body = build(frame, definition, Layout.of(definition), Ground(places, cells, {}))
    shown = Layers(frozenset(said), frozenset(said), last)
    return public_body(body, shown, period_id=1, revision=1, about={})


def some_answers(chance: Random, complained: int) -> list[Answers]:
    """Forty people, of whom few had a complaint that was handled."""
    people = [[chance.choice((2, 3, 4, 5, 5)) for _ in PARTS] for _ in range(40)]
    for person in people[complained:]:
        person[4] = 0
    return [tuple(person) for person in people]


def guesses(unit: dict[str, Any]) -> list[tuple[int, int]]:
    """(Answers, satisfied) of the hidden last component that agree with everything shown."""
    shown, first = unit["overall"], unit["components"]
    answers = shown["answers"] - sum(part["answers"] for part in first)
    satisfied = shown["satisfied"] - sum(part["satisfied"] for part in first)
    known = [(part["answers"], part["satisfied"]) for part in first]
    found = []
    for few in range(1, MIN_N):
        for content in range(few + 1):
            other = answers - few, satisfied - content
            if not 0 <= other[1] <= other[0]:
                continue
            ratio = mean_ratio([*known, other, (few, content)])
            said = None if ratio is None else percent(ratio.numerator, ratio.denominator)
            if shown["percent"] is None or (said is not None and float(said) == shown["percent"]):
                found.append((few, content))
    return found


def test_the_mean_does_not_give_a_hidden_component_away() -> None:
    chance = Random(20261130)
    found, expected_by_chance = 0.0, 0.0
    for _ in range(40):
        complained = chance.randint(1, MIN_N - 1)
        said = some_answers(chance, complained)
        truth = complained, sum(person[4] > 3 for person in said)
        unit = publish(form("mean_of_criteria"), {1: said}, frozenset())["units"][0]
        left = guesses(unit)
        assert truth in left
        found += 1 / len(left)
        expected_by_chance += 1 / len(guesses({**unit, "overall": {**unit["overall"], "percent": None}}))
    assert found == expected_by_chance < 5


def test_the_numbers_stay_where_the_mean_is_not_told() -> None:
    unit = publish(form("mean_of_criteria"), {1: some_answers(Random(1), 3)}, frozenset())["units"][0]
    shown = unit["overall"]
    assert (shown["answers"], shown["responses"]) == (163, 40)
    assert (shown["percent"], shown["low"], shown["high"], shown["band"]) == (None, None, None, None)
    assert (unit["par_index_points"], unit["rank"]) == (None, None)


def test_a_mean_with_a_criterion_of_few_answers_is_not_shown() -> None:
    few: list[Answers] = [(5,) * 10] * 3 + [(5,) * 9 + (0,)] * 20
    many: list[Answers] = [(5,) * 10] * 5 + [(5,) * 9 + (0,)] * 20
    nobody: list[Answers] = [(5,) * 9 + (0,)] * 20
    told = publish(form("mean_of_criteria", 2), {1: [], 2: few, 3: many, 4: nobody}, frozenset({1, 2, 3, 4}))
    shown = {unit["id"]: unit for unit in told["units"]}
    percents = {
        number: [unit["overall"]["percent"], *(part["percent"] for part in unit["components"])]
        for number, unit in shown.items()
    }
    assert percents[2] == [None, 100, 100, 100, 100, None]
    assert percents[3] == percents[4] == percents[1] == [100] * 6
    assert (shown[2]["rank"]["rank"], shown[3]["rank"]["rank"], shown[3]["rank"]["of"]) == (None, 1, 2)


def test_a_pooled_figure_is_made_of_what_is_shown_beside_it_and_stays() -> None:
    said = some_answers(Random(1), 3)
    unit = publish(form("pooled"), {1: said}, frozenset())["units"][0]
    shown = unit["overall"]
    assert round(100 * shown["satisfied"] / shown["answers"], 2) == shown["percent"]
