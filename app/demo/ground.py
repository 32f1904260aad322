"""Before and after the story: may it be told here at all, who tells it, and who may look at it afterwards.

That a database holds a demonstration is a fact in the database itself (`demo`), written with the first row
and marked complete with the last. So real data is never touched, and a demonstration that was interrupted is
known for what it is: the next `sipas demo` tells the same story again from the beginning, unless somebody has
come in meanwhile (`strangers`). Every step finds what is there already (same dossiers, same response ids), so
what stands is kept and what is missing is added.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.known import subject_of
from app.auth.subjects import Subject
from app.core.clock import day_bounds
from app.core.database import Database
from app.demo import strangers
from app.demo.lines import Viewer
from app.demo.province import PROVINCE, Province, Story, as_table, province
from app.models.device import Device
from app.models.record import DeploymentFact
from app.models.response import Response
from app.models.subject import Client, User
from app.models.unit import Procedure, Unit
from app.models.visit import Visit
from app.procedures import service as procedures
from app.units import service as units
from app.units.schemas import ContactIn, UnitChange
from app.users import service as users

FACT = "demo"
ACCOUNT = "demo"
PARTNER, VIEWER = "Phần mềm một cửa (demo)", "Bảng theo dõi (demo)"
CONTACT = ContactIn(email="motcua@sipas.example", url="https://motcua.sipas.example")
"""Of the whole province, and of nobody: `.example` leads nowhere."""
_TELLER_SCOPES = ("devices:manage", "visits:write")
_VIEWER_SCOPES = ("indices:read", "units:read")
_LOCK = "hashtextextended('sipas demo', 0)"


class Refused(Exception):
    """The demonstration does not touch this database; `lines` says why and what to do."""

    def __init__(self, *lines: str) -> None:
        super().__init__(" ".join(lines))
        self.lines = lines


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[None]:
    """Only one `sipas demo` at a time; Refused while another one runs."""
    async with database.engine.connect() as bare:
        # autocommit: a transaction left open for a minute would be ended by its timeout
        connection = await bare.execution_options(isolation_level="AUTOCOMMIT")
        if not await connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
            raise Refused("another `sipas demo` is filling this database")
        try:
            yield
        finally:
            await connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))


async def begin(database: Database, story: Story, zone: ZoneInfo) -> Story:
    """Claim the database for a story: the interrupted one, if any. Refused for any other database."""
    async with database.transaction() as session:
        fact = await session.get(DeploymentFact, FACT)
        if fact is None:
            await _refuse_real_data(session)
            told = {**asdict(story), "first": str(story.first), "last": str(story.last)}
            session.add(DeploymentFact(name=FACT, value={"complete": False, "story": told}))
            return story
        if fact.value["complete"]:
            raise Refused(
                "the demonstration is already here: `sipas serve` shows it",
                "for a new one, start with an empty database (another SIPAS_DATA_DIR or SIPAS_DATABASE_URL)",
            )
        begun = dict(fact.value["story"])
        story = Story(
            **{
                **begun,
                "first": date.fromisoformat(begun["first"]),
                "last": date.fromisoformat(begun["last"]),
            }
        )
        await _refuse_what_came_since(session, story, zone)
        return story


async def _refuse_what_came_since(session: AsyncSession, story: Story, zone: ZoneInfo) -> None:
    ends = day_bounds(story.last, zone)[1]
    contact = CONTACT.model_dump(exclude_none=True)
    what = await strangers.found(session, province(story), PARTNER, contact, ends)
    if what is not None:
        raise Refused(
            "the demonstration begun here was interrupted, and the database has been used for something else"
            f" since ({what}): it is not told to its end",
            "give it an empty database (another SIPAS_DATA_DIR or SIPAS_DATABASE_URL)",
        )


async def _refuse_real_data(session: AsyncSession) -> None:
    for model, what in (
        (Unit, "units"),
        (Procedure, "procedures"),
        (Visit, "visits"),
        (Response, "responses"),
    ):
        if await session.scalar(select(exists().select_from(model))):
            raise Refused(
                f"this database holds real data ({what}): the demonstration does not touch it",
                "give it an empty database (another SIPAS_DATA_DIR or SIPAS_DATABASE_URL)",
            )


async def settle_in(session: AsyncSession, province: Province) -> Subject:
    """Units, procedures and the partner system that registers visits; any of them may be there already."""
    for run, rows in (
        (units.import_units, province.units),
        (procedures.import_procedures, province.procedures),
    ):
        result = await run(session, None, as_table(rows), "demo.csv", dry_run=False)
        if result.faults:
            raise ValueError(f"the demonstration's own table has a fault: {result.faults[0]}")
    partner = await session.scalar(select(Client).where(Client.name == PARTNER))
    if partner is None:
        top = await _province_id(session)
        # nobody learns this client's secret: it acts for the story only
        partner_id, _ = await users.create_client(session, audit.SYSTEM, PARTNER, top, _TELLER_SCOPES)
        partner = await session.get_one(Client, partner_id)
    subject = subject_of(partner)
    await units.change_unit(session, subject, PROVINCE, UnitChange(contact=CONTACT))
    return subject


async def devices_there(session: AsyncSession) -> dict[tuple[str, str], UUID]:
    """Devices of an interrupted demonstration, by unit code and name."""
    rows = await session.execute(
        select(Unit.code, Device.name, Device.id).join(Unit, Unit.id == Device.unit_id)
    )
    return {(code, name): device_id for code, name, device_id in rows}


async def complete(session: AsyncSession) -> Viewer:
    """Open the doors to whoever wants to look, and say that the demonstration is whole."""
    fact = await session.get_one(DeploymentFact, FACT)
    fact.value = {**fact.value, "complete": True}
    password = None
    if not await session.scalar(select(exists().where(User.username == ACCOUNT))):
        password = secrets.token_urlsafe(12)
        await users.create_administrator(session, audit.SYSTEM, ACCOUNT, password)
    top = await _province_id(session)
    client_id, secret = await users.create_client(session, audit.SYSTEM, VIEWER, top, _VIEWER_SCOPES)
    return Viewer(ACCOUNT, password, client_id, secret)


async def _province_id(session: AsyncSession) -> int:
    return (await session.scalars(select(Unit.id).where(Unit.code == PROVINCE))).one()
