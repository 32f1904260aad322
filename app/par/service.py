"""Recording score sheets, one at a time or a year's as a table.

A draft may be written as often as one likes. A final sheet does not change: writing it again as it stands
does nothing, and writing it otherwise needs a reason and makes a revision, which is final too; what it
replaced stays readable. The database refuses a change of a final sheet as well (a trigger).
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core.faults import Fault
from app.core.imports import MAX_ROWS, ImportResult, Table, changes_of
from app.core.locks import give_time, hold_named
from app.core.par_problems import ParSheetFinal, ParSheetUnknown
from app.core.problems import InvalidRequest
from app.core.tables import read_rows
from app.par import queries
from app.par.queries import Stored, Wanted
from app.par.rows import COLUMNS, REQUIRED, Read, read_sheets
from app.par.schemas import SheetIn, SheetOut
from app.par.scores import points_fault, scored, totals
from app.par.templates import OWN, WHOLE, Template, shipped
from app.units.zeros import DIGITS

Step = Literal["create", "update", "unchanged", "revise"]
_WRITTEN: tuple[Step, ...] = ("create", "update", "unchanged")


async def read_sheet(
    session: AsyncSession, subject: Subject, code: str, year: int, revision: int | None
) -> SheetOut:
    """A unit's sheet of a year; ParSheetUnknown where there is none."""
    unit = await find_unit(session, subject, code, "/unit_code")
    stored = await queries.one(session, unit.id, year, revision)
    if stored is None:
        raise ParSheetUnknown(unit=code, year=year)
    return SheetOut.of(unit, stored)


async def put_sheet(session: AsyncSession, subject: Subject, code: str, year: int, sent: SheetIn) -> SheetOut:
    """Write a unit's sheet of a year. ParSheetFinal when it is final, differs, and no reason is given."""
    unit = await find_unit(session, subject, code, "/unit_code")
    faults: list[Fault] = []
    template = _template(sent.template, faults)
    scores, wrong = scored(template, [one.score() for one in sent.domains], complete=sent.final)
    if not faults:  # without a template nothing can be said of domains
        faults += [fault._replace(pointer="/domains" + fault.pointer) for fault in wrong]
    if sent.published_total is not None:
        found = points_fault(sent.published_total, WHOLE, "/published_total")
        faults += [found] if found else []
    if faults:
        raise InvalidRequest(faults=faults)
    await _hold(session, year)
    state = "final" if sent.final else "draft"
    wanted = Wanted(unit.id, year, state, sent.template, sent.published_total, sent.source, tuple(scores))
    standing = await queries.one(session, unit.id, year)
    step = _step(standing, wanted)
    if step == "revise":
        await _revise(session, subject.actor, standing, wanted, sent.reason)
    elif step != "unchanged":
        if sent.reason is not None:
            raise InvalidRequest(faults=[Fault("/reason", "nothing_to_revise")])
        await _write(session, subject.actor, [wanted], {} if standing is None else {unit.id: standing})
    stored = await queries.one(session, unit.id, year)
    if stored is None:
        raise ParSheetUnknown(unit=code, year=year)
    if step != "unchanged":
        _record(session, subject.actor, code, wanted, stored.sheet.revision)
    return SheetOut.of(unit, stored)


async def import_sheets(
    session: AsyncSession,
    subject: Subject,
    data: bytes,
    filename: str,
    *,
    year: int,
    template: str,
    final: bool,
    dry_run: bool,
) -> ImportResult:
    """Write a year's sheets from a CSV or XLSX file: all of them, or with any fault none."""
    wrong: list[Fault] = []
    drawn = _template(template, wrong)
    if wrong:
        raise InvalidRequest(faults=wrong)
    rows, faults = await asyncio.to_thread(read_rows, data, filename, COLUMNS, REQUIRED, MAX_ROWS)
    await give_time(session)
    table = Table(rows, faults)
    read = await asyncio.to_thread(read_sheets, table, drawn, complete=final)
    ids = await queries.unit_ids(session, subject, [one.unit_code for one in read])
    likely = await _likely_codes(session, subject, {one.unit_code for one in read} - ids.keys())
    if not dry_run:
        await _hold(session, year)
    standing = await queries.current(session, list(ids.values()), year)
    steps: dict[Step, list[Wanted]] = {"create": [], "update": [], "unchanged": [], "revise": []}
    for one in read:
        if one.unit_code not in ids:
            if one.unit_code in likely:
                table.accuse(one.row, "unit_code", "code_taken_for_number", likely=likely[one.unit_code])
            else:
                table.accuse(one.row, "unit_code", "unit_unknown")
            continue
        unit_id = ids[one.unit_code]
        wanted = _wanted(one, unit_id, year, template, final=final, standing=standing.get(unit_id))
        step = _step(standing.get(unit_id), wanted)
        steps[step].append(wanted)
        if step == "revise":
            table.accuse(one.row, "unit_code", "sheet_is_final")
    if found := table.faults():
        return ImportResult(faults=found)
    codes = {unit_id: code for code, unit_id in ids.items()}
    changes = []
    for sheet in steps["update"]:
        was = _facts(_as_wanted(standing[sheet.unit_id]))
        changes += changes_of(codes[sheet.unit_id], was, _facts(sheet))
    created, updated, unchanged = (len(steps[step]) for step in _WRITTEN)
    result = ImportResult(created, updated, unchanged, changes=changes)
    if not dry_run:
        await _write(session, subject.actor, steps["create"] + steps["update"], standing)
        for sheet in steps["create"] + steps["update"]:
            _record(session, subject.actor, codes[sheet.unit_id], sheet, 1)
    return result


def _wanted(
    read: Read, unit_id: int, year: int, template: str, *, final: bool, standing: Stored | None
) -> Wanted:
    """A table knows no source: the one that stands is kept."""
    source = None if standing is None else standing.sheet.source
    state = "final" if final else "draft"
    return Wanted(unit_id, year, state, template, read.published_total, source, read.scores)


async def _likely_codes(session: AsyncSession, subject: Subject, unknown: set[str]) -> dict[str, str]:
    """Of codes that are no unit's, those a unit has with zeros in front: a spreadsheet dropped them."""
    padded = {code: [code.zfill(digits) for digits in DIGITS.values()] for code in unknown if code.isdigit()}
    known = await queries.unit_ids(session, subject, [code for codes in padded.values() for code in codes])
    found = {code: [one for one in codes if one in known] for code, codes in padded.items()}
    return {code: codes[0] for code, codes in found.items() if codes}


def _facts(sheet: Wanted) -> dict[str, object]:
    """What a table says of a unit, by field; of a domain `<domain>.<column>`."""
    facts: dict[str, object] = {
        "state": sheet.state,
        "template": sheet.template,
        "published_total": sheet.published_total,
    }
    for score in sheet.scores:
        domain = score.domain
        of_domain = {
            "title_vi": domain.title.vi,
            "title_en": domain.title.en,
            "max_points": domain.max_points,
            "self_score": score.self_score,
            "appraised_score": score.appraised_score,
            "survey_score": score.survey_score,
            "points": score.given_points,
        }
        facts |= {f"{domain.code}.{column}": value for column, value in of_domain.items()}
    return facts


def _step(standing: Stored | None, wanted: Wanted) -> Step:
    """What writing comes to."""
    if standing is None:
        return "create"
    if wanted == _as_wanted(standing):
        return "unchanged"
    return "update" if standing.sheet.state == "draft" else "revise"


def _as_wanted(standing: Stored) -> Wanted:
    sheet = standing.sheet
    return Wanted(
        sheet.unit_id,
        sheet.year,
        sheet.state,
        sheet.template,
        sheet.published_total,
        sheet.source,
        standing.scores,
    )


async def _write(
    session: AsyncSession, actor: str, sheets: Sequence[Wanted], standing: dict[int, Stored]
) -> None:
    """New sheets, and drafts anew."""
    await queries.add(session, [one for one in sheets if one.unit_id not in standing], actor)
    drafts = [(standing[one.unit_id].sheet.id, one) for one in sheets if one.unit_id in standing]
    await queries.replace(session, drafts, actor)


async def _revise(
    session: AsyncSession, actor: str, standing: Stored | None, wanted: Wanted, reason: str | None
) -> None:
    if reason is None or standing is None:
        raise ParSheetFinal
    if wanted.state != "final":
        raise InvalidRequest(faults=[Fault("/final", "revision_is_final")])
    revision = standing.sheet.revision + 1
    await queries.add(session, [wanted], actor, revision=revision, reason=reason)


def _record(session: AsyncSession, actor: str, code: str, sheet: Wanted, revision: int) -> None:
    points = totals(sheet.scores).points
    audit.record(
        session,
        actor,
        "par.sheet",
        f"unit:{code}",
        [sheet.unit_id],
        year=sheet.year,
        revision=revision,
        state=sheet.state,
        points=None if points is None else str(points),
    )


async def _hold(session: AsyncSession, year: int) -> None:
    """One writer of a year at a time: what stands is compared before it is written."""
    await hold_named(session, "par_sheets", str(year))


def _template(code: str, faults: list[Fault]) -> Template | None:
    """The template of this code; None where the sheet brings its own domains, or (a fault) there is none."""
    if code != OWN and code not in shipped():
        faults.append(Fault("/template", "not_allowed", {"allowed": ", ".join([*shipped(), OWN])}))
    return shipped().get(code)
