"""`/api/v1/clients`: let a partner system in, list them, end one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.auth.deps import Needs, forget_client_after_commit
from app.auth.subjects import Subject
from app.core.deps import Paging, ReadSession, WriteSession
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.paging import Page, PageQuery, page
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    ClientUnknown,
    InvalidRequest,
    MissingScope,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.users import queries, service
from app.users.schemas import ClientOut, ClientSecret, NewClient

router = APIRouter(prefix="/api/v1/clients", tags=["Who asks"])

Manager = Annotated[Subject, Needs("clients:manage")]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)


@router.post(
    "",
    status_code=201,
    responses=problems(*GUARDED, BadRequest, InvalidRequest, UnitUnknown, BodyTooLarge, UnsupportedMediaType),
    summary="Let a partner system in",
)
async def create_client(new: NewClient, subject: Manager, session: WriteSession) -> ClientSecret:
    """Within your reach, with scopes you hold yourself. The secret is shown this once."""
    client_id, secret = await service.grant_client(session, subject, new)
    return ClientSecret(client_id=client_id, client_secret=secret)


@router.get("", responses=problems(*GUARDED, InvalidRequest), summary="List partner systems")
async def list_clients(subject: Manager, session: ReadSession, paging: Paging) -> Page[ClientOut]:
    """Partner systems within your reach, by name; closed ones too."""
    rows = await queries.clients(session, subject, _after(paging), paging.limit)
    return page(rows, paging, lambda row: ClientOut.of(*row), lambda row: (row[0].name, str(row[0].id)))


def _after(paging: PageQuery) -> tuple[str, UUID] | None:
    key = paging.after(str, str)
    try:
        return None if key is None else (str(key[0]), UUID(str(key[1])))
    except ValueError as error:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")]) from error


@router.post(
    "/{client_id}/close",
    status_code=204,
    dependencies=[forget_client_after_commit],
    responses=problems(*GUARDED, InvalidRequest, ClientUnknown),
    summary="End a partner system",
)
async def close_client(client_id: UUID, subject: Manager, session: WriteSession) -> None:
    """Its tokens end with it, within two seconds everywhere. Closing it again changes nothing."""
    await service.close_client(session, subject, client_id)
