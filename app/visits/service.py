"""Registering visits, each judged by itself, and following a link to its visit.

A visit is turned away by itself, with all its faults at once; what remains is written together. The same
dossier of the same unit always leads to the same visit and so to the same link: a partner system that
lost our answer sends everything again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import heirs
from app.auth.subjects import Subject
from app.core.clock import day_bounds, local_day
from app.core.errors import Problem
from app.core.faults import Fault
from app.core.problems import (
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    ProcedureUnknown,
    QuestionnaireUnknown,
    UnitUnknown,
)
from app.models.visit import OPEN
from app.rollups import stale
from app.visits import queries
from app.visits.links import LinkCodes
from app.visits.queries import KnownUnit, LinkedVisit, NewVisit, StoredVisit
from app.visits.renumbered import Formers, formers
from app.visits.schemas import QuestionnaireChoice, VisitIn, read_visit, readable_dossier

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a partner's clock may run ahead of ours; it matters at midnight."""
MAX_AGE_DAYS = 366
"""Older visits are refused. Younger ones count as visits though their link may have expired already."""
DEFAULT_QUESTIONNAIRE = QuestionnaireChoice(code="quick-5")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: a stored visit, or the problem that kept it out."""

    status: Literal["created", "existing", "rejected"]
    dossier_code: str | None
    visit: StoredVisit | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Registers:
    """What the visits of one call refer to, by code."""

    units: dict[str, KnownUnit]
    formers: Formers
    """Former codes, of units not found and of units whose code was another's."""
    heirs: dict[int, str]
    """Who succeeded the units that had ended, in words."""
    procedures: dict[str, int]
    questionnaires: dict[tuple[str, int | None], int]


async def register(
    session: AsyncSession,
    subject: Subject,
    sent: Sequence[object],
    zone: ZoneInfo,
    link_days: int,
    now: datetime,
) -> list[Outcome]:
    """Write the good ones of these items; what became of each, in their order."""
    read = [read_visit(item) for item in sent]
    today = local_day(now + CLOCK_TOLERANCE, zone)
    visits = [visit for visit in read if isinstance(visit, VisitIn)]
    registers = await _registers(session, subject, visits, today)
    expiry = Expiry(zone, link_days)
    judged: list[NewVisit | Outcome] = []
    for index, (item, visit) in enumerate(zip(sent, read, strict=True)):
        at = f"/visits/{index}"
        if isinstance(visit, VisitIn):
            judged.append(_judge(visit, at, registers, expiry, today))
        else:
            faults = [fault._replace(pointer=at + fault.pointer) for fault in visit]
            judged.append(Outcome("rejected", readable_dossier(item), problem=InvalidRequest(faults=faults)))
    return await _write(session, judged)


async def follow(session: AsyncSession, unit_id: int, visit_id: int, now: datetime) -> LinkedVisit:
    """The visit behind a signed link, while it can be answered; LinkUnknown, LinkUsed or LinkExpired."""
    visit = await queries.linked_visit(session, unit_id, visit_id)
    if visit is None:
        raise LinkUnknown
    if visit.answer_state != OPEN:
        raise LinkUsed
    if now >= visit.expires_at:
        raise LinkExpired
    return visit


async def printable(
    session: AsyncSession, subject: Subject, codes: Sequence[str], links: LinkCodes, now: datetime
) -> list[tuple[tuple[int, int], LinkedVisit]]:
    """The visits behind these codes with their ids, in order; InvalidRequest names every code not to print.

    Outside the subject's reach a link does not exist. Within it, used and expired are told apart, as they
    are to whoever holds the code.
    """
    ids = [links.read(code) for code in codes]
    visits = await queries.linked_visits(session, subject, {one for one in ids if one is not None})
    found: list[tuple[tuple[int, int], LinkedVisit]] = []
    faults: list[Fault] = []
    for index, one in enumerate(ids):
        visit = None if one is None else visits.get(one)
        if one is None or visit is None:
            faults.append(Fault(f"/codes/{index}", "link_unknown"))
        elif visit.answer_state != OPEN:
            faults.append(Fault(f"/codes/{index}", "link_used"))
        elif now >= visit.expires_at:
            faults.append(Fault(f"/codes/{index}", "link_expired"))
        else:
            found.append((one, visit))
    if faults:
        raise InvalidRequest(faults=faults)
    return found


class Expiry:
    """When a visit's link ends: with the local day `link_days` after the visit's; worked out once a day."""

    def __init__(self, zone: ZoneInfo, link_days: int) -> None:
        self._zone = zone
        self._open = timedelta(days=link_days)
        self._known: dict[date, datetime] = {}

    def of(self, served_on: date) -> datetime:
        """The first instant at which the link is closed."""
        known = self._known.get(served_on)
        if known is None:
            known = self._known[served_on] = day_bounds(served_on + self._open, self._zone)[1]
        return known


async def _registers(
    session: AsyncSession, subject: Subject, visits: Sequence[VisitIn], today: date
) -> Registers:
    if not visits:
        return Registers({}, Formers(), {}, {}, {})
    units = await queries.units_by_code(session, subject, {visit.unit_code for visit in visits})
    # only where something is wrong is it asked why
    missing = {visit.unit_code for visit in visits} - units.keys()
    known = [(units[visit.unit_code], visit.served_on) for visit in visits if visit.unit_code in units]
    moved = {
        visit.unit_code for visit in visits if visit.unit_code in units and units[visit.unit_code].succeeds
    }
    ended = {unit.id for unit, day in known if unit.valid_to is not None and unit.valid_to < day}
    return Registers(
        units,
        await formers(session, subject, missing | moved),
        await heirs.successors(session, ended, today) if ended else {},
        await queries.procedures_by_code(
            session, {visit.procedure_code for visit in visits if visit.procedure_code is not None}
        ),
        await queries.questionnaires_by_code(
            session, {(visit.questionnaire or DEFAULT_QUESTIONNAIRE).code for visit in visits}
        ),
    )


def _judge(visit: VisitIn, at: str, known: Registers, expiry: Expiry, today: date) -> NewVisit | Outcome:
    """The visit to write, or why not: the problem names the first unknown thing, its faults name all."""
    asked = visit.questionnaire or DEFAULT_QUESTIONNAIRE
    unit = known.units.get(visit.unit_code)
    other = None if unit is None else known.formers.other(visit.unit_code, visit.served_on, unit.id)
    if unit is None:
        unit = known.formers.of_the_day(visit.unit_code, visit.served_on)
    procedure = known.procedures.get(visit.procedure_code) if visit.procedure_code is not None else None
    questionnaire = known.questionnaires.get((asked.code, asked.version))
    unknown: list[Callable[..., Problem]] = []
    faults = _day_faults(visit, at, unit, known.heirs, today)
    if unit is None:
        unknown.append(partial(UnitUnknown, unit=visit.unit_code))
        now = known.formers.now(visit.unit_code)
        renumbered = Fault(f"{at}/unit_code", "unit_renumbered", {"code": now})
        faults.append(Fault(f"{at}/unit_code", "unit_unknown") if now is None else renumbered)
    if other is not None:
        told = {"day": visit.served_on, "code": visit.unit_code, "now": other.now}
        faults.append(Fault(f"{at}/unit_code", "code_moved", told))
    if visit.procedure_code is not None and procedure is None:
        unknown.append(partial(ProcedureUnknown, procedure=visit.procedure_code))
        faults.append(Fault(f"{at}/procedure_code", "procedure_unknown"))
    if questionnaire is None:
        version = "" if asked.version is None else f" {asked.version}"
        unknown.append(partial(QuestionnaireUnknown, questionnaire=asked.code + version))
        faults.append(Fault(f"{at}/questionnaire", "questionnaire_unknown"))
    if unit is None or questionnaire is None or faults:
        problem = unknown[0] if unknown else InvalidRequest
        return Outcome("rejected", visit.dossier_code, problem=problem(faults=faults))
    return NewVisit(
        unit.id,
        visit.dossier_code,
        visit.served_on,
        procedure,
        visit.counter,
        questionnaire,
        expiry.of(visit.served_on),
    )


def _day_faults(
    visit: VisitIn, at: str, unit: KnownUnit | None, followed: Mapping[int, str], today: date
) -> list[Fault]:
    where, served_on = f"{at}/served_on", visit.served_on
    if served_on > today:
        return [Fault(where, "day_in_future")]
    if (today - served_on).days > MAX_AGE_DAYS:
        return [Fault(where, "day_too_old", {"days": MAX_AGE_DAYS})]
    if unit is not None and unit.id in followed and unit.valid_to is not None and unit.valid_to < served_on:
        told = {"unit": visit.unit_code, "day": unit.valid_to, "successor": followed[unit.id]}
        return [Fault(where, "unit_closed", told)]
    if unit is not None and not (unit.valid_from or date.min) <= served_on <= (unit.valid_to or date.max):
        return [Fault(where, "unit_not_valid_on_day")]
    return []


async def _write(session: AsyncSession, judged: Sequence[NewVisit | Outcome]) -> list[Outcome]:
    """Write the new visits with the marks that their days must be counted again."""
    wanted: dict[tuple[str, int], NewVisit] = {}
    for item in judged:
        if isinstance(item, NewVisit):
            wanted.setdefault((item.dossier_code, item.unit_id), item)  # the first of a dossier counts
    created = await queries.add_visits(session, list(wanted.values())) if wanted else {}
    await stale.mark_visits(session, [(wanted[key].unit_id, wanted[key].served_on) for key in created])
    there = [key for key in wanted if key not in created]
    visits = created | (await queries.visits_of(session, there) if there else {})
    outcomes: list[Outcome] = []
    fresh = set(created)
    for item in judged:
        if isinstance(item, Outcome):
            outcomes.append(item)
            continue
        key = (item.dossier_code, item.unit_id)
        outcomes.append(Outcome("created" if key in fresh else "existing", item.dossier_code, visits[key]))
        fresh.discard(key)
    return outcomes
