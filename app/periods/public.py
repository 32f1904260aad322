"""What the public sees of a snapshot: fewer figures, of the units that may be shown.

Pure. For each unit shown: the overall figure, the components that may be shown, visits and response rate; no
criteria, no distributions, no channels, because each further table would have to be made safe beside all
others. Ranks are made anew among the units shown, so that a gap does not tell where a hidden unit stands.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.disclosure.components import component_groups
from app.periods.figures import Json, Place, ranks
from app.periods.layers import Layers
from app.rollups.index import Estimate, mean_ratio

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


Own = tuple[tuple[int, ...], ...]
"""Of a unit alone: overall, then of each component, all whole numbers of which its figure is made.

The first is the number of responses: of people with a valid answer.
"""


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
    """The published form of a snapshot; `about` holds licence, reason, times and the commitment."""
    parts = [component["code"] for component in body["questionnaire"]["components"]]
    early, late = component_groups(len(parts))
    ids = {unit["code"]: unit["id"] for unit in body["units"]}
    places = [
        Place(unit["id"], unit["code"], unit["name"], unit["kind"], ids.get(unit["parent"]))
        for unit in body["units"]
    ]
    told = {
        unit["id"]: _told_figures(unit, body, whole=unit["id"] in layers.last or not late)
        for unit in body["units"]
        if unit["id"] in layers.overall
    }
    estimates = {
        unit["id"]: _estimate(unit, body["formula"])
        for unit in body["units"]
        if None in told.get(unit["id"], ())
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
            means = told[unit["id"]]
            shown["overall"] = _public(unit["overall"], told=None in means)
            shown["par_index_points"] = unit["par_index_points"] if None in means else None
            shown["rank"] = rank
            shown["components"] = [
                {"code": one["code"], **_public(one, told=one["code"] in means)}
                for one in unit["components"]
                if one["code"] in wanted
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


def _told_figures(unit: Json, body: Json, *, whole: bool) -> set[str | None]:
    """The components, and None for the overall figure, whose percentage tells no number that is hidden.

    A pooled one is made of the numbers shown beside it. A mean is made of the answers to each criterion: with
    the numbers shown it can be solved for what is not, so it is told only where each criterion has enough
    answers, or none; the overall one only where all components are shown (`whole`).
    """
    codes = {part["code"] for part in unit["components"]}
    if body["formula"] == "pooled":
        return {None, *codes}
    few = {
        part["code"]
        for part in unit["components"]
        if any(0 < one["answers"] < body["min_n"] for one in part["criteria"])
    }
    return codes - few if few or not whole else {None, *codes}


def _public(figure: Json, *, told: bool) -> Json:
    """A figure as it is published: its numbers, and what is made of them unless it may not be told."""
    made = {name: figure[name] if told else None for name in ("percent", "low", "high", "band")}
    return {**made, **{name: figure[name] for name in ("answers", "satisfied", "responses")}}


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
