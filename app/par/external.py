"""Other people's yearly measures beside ours: each in a block of its own, with what must be said with it.

Ours are the PAR Index score sheets, and the satisfaction index of single visits, which is read from the
roll-up for the years that anything is recorded of. Each questionnaire version is an instrument of its own.
"""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.deps import Period
from app.core.faults import Fault, pointer
from app.core.locks import hold_named
from app.core.problems import InvalidRequest
from app.models.par import ExternalFigure
from app.models.unit import Unit
from app.par import queries
from app.par.figures import Beside, FigureOut, FiguresIn, InstrumentOut
from app.par.instruments import INSTRUMENTS, NOTE, PAR_INDEX, VISITS, Code, Instrument
from app.par.parts import UnitNamed, said
from app.par.scores import plain, points_fault
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups import service as rollups
from app.rollups.service import Question

MAX_YEARS = 10
"""Newest years for which the satisfaction index is read beside the others."""


async def put_figures(
    session: AsyncSession, subject: Subject, code: str, instrument: Code, sent: FiguresIn
) -> InstrumentOut:
    """Replace a unit's figures by one instrument."""
    unit = await find_unit(session, subject, code, "/unit_code")
    drawn = INSTRUMENTS[instrument]
    faults = []
    years: set[int] = set()
    for place, figure in enumerate(sent.figures):
        where = pointer("figures", place)
        if figure.year in years:
            faults.append(Fault(where + "/year", "duplicate_year"))
        years.add(figure.year)
        if wrong := points_fault(figure.value, drawn.most, where + "/value"):
            faults.append(wrong)
    if faults:
        raise InvalidRequest(faults=faults)
    await hold_named(session, "external_figures", str(unit.id), instrument)
    before = [row for row in await queries.external(session, unit.id) if row.instrument == instrument]
    rows = [
        ExternalFigure(unit_id=unit.id, instrument=instrument, **one.model_dump()) for one in sent.figures
    ]
    if [_said(row) for row in before] != [_said(row) for row in sorted(rows, key=lambda row: row.year)]:
        await queries.put_external(session, unit.id, instrument, [one.model_dump() for one in sent.figures])
        audit.record(
            session,
            subject.actor,
            "par.external",
            f"unit:{code}",
            [unit.id],
            instrument=instrument,
            before=[[row.year, str(row.value)] for row in before],
            after=[[row.year, str(row.value)] for row in rows],
        )
    return _block(instrument, drawn, sorted(rows, key=lambda row: row.year))


async def beside(
    session: AsyncSession,
    subject: Subject,
    code: str,
    questionnaires: PublishedQuestionnaires,
    zone: ZoneInfo,
) -> Beside:
    """What every instrument says of a unit, ours first."""
    unit = await find_unit(session, subject, code, "/unit_code")
    rows = await queries.external(session, unit.id)
    theirs = [
        _block(name, drawn, found)
        for name, drawn in INSTRUMENTS.items()
        if (found := [row for row in rows if row.instrument == name])
    ]
    sheets = await _sheets(session, subject, unit)
    years = {row.year for row in rows} | {figure.year for block in sheets for figure in block.figures}
    visits = await _visits(session, subject, unit, years, questionnaires, zone)
    return Beside(
        unit=UnitNamed(code=unit.code, name=unit.name),
        note=said(NOTE),
        instruments=[*sheets, *visits, *theirs],
    )


async def _sheets(session: AsyncSession, subject: Subject, unit: Unit) -> list[InstrumentOut]:
    """Our final score sheets."""
    rows = sorted(await queries.summed(session, subject, unit_id=unit.id), key=lambda row: row.year)
    figures = [
        FigureOut(year=row.year, value=str(plain(row.points)), n=None, source=None)
        for row in rows
        if row.state == "final" and row.points is not None
    ]
    return [_ours("par_index", PAR_INDEX, figures)] if figures else []


async def _visits(
    session: AsyncSession,
    subject: Subject,
    unit: Unit,
    years: Collection[int],
    questionnaires: PublishedQuestionnaires,
    zone: ZoneInfo,
) -> list[InstrumentOut]:
    """Our satisfaction index of single visits in these years, a block for each questionnaire version."""
    connection = await session.connection()
    found: dict[str, list[FigureOut]] = {}
    for year in sorted(years)[-MAX_YEARS:]:
        period = Period(date(year, 1, 1), date(year, 12, 31))
        body = await rollups.index(
            connection, questionnaires, subject, Question(unit.code, period, "subtree"), "vi", zone
        )
        for result in body["results"]:
            overall = result["overall"]
            if overall["percent"] is not None:
                questionnaire = result["questionnaire"]
                name = f"visits:{questionnaire['code']}/{questionnaire['version']}"
                value = str(plain(Decimal(repr(overall["percent"]))))
                figure = FigureOut(year=year, value=value, n=overall["responses"], source=None)
                found.setdefault(name, []).append(figure)
    return [_ours(name, VISITS, figures) for name, figures in sorted(found.items())]


def _ours(name: str, drawn: Instrument, figures: list[FigureOut]) -> InstrumentOut:
    return _shown(name, drawn, figures, ours=True)


def _block(name: str, drawn: Instrument, rows: Collection[ExternalFigure]) -> InstrumentOut:
    figures = [
        FigureOut(year=row.year, value=str(plain(row.value)), n=row.n, source=row.source) for row in rows
    ]
    return _shown(name, drawn, figures, ours=False)


def _shown(name: str, drawn: Instrument, figures: list[FigureOut], *, ours: bool) -> InstrumentOut:
    return InstrumentOut(
        instrument=name,
        ours=ours,
        title=said(drawn.title),
        measure=drawn.measure,
        most=str(plain(drawn.most)),
        note=said(drawn.note),
        figures=figures,
    )


def _said(row: ExternalFigure) -> tuple[int, Decimal, int | None, str]:
    return row.year, row.value, row.n, row.source
