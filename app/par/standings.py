"""Ranks of a year, change against the year before, and who falls under the rule about last places.

Ranks are among the units of one kind beneath a parent that the asker reaches, by their final sheets alone:
a draft may still change, and an incomplete sheet has no total. Who reaches less than the parent therefore
sees ranks among fewer; the answer says among how many.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.paging import PageQuery, cursor
from app.models.unit import UnitKind
from app.par import queries
from app.par.lists import ChangeOut, FallenOut, FindingOut, LastPlaces, RankedOut, Ranking, YearPlace
from app.par.parts import UnitNamed, band_of, difference, maybe
from app.par.queries import Summed
from app.par.ranking import BOTTOM_YEARS, Finding, Place, falls_under, places
from app.par.scores import plain


class Among(NamedTuple):
    """Who is compared: units of a kind, beneath a parent or all."""

    kind: UnitKind
    parent: str | None


class _Year(NamedTuple):
    """A year's sheets by unit; totals and places of the ranked ones."""

    sheets: Mapping[int, Summed]
    totals: Mapping[int, Decimal]
    places: Mapping[int, Place]


async def ranking(
    session: AsyncSession, subject: Subject, year: int, among: Among, paging: PageQuery
) -> Ranking:
    """A page of the year's sheets, best first, equal ones by code; unranked ones at the end."""
    years = await _years(session, subject, (year - 1, year), among)
    now, before = years[year], years[year - 1]

    def key(sheet: Summed) -> tuple[int, str]:
        place = now.places.get(sheet.unit_id)
        return (len(now.sheets) + 1 if place is None else place.rank, sheet.code)

    after = paging.after(int, str)
    ordered = sorted((key(sheet), sheet) for sheet in now.sheets.values())
    rest = [pair for pair in ordered if after is None or pair[0] > (after[0], after[1])]
    shown = rest[: paging.limit]
    return Ranking(
        year=year,
        kind=among.kind,
        parent=among.parent,
        ranked=len(now.places),
        items=[_ranked(sheet, now, before) for _, sheet in shown],
        next=cursor(*shown[-1][0]) if len(rest) > len(shown) else None,
    )


async def last_places(session: AsyncSession, subject: Subject, year: int, among: Among) -> LastPlaces:
    """Units that fall under the rule in `year`, by code, with the years that say so."""
    span = tuple(range(year - BOTTOM_YEARS + 1, year + 1))
    years = await _years(session, subject, span, among)
    fallen = falls_under({one: years[one].places for one in span}, year)
    items = [
        (years[year].sheets[unit_id], [_finding(unit_id, finding, years) for finding in findings])
        for unit_id, findings in fallen.items()
    ]
    return LastPlaces(
        year=year,
        kind=among.kind,
        parent=among.parent,
        ranked={one: len(years[one].places) for one in span},
        items=[
            FallenOut(unit=UnitNamed(code=sheet.code, name=sheet.name), findings=findings)
            for sheet, findings in sorted(items, key=lambda item: item[0].code)
        ],
    )


async def _years(
    session: AsyncSession, subject: Subject, years: Collection[int], among: Among
) -> dict[int, _Year]:
    parent_id = (
        None if among.parent is None else (await find_unit(session, subject, among.parent, "/parent")).id
    )
    rows = await queries.summed(session, subject, years, kind=among.kind, parent_id=parent_id)
    found = {}
    for year in years:
        sheets = {row.unit_id: row for row in rows if row.year == year}
        totals = {
            unit_id: row.points
            for unit_id, row in sheets.items()
            if row.state == "final" and row.points is not None
        }
        found[year] = _Year(sheets, totals, places(totals))
    return found


def _ranked(sheet: Summed, now: _Year, before: _Year) -> RankedOut:
    place = now.places.get(sheet.unit_id)
    return RankedOut(
        unit=UnitNamed(code=sheet.code, name=sheet.name),
        revision=sheet.revision,
        state="final" if sheet.state == "final" else "draft",
        template=sheet.template,
        points=maybe(sheet.points),
        published_total=maybe(sheet.published_total),
        difference=difference(sheet.points, sheet.published_total),
        band=band_of(sheet.template, sheet.points),
        rank=None if place is None else place.rank,
        change=_change(sheet.unit_id, now, before),
    )


def _change(unit_id: int, now: _Year, before: _Year) -> ChangeOut | None:
    """None unless the unit is ranked in both years."""
    if unit_id not in now.places or unit_id not in before.places:
        return None
    return ChangeOut(
        points=str(plain(now.totals[unit_id] - before.totals[unit_id])),
        ranks=before.places[unit_id].rank - now.places[unit_id].rank,
        same_scale=now.sheets[unit_id].scale == before.sheets[unit_id].scale,
    )


def _finding(unit_id: int, finding: Finding, years: Mapping[int, _Year]) -> FindingOut:
    said = []
    for year in finding.years:
        place = years[year].places[unit_id]
        said.append(
            YearPlace(
                year=year,
                points=str(plain(years[year].totals[unit_id])),
                rank=place.rank,
                from_below=place.from_below,
                among=place.among,
            )
        )
    return FindingOut(reason=finding.reason, years=said)
