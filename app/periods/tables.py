"""The public feed as CSV, for spreadsheets.

Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.core.csvs import BOM, CsvStyle

Json = Mapping[str, Any]

NOTE = "per-visit rating; not the yearly sample survey / đánh giá từng lượt; không phải điều tra hằng năm"
_FIGURE = ("percent", "low", "high", "answers", "satisfied", "responses")
_UNIT = ("code", "name", "kind", "parent", "suppressed")
_COUNTS = ("visits", "visits_answered", "response_rate", "held_back")


def of_units(publication: Json, units: Iterable[Json], style: CsvStyle) -> bytes:
    """One row for each unit of a publication."""
    parts = [part["code"] for part in publication["questionnaire"]["components"]]
    header = ["period", "revision", "from", "to", "questionnaire", "version"]
    header += [f"unit_{name}" if name != "suppressed" else name for name in _UNIT]
    header += [*_FIGURE, "band", *_COUNTS, "par_index_points", "rank", "rank_best", "rank_worst", "ranked"]
    header += [f"{part}_{name}" for part in parts for name in _FIGURE]
    header += ["licence", "sha256", "note"]
    asked = publication["questionnaire"]
    rows = []
    for unit in units:
        overall, rank = unit.get("overall") or {}, unit.get("rank") or {}
        components = {one["code"]: one for one in unit.get("components") or []}
        row = [publication[name] for name in ("id", "revision", "from", "to")]
        row += [asked["code"], asked["version"]]
        row += [unit[name] for name in _UNIT[:-1]] + [str(unit["suppressed"]).lower()]
        row += [overall.get(name) for name in (*_FIGURE, "band")]
        row += [unit.get(name) for name in (*_COUNTS, "par_index_points")]
        row += [rank.get(name) for name in ("rank", "best", "worst", "of")]
        row += [components.get(part, {}).get(name) for part in parts for name in _FIGURE]
        rows.append([*row, publication["licence"], publication["sha256"], NOTE])
    return BOM + style.lines([header, *rows])


def of_periods(items: Iterable[Json], style: CsvStyle) -> bytes:
    """One row for each published period."""
    header = [
        "id",
        "unit",
        "name",
        "from",
        "to",
        "questionnaire",
        "version",
        "revision",
        "published_at",
        "sha256",
    ]
    rows = []
    for item in items:
        flat = {**item, **item["questionnaire"], "questionnaire": item["questionnaire"]["code"]}
        rows.append([flat[name] for name in header])
    return BOM + style.lines([header, *rows])
