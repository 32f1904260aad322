"""What visits read and write: registers by code, visits in one statement, the nightly settling.

A call of a thousand visits costs as many statements as a call of one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Row,
    Select,
    SmallInteger,
    TableValuedAlias,
    Text,
    any_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.reach import within_reach
from app.auth.subjects import Subject
from app.core.locks import Lock, hold
from app.models.distribution import EVERY_UNIT
from app.models.questionnaire import Questionnaire
from app.models.reorganisation import UnitVersion
from app.models.sample import Sample, SampleLink
from app.models.unit import Procedure, Unit
from app.models.visit import ANSWERED, SETTLED, Visit


class KnownUnit(NamedTuple):
    """A unit and the days on which it exists, both included; None: no end."""

    id: int
    valid_from: date | None
    valid_to: date | None
    succeeds: bool = False
    """Whether its code was another unit's before."""


class NewVisit(NamedTuple):
    """A visit to write. The first two fields tell visits apart."""

    unit_id: int
    dossier_code: str
    served_on: date
    procedure_id: int | None
    counter: str | None
    questionnaire_id: int
    expires_at: datetime


class StoredVisit(NamedTuple):
    """What a link is made of."""

    unit_id: int
    id: int
    expires_at: datetime


class LinkedVisit(NamedTuple):
    """What a link leads to."""

    unit_code: str
    unit_name: str
    procedure_code: str | None
    procedure_name: str | None
    served_on: date
    expires_at: datetime
    answer_state: int
    questionnaire_id: int


async def units_by_code(
    session: AsyncSession, subject: Subject, codes: Collection[str]
) -> dict[str, KnownUnit]:
    """The units of these codes within the subject's reach."""
    before = exists().where(
        UnitVersion.code == Unit.code, UnitVersion.unit_id != Unit.id, UnitVersion.valid_to.is_not(None)
    )
    rows = await session.execute(
        select(Unit.code, Unit.id, Unit.valid_from, Unit.valid_to, before).where(
            Unit.code == any_(_texts(codes)), within_reach(Unit.id, subject)
        )
    )
    return {code: KnownUnit(unit, first, last, moved) for code, unit, first, last, moved in rows}


async def procedures_by_code(session: AsyncSession, codes: Collection[str]) -> dict[str, int]:
    """Ids of the procedures of these codes."""
    if not codes:
        return {}
    rows = await session.execute(
        select(Procedure.code, Procedure.id).where(Procedure.code == any_(_texts(codes)))
    )
    return {row.code: row.id for row in rows}


async def questionnaires_by_code(
    session: AsyncSession, codes: Collection[str]
) -> dict[tuple[str, int | None], int]:
    """Ids of the published questionnaires by (code, version), and of the newest version by (code, None)."""
    rows = await session.execute(
        select(Questionnaire.code, Questionnaire.version, Questionnaire.id)
        .where(Questionnaire.code == any_(_texts(codes)), Questionnaire.status == "published")
        .order_by(Questionnaire.code, Questionnaire.version)
    )
    found: dict[tuple[str, int | None], int] = {}
    for code, version, questionnaire_id in rows:
        found[code, version] = found[code, None] = questionnaire_id
    return found


async def add_visits(session: AsyncSession, visits: Sequence[NewVisit]) -> dict[tuple[str, int], StoredVisit]:
    """Write those whose dossier the unit does not have yet, in one statement; them by (dossier, unit).

    They go in sorted: two calls that bring the same dossiers then wait for each other instead of locking
    each other out, and the later one finds the earlier one's rows.
    """
    names = NewVisit._fields
    sent = _table(names, sorted(visits, key=lambda visit: visit[:2]))
    statement = (
        postgresql.insert(Visit)
        .from_select(names, select(*(sent.c[name] for name in names)))
        .on_conflict_do_nothing(index_elements=["unit_id", "dossier_code"])
        .returning(Visit.dossier_code, Visit.unit_id, Visit.id, Visit.expires_at)
    )
    return _stored(await session.execute(statement))


async def visits_of(
    session: AsyncSession, dossiers: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], StoredVisit]:
    """Visits that are there, by (dossier, unit)."""
    wanted = _table(("dossier_code", "unit_id"), dossiers)
    statement = select(Visit.dossier_code, Visit.unit_id, Visit.id, Visit.expires_at).join(
        wanted, (Visit.unit_id == wanted.c.unit_id) & (Visit.dossier_code == wanted.c.dossier_code)
    )
    return _stored(await session.execute(statement))


async def linked_visit(session: AsyncSession, unit_id: int, visit_id: int) -> LinkedVisit | None:
    """What the link of a visit, or of a visit drawn for a sample, leads to."""
    row = (
        await session.execute(
            _linked().where(
                Visit.unit_id == bindparam("unit_id", unit_id, BigInteger()),
                Visit.id == bindparam("visit_id", visit_id, BigInteger()),
            )
        )
    ).one_or_none()
    return await _sampled_visit(session, unit_id, visit_id) if row is None else LinkedVisit(*row)


async def linked_visits(
    session: AsyncSession, subject: Subject, ids: Collection[tuple[int, int]]
) -> dict[tuple[int, int], LinkedVisit]:
    """What the links of these visits lead to, by (unit id, visit id): those within the subject's reach."""
    if not ids:
        return {}
    wanted = _table(("unit_id", "id"), list(ids))
    statement = (
        _linked()
        .add_columns(Visit.unit_id, Visit.id)
        .join(wanted, (Visit.unit_id == wanted.c.unit_id) & (Visit.id == wanted.c.id))
        .where(within_reach(Visit.unit_id, subject))
    )
    found: dict[tuple[int, int], LinkedVisit] = {}
    for *shown, unit_id, visit_id in await session.execute(statement):
        found[unit_id, visit_id] = LinkedVisit(*shown)
    return found


async def _sampled_visit(session: AsyncSession, unit_id: int, link_id: int) -> LinkedVisit | None:
    """What the link of a sample leads to: the drawn visit, with what the sample asks and until when."""
    row = (
        await session.execute(
            select(
                Unit.code,
                Unit.name,
                Procedure.code,
                Procedure.name,
                SampleLink.served_on,
                Sample.expires_at,
                SampleLink.answer_state,
                Sample.questionnaire_id,
            )
            .select_from(SampleLink)
            .join(Sample, Sample.id == SampleLink.sample_id)
            .join(Unit, Unit.id == SampleLink.unit_id)
            .outerjoin(Procedure, Procedure.id == SampleLink.procedure_id)
            .where(SampleLink.unit_id == unit_id, SampleLink.id == link_id)
        )
    ).one_or_none()
    return None if row is None else LinkedVisit(*row)


def _linked() -> Select[str, str, str | None, str | None, date, datetime, int, int]:
    return (
        select(
            Unit.code,
            Unit.name,
            Procedure.code,
            Procedure.name,
            Visit.served_on,
            Visit.expires_at,
            Visit.answer_state,
            Visit.questionnaire_id,
        )
        .select_from(Visit)
        .join(Unit, Unit.id == Visit.unit_id)
        .outerjoin(Procedure, Procedure.id == Visit.procedure_id)
    )


async def settle(session: AsyncSession) -> int:
    """Turn every ANSWERED visit SETTLED by writing it anew in random order; how many there were.

    Not a plain UPDATE: that walks the table, finds the answered versions in the order of answering and
    leaves the new ones in the same order, often on the same page, so that the position of a row (and its
    place in every dump) would go on telling when its link was used. All that was answered before of the same
    units and days is written anew with them: else the few that came since the last sweep, or the only one,
    would stand apart. See docs/decisions/0002-anonymity.md.
    """
    await hold(session, Lock.SETTLING)
    columns = Visit.__table__.columns
    crowds = select(Visit.unit_id, Visit.served_on).where(Visit.answer_state == ANSWERED)
    gone = (
        delete(Visit)
        .where(
            Visit.answer_state.in_((ANSWERED, SETTLED)), tuple_(Visit.unit_id, Visit.served_on).in_(crowds)
        )
        .returning(*columns)
        .cte("gone")
    )
    settled = [
        literal(SETTLED, SmallInteger()) if column.name == "answer_state" else gone.c[column.name]
        for column in columns
    ]
    anew = (
        insert(Visit)
        .from_select([column.name for column in columns], select(*settled).order_by(func.random()))
        .cte("anew")
    )
    fresh = select(func.count()).prefix_with(EVERY_UNIT).where(gone.c.answer_state == ANSWERED).add_cte(anew)
    return await session.scalar(fresh) or 0


def _stored(rows: Iterable[Row[tuple[str, int, int, datetime]]]) -> dict[tuple[str, int], StoredVisit]:
    return {(row.dossier_code, row.unit_id): StoredVisit(row.unit_id, row.id, row.expires_at) for row in rows}


def _texts(values: Collection[str]) -> BindParameter[Sequence[str]]:
    return literal(list(values), ARRAY(Text()))


def _table(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> TableValuedAlias:
    """Rows of columns of visits as a table; travels as one array a column, whatever the number of rows."""
    columns = [Visit.__table__.c[name] for name in names]
    arrays = [
        literal(list(values), ARRAY(each.type))
        for values, each in zip(zip(*rows, strict=True), columns, strict=True)
    ]
    named = (column(each.name, each.type) for each in columns)
    return func.unnest(*arrays).table_valued(*named).render_derived("sent")
