"""Score sheets and other people's figures in the database."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, cast, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import subtree, within_reach
from app.auth.subjects import Subject
from app.core.clock import utc_now
from app.models.par import ExternalFigure, ParScore, ParSheet
from app.models.unit import Unit
from app.par.scores import Scored
from app.par.templates import Domain, Words


class Stored(NamedTuple):
    """A sheet as it stands, with its domains in order."""

    sheet: ParSheet
    scores: tuple[Scored, ...]


class Wanted(NamedTuple):
    """A sheet as it shall stand."""

    unit_id: int
    year: int
    state: str
    template: str
    published_total: Decimal | None
    source: str | None
    scores: tuple[Scored, ...]


class Summed(NamedTuple):
    """The current sheet of a unit and year with its exact sum; `points` None while a domain has none."""

    unit_id: int
    code: str
    name: str
    year: int
    revision: int
    state: str
    template: str
    published_total: Decimal | None
    points: Decimal | None
    scale: str
    """The domains and their maxima: two sheets of one scale can be compared domain by domain."""


async def one(session: AsyncSession, unit_id: int, year: int, revision: int | None = None) -> Stored | None:
    """A unit's sheet of a year: the revision asked for, else the newest."""
    query = select(ParSheet).where(ParSheet.unit_id == unit_id, ParSheet.year == year)
    if revision is not None:
        query = query.where(ParSheet.revision == revision)
    newest = query.order_by(ParSheet.revision.desc()).limit(1).execution_options(populate_existing=True)
    sheet = await session.scalar(newest)
    return None if sheet is None else (await _with_scores(session, [sheet]))[0]


async def current(session: AsyncSession, unit_ids: Collection[int], year: int) -> dict[int, Stored]:
    """The newest sheets of these units in a year, by unit."""
    newest = (
        select(ParSheet)
        .where(ParSheet.unit_id.in_(unit_ids), ParSheet.year == year)
        .ext(distinct_on(ParSheet.unit_id))
        .order_by(ParSheet.unit_id, ParSheet.revision.desc())
    )
    sheets = (await session.scalars(newest)).all()
    return {stored.sheet.unit_id: stored for stored in await _with_scores(session, sheets)}


async def _with_scores(session: AsyncSession, sheets: Sequence[ParSheet]) -> list[Stored]:
    rows = await session.scalars(
        select(ParScore)
        .where(ParScore.sheet_id.in_([sheet.id for sheet in sheets]))
        .order_by(ParScore.position)
    )
    found: dict[int, list[Scored]] = {sheet.id: [] for sheet in sheets}
    for row in rows:
        domain = Domain(row.domain, Words(row.title_vi, row.title_en), row.max_points)
        found[row.sheet_id].append(
            Scored(domain, row.self_score, row.appraised_score, row.survey_score, row.points)
        )
    return [Stored(sheet, tuple(found[sheet.id])) for sheet in sheets]


async def add(
    session: AsyncSession,
    wanted: Sequence[Wanted],
    actor: str,
    *,
    revision: int = 1,
    reason: str | None = None,
) -> None:
    """New sheets, or the same revision of several."""
    rows = [
        {
            "unit_id": sheet.unit_id,
            "year": sheet.year,
            "revision": revision,
            "state": sheet.state,
            "template": sheet.template,
            "published_total": sheet.published_total,
            "source": sheet.source,
            "reason": reason,
            "recorded_by": actor,
        }
        for sheet in wanted
    ]
    if rows:
        made = await session.execute(insert(ParSheet).returning(ParSheet.id, ParSheet.unit_id), rows)
        ids = {unit_id: sheet_id for sheet_id, unit_id in made}
        await _add_scores(session, [(ids[sheet.unit_id], sheet) for sheet in wanted])


async def replace(session: AsyncSession, drafts: Sequence[tuple[int, Wanted]], actor: str) -> None:
    """Write drafts anew, by the ids of their sheets."""
    if drafts:
        ids = [sheet_id for sheet_id, _ in drafts]
        await session.execute(delete(ParScore).where(ParScore.sheet_id.in_(ids)))
        await _add_scores(session, drafts)
        rows = [
            {
                "id": sheet_id,
                "state": sheet.state,
                "template": sheet.template,
                "published_total": sheet.published_total,
                "source": sheet.source,
                "recorded_by": actor,
                "recorded_at": utc_now(),
            }
            for sheet_id, sheet in drafts
        ]
        await session.execute(update(ParSheet), rows)


async def _add_scores(session: AsyncSession, sheets: Sequence[tuple[int, Wanted]]) -> None:
    rows = [
        {
            "sheet_id": sheet_id,
            "domain": one.domain.code,
            "position": position,
            "title_vi": one.domain.title.vi,
            "title_en": one.domain.title.en,
            "max_points": one.domain.max_points,
            "self_score": one.self_score,
            "appraised_score": one.appraised_score,
            "survey_score": one.survey_score,
            "points": one.given_points,
        }
        for sheet_id, sheet in sheets
        for position, one in enumerate(sheet.scores)
    ]
    await session.execute(insert(ParScore), rows)


async def summed(
    session: AsyncSession,
    subject: Subject,
    years: Collection[int] | None = None,
    *,
    kind: str | None = None,
    parent_id: int | None = None,
    unit_id: int | None = None,
) -> list[Summed]:
    """Current sheets within the reach with their sums, of units of a kind beneath a parent, at any depth.

    The tree is today's: units that ended hang beneath their successors.
    """
    newest = (
        select(
            ParSheet.id,
            ParSheet.unit_id,
            Unit.code,
            Unit.name,
            ParSheet.year,
            ParSheet.revision,
            ParSheet.state,
            ParSheet.template,
            ParSheet.published_total,
        )
        .join(Unit, Unit.id == ParSheet.unit_id)
        .where(within_reach(Unit.id, subject))
        .ext(distinct_on(ParSheet.unit_id, ParSheet.year))
        .order_by(ParSheet.unit_id, ParSheet.year, ParSheet.revision.desc())
    )
    if years is not None:
        newest = newest.where(ParSheet.year.in_(years))
    if kind is not None:
        newest = newest.where(Unit.kind == kind)
    if parent_id is not None:
        newest = newest.where(Unit.id.in_(subtree(parent_id)), Unit.id != parent_id)
    if unit_id is not None:
        newest = newest.where(Unit.id == unit_id)
    sheet = newest.subquery()
    columns = [column for column in sheet.c if column.name != "id"]
    points = _points()
    scale = func.string_agg(
        ParScore.domain + "=" + cast(ParScore.max_points, String),
        aggregate_order_by(literal(", "), ParScore.position),
    )
    query = (
        select(*columns, func.sum(points), func.bool_and(points.is_not(None)), scale)
        .join(ParScore, ParScore.sheet_id == sheet.c.id)
        .group_by(sheet.c.id, *columns)
    )
    found = []
    for row in await session.execute(query):
        *about, points, complete, drawn = row
        found.append(Summed._make([*about, points if complete else None, drawn]))
    return found


def _points() -> ColumnElement[Decimal]:
    """A domain's points, as `scores.Scored.points` says it."""
    return func.coalesce(
        ParScore.points,
        ParScore.appraised_score + ParScore.survey_score,
        ParScore.appraised_score,
        ParScore.survey_score,
    )


async def unit_ids(session: AsyncSession, subject: Subject, codes: Collection[str]) -> dict[str, int]:
    """The units of these codes within the reach."""
    query = select(Unit.code, Unit.id).where(Unit.code.in_(codes), within_reach(Unit.id, subject))
    return {row.code: row.id for row in await session.execute(query)}


async def external(session: AsyncSession, unit_id: int) -> Sequence[ExternalFigure]:
    """What others measured of a unit, by instrument and year."""
    query = select(ExternalFigure).where(ExternalFigure.unit_id == unit_id)
    return (await session.scalars(query.order_by(ExternalFigure.instrument, ExternalFigure.year))).all()


async def put_external(
    session: AsyncSession, unit_id: int, instrument: str, figures: Sequence[Mapping[str, object]]
) -> None:
    """Replace what an instrument says of a unit."""
    await session.execute(
        delete(ExternalFigure).where(
            ExternalFigure.unit_id == unit_id, ExternalFigure.instrument == instrument
        )
    )
    if figures:
        rows = [{"unit_id": unit_id, "instrument": instrument, **figure} for figure in figures]
        await session.execute(insert(ExternalFigure), rows)
