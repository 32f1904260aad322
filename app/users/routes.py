"""`/api/v1/clients`: let a partner system in, list them, change one, renew its secrets, end it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.deps import Needs, forget_client_after_commit
from app.auth.subjects import Subject
from app.core.account_problems import FreshProofRequired
from app.core.clock import local_day, utc_now
from app.core.deps import AppSettings, Paging, ReadSession, WriteSession
from app.core.faults import Fault
from app.core.openapi import problems
from app.core.paging import Page, PageQuery, page
from app.core.parameters import StrictRoute
from app.core.problems import (
    BadRequest,
    BodyTooLarge,
    ClientClosed,
    ClientUnknown,
    InvalidRequest,
    MissingScope,
    SecretUnknown,
    TooManyRequests,
    TooManySecrets,
    Unauthorized,
    Unavailable,
    UnitUnknown,
    UnsupportedMediaType,
)
from app.users import queries, rotation, service
from app.users.schemas import ClientChange, ClientOut, Credentials, NewClient, NewSecret, SecretShown

router = APIRouter(prefix="/api/v1/clients", tags=["Who asks"], route_class=StrictRoute)

Manager = Annotated[Subject, Needs("clients:manage")]
ProvenManager = Annotated[Subject, Needs("clients:manage", proven=True)]
GUARDED = (Unauthorized, MissingScope, TooManyRequests, Unavailable)
BODY = (BadRequest, InvalidRequest, BodyTooLarge, UnsupportedMediaType)


@router.post(
    "",
    status_code=201,
    responses=problems(*GUARDED, FreshProofRequired, *BODY, UnitUnknown),
    summary="Let a partner system in",
)
async def create_client(
    new: NewClient, subject: ProvenManager, session: WriteSession, settings: AppSettings
) -> Credentials:
    """Within your reach, with scopes you hold yourself. The secret is shown this once."""
    today = local_day(utc_now(), settings.zone)
    client_id, secret = await service.grant_client(session, subject, new, today)
    return Credentials(client_id=client_id, client_secret=secret)


@router.get("", responses=problems(*GUARDED, InvalidRequest), summary="List partner systems")
async def list_clients(subject: Manager, session: ReadSession, paging: Paging) -> Page[ClientOut]:
    """Partner systems within your reach, by name; closed ones too."""
    rows = await queries.clients(session, subject, _after(paging), paging.limit)
    secrets = await queries.secrets(session, (client.id for client, _ in rows))
    return page(
        rows,
        paging,
        lambda row: ClientOut.of(*row, secrets[row[0].id]),
        lambda row: (row[0].name, str(row[0].id)),
    )


def _after(paging: PageQuery) -> tuple[str, UUID] | None:
    key = paging.after(str, str)
    try:
        return None if key is None else (str(key[0]), UUID(str(key[1])))
    except ValueError as error:
        raise InvalidRequest(faults=[Fault("/cursor", "invalid_cursor")]) from error


async def _show(session: AsyncSession, subject: Subject, client_id: UUID) -> ClientOut:
    found = await queries.client(session, subject, client_id)
    if found is None:
        raise ClientUnknown
    secrets = await queries.secrets(session, [client_id])
    return ClientOut.of(*found, secrets[client_id])


@router.get(
    "/{client_id}",
    responses=problems(*GUARDED, InvalidRequest, ClientUnknown),
    summary="Read a partner system",
)
async def get_client(client_id: UUID, subject: Manager, session: ReadSession) -> ClientOut:
    """A partner system within your reach, with when each of its secrets was last used and when it ends."""
    return await _show(session, subject, client_id)


@router.patch(
    "/{client_id}",
    dependencies=[forget_client_after_commit],
    responses=problems(*GUARDED, FreshProofRequired, *BODY, ClientUnknown, ClientClosed),
    summary="Change a partner system",
)
async def change_client(
    client_id: UUID, sent: ClientChange, subject: ProvenManager, session: WriteSession
) -> ClientOut:
    """Its name, its end, where it may call from. Felt within two seconds; you must hold its scopes."""
    await rotation.change_client(session, subject, client_id, sent)
    return await _show(session, subject, client_id)


@router.post(
    "/{client_id}/secrets",
    status_code=201,
    responses=problems(*GUARDED, FreshProofRequired, *BODY, ClientUnknown, ClientClosed, TooManySecrets),
    summary="Give a partner system one more secret",
)
async def add_secret(
    client_id: UUID, subject: ProvenManager, session: WriteSession, sent: NewSecret | None = None
) -> SecretShown:
    """Shown this once; the older ones go on until they are removed or end. You must hold its scopes."""
    row, secret = await rotation.add_secret(session, subject, client_id, sent.expires_at if sent else None)
    return SecretShown(
        id=row.id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=None,
        client_secret=secret,
    )


@router.delete(
    "/{client_id}/secrets/{secret_id}",
    status_code=204,
    responses=problems(*GUARDED, InvalidRequest, ClientUnknown, SecretUnknown),
    summary="Remove a secret",
)
async def remove_secret(client_id: UUID, secret_id: UUID, subject: Manager, session: WriteSession) -> None:
    """No token is given for it any more; those given live for their quarter of an hour."""
    await rotation.remove_secret(session, subject, client_id, secret_id)


@router.post(
    "/{client_id}/close",
    status_code=204,
    dependencies=[forget_client_after_commit],
    responses=problems(*GUARDED, FreshProofRequired, InvalidRequest, ClientUnknown),
    summary="End a partner system",
)
async def close_client(client_id: UUID, subject: ProvenManager, session: WriteSession) -> None:
    """Its tokens end with it, within two seconds everywhere. Closing it again changes nothing."""
    await service.close_client(session, subject, client_id)
