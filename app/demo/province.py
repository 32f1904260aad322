"""The province the demonstration tells of: its units, how busy and how well liked each of them is. Pure.

The 99 communes are real, as are the procedures; everything said about them is invented. What a unit is like
follows from the seed and its own code alone, so that one unit looks the same in a small story and in the
whole one.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import accumulate
from random import Random

PROVINCE = "24"
COMPONENTS = {"access": 0.05, "procedures": -0.15, "officials": 0.12, "results": 0.0, "complaints": -0.3}
"""How each component fares beside a unit's own level, in the latent scale of `opinions`."""

_DEPARTMENTS = (
    # code, name, kind, size beside a commune, codes of its procedures (none: it registers visits without)
    ("24.TTPVHCC", "Trung tâm Phục vụ hành chính công tỉnh Bắc Ninh", "centre", 5.0, None),
    ("24.SNNMT", "Sở Nông nghiệp và Môi trường", "department", 1.6, ("1.012781", "1.011442")),
    ("24.STC", "Sở Tài chính", "department", 1.1, ("2.001610",)),
    ("24.STP", "Sở Tư pháp", "department", 1.3, ("2.000488",)),
    ("24.SXD", "Sở Xây dựng", "department", 0.8, ("1.002693",)),
    ("24.SNV", "Sở Nội vụ", "department", 0.6, ()),
)
# What people come for most; every other procedure has the weight 2.
_DEMAND = {"2.000815": 30, "2.000884": 9, "2.000635": 7, "1.001193": 7, "1.004873": 6, "1.004194": 5}
_IN_TROUBLE = 0.08  # of the communes, about


@dataclass(frozen=True, slots=True)
class Story:
    """What is to be told, on the local days `first` to `last`. The same story is the same to a letter."""

    first: date
    last: date
    seed: int = 24
    visits_a_day: float = 15.0
    """Of a middling commune on an ordinary weekday."""
    communes: int | None = None
    """Only so many; None: all of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A unit with its character."""

    code: str
    visits_a_day: float
    counters: int
    tablets: int
    link_share: float
    """Share of its visitors who answer through their link."""
    tablet_share: float
    """Share of the others who answer at a tablet."""
    liking: float
    """Mean of the latent opinion of those who answer at the desk: see `opinions`."""
    leanings: Mapping[str, float]
    questionnaire: str
    """What its links ask; its tablets ask quick-5."""
    procedures: Sequence[str | None]
    demand: Sequence[int]
    """How much each procedure is asked for, added up."""


@dataclass(frozen=True, slots=True)
class Province:
    """Everything there is before the first visit."""

    units: list[dict[str, str]]
    """Rows of a table of units, as the import reads them."""
    procedures: list[dict[str, str]]
    places: list[Place]


def read_rows(name: str) -> list[dict[str, str]]:
    """A CSV of `data/`, one mapping a row."""
    return list(csv.DictReader(io.StringIO((files("app.demo.data") / name).read_text("utf-8-sig"))))


def as_table(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows as the CSV an import takes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def province(story: Story) -> Province:
    """The province of a story."""
    rows = read_rows("units-vietnam.csv")
    procedures = read_rows("procedures-sample.csv")
    head = [row for row in rows if row["code"] == PROVINCE]
    communes = [row for row in rows if row["parent_code"] == PROVINCE][: story.communes]
    since = head[0]["valid_from"]
    departments = [
        {"code": code, "name": name, "kind": kind, "parent_code": PROVINCE, "valid_from": since}
        for code, name, kind, _, _ in _DEPARTMENTS
    ]
    of_communes = [row["code"] for row in procedures if row["level"] == "commune"]
    of_province = [row["code"] for row in procedures if row["level"] == "province"]
    places = [
        _place(story, row["code"], row["kind"], _size(story, row), of_communes, _IN_TROUBLE)
        for row in communes
    ]
    for code, _, kind, size, handled in _DEPARTMENTS:
        chosen = of_province if handled is None else list(handled)
        places.append(_place(story, code, kind, size, chosen, 0))
    return Province(head + communes + departments, procedures, places)


def dice(story: Story, *purpose: str) -> Random:
    """Chance that falls alike whenever the same story is told."""
    return Random("/".join((str(story.seed), *purpose)))


def _size(story: Story, commune: Mapping[str, str]) -> float:
    """Wards (phường) are busier than rural communes (xã); a few of either are busy indeed."""
    typical = 1.3 if commune["name"].startswith("Phường") else 0.8
    return typical * math.exp(dice(story, "size", commune["code"]).gauss(0, 0.35))


def _place(
    story: Story, code: str, kind: str, size: float, procedures: Sequence[str], in_trouble: float
) -> Place:
    rng = dice(story, "character", code)
    if rng.random() < in_trouble:
        liking = rng.uniform(0.95, 1.25)
    else:
        liking = min(max(rng.gauss(1.75, 0.16), 1.4), 2.1)
    return Place(
        code=code,
        visits_a_day=story.visits_a_day * size,
        counters=min(3 + int(size * 3), 12),
        # every ward-sized unit has a tablet, some small ones have none
        tablets=2 if size > 1.6 else 1 if size > 0.8 or rng.random() < 0.5 else 0,
        link_share=rng.uniform(0.12, 0.28),
        tablet_share=rng.uniform(0.08, 0.2),
        liking=liking,
        leanings={name: lean + rng.gauss(0, 0.12) for name, lean in COMPONENTS.items()},
        questionnaire="service-16" if kind == "centre" else "quick-5",
        procedures=list(procedures) or [None],
        demand=list(accumulate(_DEMAND.get(procedure, 2) for procedure in procedures)) or [1],
    )
