"""What the public sees of a snapshot: fewer figures, of the units that may be shown.

Pure. For each unit shown: the overall figure, the components that may be shown, visits and response rate; no
criteria, no distributions, no channels, because each further table would have to be made safe beside all
others. Ranks are made anew among the units shown, so that a gap does not tell where a hidden unit stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from app.periods.figures import Json, Place, ranks
from app.periods.spaces import Vector, vector
from app.periods.suppression import Counts, Shown, Tree, choose
from app.rollups.index import Estimate, mean_ratio

TAIL = 2
"""The last components of a questionnaire are shown together or not at all."""

METHOD = {
    "vi": "Tỷ lệ hài lòng từ phản hồi sau từng lượt giao dịch, thu thập liên tục qua liên kết và máy tính "
    "bảng. Đây không phải là điều tra chọn mẫu hằng năm (SIPAS của Bộ Nội vụ): người trả lời tại quầy thường "
    "đánh giá cao hơn người được chọn ngẫu nhiên và hỏi tại nhà. Không so sánh hai con số này với nhau. Số "
    "liệu dựa trên quá ít phản hồi, và những số liệu giúp suy ra chúng, không được công bố.",
    "en": "Satisfaction from responses after single visits, collected all the time by links and tablets. "
    "This running, per-visit rating is not the yearly sample survey (the Ministry of Home Affairs' SIPAS): "
    "people asked at the desk answer more kindly than people drawn at random and asked at home. The two must "
    "not be compared. Figures on too few responses, and figures from which those could be computed, are not "
    "shown.",
}


class Layers(NamedTuple):
    """Nested sets of units: whose overall figure, first components and last components are shown."""

    overall: frozenset[int]
    first: frozenset[int]
    last: frozenset[int]


Own = tuple[tuple[int, ...], ...]
"""Of a unit alone: overall, then of each component, all whole numbers of which its figure is made.

The first is the number of responses: of people with a valid answer.
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """A publication that stays readable: its segments (see `suppression`) and what it shows, by unit id."""

    segments: Sequence[int]
    layers: Layers


def component_groups(components: int) -> tuple[range, range]:
    """Places of the first components and of the last two; a single component is the overall figure again."""
    if components < TAIL:
        return range(0), range(0)
    return range(components - TAIL), range(components - TAIL, components)


def own_figures(body: Json) -> dict[int, Own]:
    """What each unit has of its own: its figures less those of its children."""
    ids = {unit["code"]: unit["id"] for unit in body["units"]}
    own: dict[int, Own] = {}
    for unit in body["units"]:
        counts = [[_counts(one) for one in part["criteria"]] for part in unit["components"]]
        totals = own_of(
            [unit["overall"]["sums"], *(part["sums"] for part in unit["components"])],
            [[row for part in counts for row in part], *counts],
        )
        own[unit["id"]] = totals
        if unit["parent"] is not None:  # parents stand before their children
            own[ids[unit["parent"]]] = plus(own[ids[unit["parent"]]], totals, -1)
    return own


def own_of(sums: Sequence[Sequence[int]], counts: Sequence[Sequence[Sequence[int]]]) -> Own:
    """From the sums, and the counts of answers by criterion, of the whole and of each component."""
    return tuple(
        (*row, *(number for criterion in criteria for number in criterion))
        for row, criteria in zip(sums, counts, strict=True)
    )


def plus(own: Own, other: Own, by: int = 1) -> Own:
    """One and so many times another."""
    return tuple(
        tuple(a + by * b for a, b in zip(row, added, strict=True))
        for row, added in zip(own, other, strict=True)
    )


def _counts(criterion: Json) -> list[int]:
    return [criterion["skipped"], *(criterion["distribution"][str(answer)] for answer in range(1, 6))]


def safe_layers(
    parents: Mapping[int, int | None],
    own: Mapping[int, Sequence[Sequence[int]]],
    segments: Sequence[int],
    mine: frozenset[int],
    beside: Sequence[Beside],
    min_n: int,
    within: Layers | None = None,
) -> Layers:
    """What a new publication may show.

    parents: every unit concerned and what it hangs beneath, parents first. own: for each unit, overall and
    then each component, its own number of responses in each segment. segments: which of them the new
    publication adds up. mine: the units of it that may be shown. within: not more than these. Sets hold ids
    of units.
    """
    number = {unit: at for at, unit in enumerate(parents)}
    order = list(parents)
    tree = Tree.of([None if above is None else number[above] for above in parents.values()])
    rows = len(next(iter(own.values())))
    counts = [Counts(tree, [own[unit][row] for unit in order]) for row in range(rows)]
    first, last = ([1 + at for at in group] for group in component_groups(rows - 1))
    groups = [[counts[0]], [counts[row] for row in first], [counts[row] for row in last]]
    if first:
        groups[1].append(Counts(tree, [_lone(own[unit], last, min_n) for unit in order]))
    chosen: list[frozenset[int]] = []
    candidates = frozenset(number[unit] for unit in mine)
    for layer, group in enumerate(groups):
        if within is not None:
            candidates &= {number[unit] for unit in within[layer]}
        earlier = [
            Shown(_vector(one.segments), frozenset(number[unit] for unit in one.layers[layer]))
            for one in beside
        ]
        if group:
            candidates = choose(tree, group, earlier, _vector(segments), candidates, min_n)
        elif layer == 2:
            candidates = frozenset()
        chosen.append(frozenset(order[at] for at in candidates))
    return Layers(*chosen)


def _lone(own: Sequence[Sequence[int]], last: Sequence[int], min_n: int) -> list[int]:
    """What the overall figure less the first components tells of a single one: where the others are zero."""
    return [
        sum(answers) + (min_n if sum(map(bool, answers)) > 1 else 0)
        for answers in zip(*(own[row] for row in last), strict=True)
    ]


def _vector(segments: Sequence[int]) -> Vector:
    return vector(segments)


def shown_in(public: Json) -> Layers:
    """What a published body shows, read back from it."""
    overall, first, last = set(), set(), set()
    for unit in public["units"]:
        if unit["suppressed"]:
            continue
        overall.add(unit["id"])
        codes = {component["code"] for component in unit["components"]}
        parts = [component["code"] for component in public["questionnaire"]["components"]]
        early, late = component_groups(len(parts))
        if all(parts[at] in codes for at in early):
            first.add(unit["id"])
        if late and all(parts[at] in codes for at in late):
            last.add(unit["id"])
    return Layers(frozenset(overall), frozenset(first), frozenset(last))


def public_body(body: Json, layers: Layers, *, period_id: int, revision: int, about: Json) -> Json:
    """The published form of a snapshot; `about` holds licence, reason, times and the snapshot's SHA-256."""
    parts = [component["code"] for component in body["questionnaire"]["components"]]
    early, late = component_groups(len(parts))
    ids = {unit["code"]: unit["id"] for unit in body["units"]}
    places = [
        Place(unit["id"], unit["code"], unit["name"], unit["kind"], ids.get(unit["parent"]))
        for unit in body["units"]
    ]
    estimates = {
        unit["id"]: _estimate(unit, body["formula"]) for unit in body["units"] if unit["id"] in layers.overall
    }
    units = []
    for unit, rank in zip(body["units"], ranks(places, estimates, body["min_n"]), strict=True):
        shown: Json = {name: unit[name] for name in ("id", "code", "name", "kind", "parent")}
        shown["suppressed"] = unit["id"] not in layers.overall
        if not shown["suppressed"]:
            shown |= {
                name: unit[name]
                for name in ("responses", "held_back", "visits", "visits_answered", "response_rate")
            }
            wanted = {parts[at] for at in early if unit["id"] in layers.first}
            wanted |= {parts[at] for at in late if unit["id"] in layers.last}
            shown["overall"] = _public(unit["overall"])
            shown["par_index_points"] = unit["par_index_points"]
            shown["rank"] = rank
            shown["components"] = [
                {"code": one["code"], **_public(one)} for one in unit["components"] if one["code"] in wanted
            ]
        units.append(shown)
    taken = ("name", "from", "to", "questionnaire", "formula", "interval", "bands", "min_n")
    return {
        "id": period_id,
        "revision": revision,
        **{name: body[name] for name in taken},
        **about,
        "method": METHOD,
        "units": units,
    }


def _public(figure: Json) -> Json:
    names = ("percent", "low", "high", "answers", "satisfied", "responses", "band")
    return {name: figure[name] for name in names}


def _estimate(unit: Json, formula: str) -> Estimate:
    """A unit's overall figure as the ranks want it, its ratio exact again."""
    figure = unit["overall"]
    ratio: Fraction | None = None
    if figure["answers"]:
        ratio = Fraction(figure["satisfied"], figure["answers"])
        if formula == "mean_of_criteria":
            criteria = [one for component in unit["components"] for one in component["criteria"]]
            given = [one["distribution"] for one in criteria]
            ratio = mean_ratio([(sum(one.values()), one["4"] + one["5"]) for one in given])

    def exact(value: Any) -> Any:
        return None if value is None else Decimal(str(value))

    return Estimate(
        exact(figure["percent"]),
        exact(figure["low"]),
        exact(figure["high"]),
        figure["answers"],
        figure["satisfied"],
        figure["responses"],
        ratio,
    )
