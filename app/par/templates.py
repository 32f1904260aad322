"""Templates of score sheets, as data: domains with their maximum points, and the bands of the total. Pure.

A template is a file in `data/`: a year with other maxima is another file and no code. A sheet may change a
template's maxima, or follow none and bring domains of its own (`OWN`); what a sheet was scored by is stored
with it, so that a template that changes never changes a sheet.

Whatever they are, the maxima of a sheet add up to 100 points (domain.md).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from app.rollups.bands import DEFAULT_BANDS, Bands

WHOLE = Decimal(100)
OWN = "own"
"""What a sheet names as its template when it brings its own domains."""


class Words(NamedTuple):
    """One text in both languages."""

    vi: str
    en: str


class Domain(NamedTuple):
    """A domain of the PAR Index and the most points it can bring."""

    code: str
    title: Words
    max_points: Decimal


class Template(NamedTuple):
    """The domains of a kind of sheet, in order, and the bands of its total."""

    code: str
    title: Words
    source: str
    domains: tuple[Domain, ...]
    bands: Bands


@cache
def shipped() -> Mapping[str, Template]:
    """Every template that comes with the product, by its code."""
    found = (path for path in files("app.par").joinpath("data").iterdir() if path.name.endswith(".json"))
    read = [_template(json.loads(path.read_text("utf-8"))) for path in found]
    return {template.code: template for template in sorted(read)}


def bands_of(template: str) -> Bands:
    """The bands of a sheet's total; those of the satisfaction index where its template brings none."""
    known = shipped().get(template)
    return DEFAULT_BANDS if known is None else known.bands


def _template(read: Mapping[str, Any]) -> Template:
    """ValueError when the maxima are not 100 points, or the bands are none."""
    domains = tuple(
        Domain(one["code"], Words(**one["title"]), Decimal(one["max_points"])) for one in read["domains"]
    )
    if sum(domain.max_points for domain in domains) != WHOLE:
        raise ValueError(f"the domains of {read['code']} do not add up to {WHOLE} points")
    bands = Bands({band["code"]: Decimal(band["from"]) for band in read["bands"]})
    return Template(read["code"], Words(**read["title"]), read["source"], domains, bands)
