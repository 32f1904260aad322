"""A table of indices: for each unit the whole questionnaire and each component, with what they rest on. Pure.

The figures are those of `GET /api/v1/indices/{unit}`, made of the same sums by the same functions, for many
units at once.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from app.core.texts import Language, Text
from app.questionnaires.published import Published
from app.rollups.bands import band
from app.rollups.index import Estimate, Formula, estimate, percent
from app.rollups.lanes import Shape, read_unit

WHOLE = "overall"
WHOLE_TITLE = Text("Toàn phiếu", "The whole questionnaire")


class Table(NamedTuple):
    """What is the same in every row."""

    published: Published
    formula: Formula
    first: date
    last: date
    language: Language

    def rows(self, unit: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of one unit from the sums of its subtree, in the order of `columns.INDICES`."""
        definition, layout = self.published.definition, self.published.layout
        tally = read_unit(Shape.of(layout), unit["responses"], unit["tally"])
        pairs = [(sum(counts[1:]), counts[4] + counts[5]) for counts in tally.counts]
        yield self._row(
            unit,
            WHOLE,
            getattr(WHOLE_TITLE, self.language),
            estimate(tally.whole, criteria=pairs, formula=self.formula),
        )
        for part, sums, described in zip(
            layout.components, tally.components, definition.components, strict=True
        ):
            here = pairs[part.first : part.first + part.length]
            title = described.title.en if self.language == "en" else described.title.vi
            yield self._row(unit, part.code, title, estimate(sums, criteria=here, formula=self.formula))

    def _row(self, unit: Mapping[str, Any], component: str, title: str, found: Estimate) -> tuple[Any, ...]:
        return (
            unit["code"],
            unit["name"],
            unit["kind"],
            unit["parent"],
            self.first,
            self.last,
            self.published.code,
            self.published.version,
            self.formula,
            component,
            title,
            found.percent,
            found.low,
            found.high,
            band(found.ratio),
            found.answers,
            found.satisfied,
            found.responses,
            unit["responses"],
            unit["held_back"],
            unit["visits"],
            unit["answered"],
            percent(unit["answered"], unit["visits"]),
        )
