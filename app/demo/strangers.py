"""What an interrupted demonstration did not make: whoever meanwhile used its database for something real.

The story begins in a database without units, so whatever hangs on a unit came later: from the story, which
can be told by what the story says, or from somebody else. That an account or a client of the whole
deployment was made, or the service started, says nothing: it may have been before.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.demo.province import Province
from app.models.device import Device
from app.models.par import ExternalFigure, ParSheet
from app.models.period import Period
from app.models.reorganisation import Reorganisation
from app.models.response import Response
from app.models.sample import Sample
from app.models.subject import Client, UserRole
from app.models.unit import Procedure, Unit
from app.models.visit import Visit

TABLET = {"model": "demo"}
"""What a tablet of the story says of itself when it is paired."""
_DOSSIER = "-______-____"
"""After the unit's code, as `days.unit_day` writes it: the day and a number."""


async def found(
    session: AsyncSession, told: Province, partner: str, contact: dict[str, str], ends: datetime
) -> str | None:
    """What stands here that the story did not make, by its name; None if nothing does.

    `partner` and `contact` are the story's own; nothing of it is received after `ends`.
    """
    codes = [row["code"] for row in told.units]
    procedures = [row["code"] for row in told.procedures]
    dossier = select(Unit.code + _DOSSIER).where(Unit.id == Visit.unit_id).scalar_subquery()
    contacts = Unit.contact.is_not(None) & (Unit.contact != contact)
    foreign: tuple[tuple[str, Any, ColumnElement[bool]], ...] = (
        ("units", Unit, Unit.code.not_in(codes)),
        ("units' contacts", Unit, or_(contacts, Unit.opening_hours.is_not(None), Unit.require_totp)),
        ("procedures", Procedure, Procedure.code.not_in(procedures)),
        ("reorganisations", Reorganisation, Reorganisation.id.is_not(None)),
        ("devices", Device, Device.description.is_distinct_from(TABLET)),
        ("clients", Client, Client.unit_id.is_not(None) & (Client.name != partner)),
        ("people", UserRole, UserRole.unit_id.is_not(None)),
        ("visits", Visit, Visit.dossier_code.not_like(dossier)),
        ("responses", Response, Response.received_at >= ends),
        ("samples", Sample, Sample.id.is_not(None)),
        ("periods", Period, Period.id.is_not(None)),
        ("PAR sheets", ParSheet, ParSheet.id.is_not(None)),
        ("figures of others", ExternalFigure, ExternalFigure.unit_id.is_not(None)),
    )
    for what, model, not_ours in foreign:
        if await session.scalar(select(exists().select_from(model).where(not_ours))):
            return what
    return None
