"""Renewing a partner system's secrets without a pause, and changing its end and where it may call from.

Whoever gets a secret of a client can do what the client can. So a new secret, a later end or a wider network
is given only by who holds every scope of the client, at its unit. Removing a secret takes but the reach.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import chain_of
from app.auth.subjects import Subject
from app.core.problems import ClientClosed, ClientUnknown, MissingScope, SecretUnknown, TooManySecrets
from app.core.tokens import hash_secret, make_secret
from app.models.subject import Client, ClientSecret
from app.users import queries
from app.users.schemas import ClientChange

MAX_SECRETS = 10


async def add_secret(
    session: AsyncSession, subject: Subject, client_id: UUID, expires_at: datetime | None
) -> tuple[ClientSecret, str]:
    """One more secret, and its row. TooManySecrets beyond ten, those past their end too."""
    client = await _client_to_change(session, subject, client_id)
    held = (await queries.secrets(session, [client_id]))[client_id]
    if len(held) >= MAX_SECRETS:
        raise TooManySecrets(limit=MAX_SECRETS)
    secret = make_secret()
    row = ClientSecret(client_id=client.id, secret_hash=hash_secret(secret), expires_at=expires_at)
    session.add(row)
    await session.flush()
    audit.record(
        session,
        subject.actor,
        "client.secret.add",
        f"client:{client.id}",
        [client.unit_id],
        secret_id=str(row.id),
        expires_at=_said(expires_at),
    )
    return row, secret


async def remove_secret(session: AsyncSession, subject: Subject, client_id: UUID, secret_id: UUID) -> None:
    """End a secret. Raises ClientUnknown outside the reach, SecretUnknown for one the client has not."""
    client = await queries.client_for_update(session, subject, client_id)
    if client is None:
        raise ClientUnknown
    held = (await queries.secrets(session, [client_id]))[client_id]
    row = next((one for one in held if one.id == secret_id), None)
    if row is None:
        raise SecretUnknown
    if client.secret_hash == row.secret_hash:
        client.secret_hash = (
            b""  # or the previous release would still take it, and this one take it over again
        )
    await session.delete(row)
    audit.record(
        session,
        subject.actor,
        "client.secret.remove",
        f"client:{client.id}",
        [client.unit_id],
        secret_id=str(secret_id),
    )


async def change_client(session: AsyncSession, subject: Subject, client_id: UUID, sent: ClientChange) -> None:
    """Change what was sent. A change that changes nothing is no deed."""
    client = await _client_to_change(session, subject, client_id)
    before = _facts(client)
    if sent.name is not None:
        client.name = sent.name
    if "expires_at" in sent.model_fields_set:
        client.expires_at = sent.expires_at
    if sent.allowed_networks is not None:
        client.networks = sent.allowed_networks
    if changed := audit.changed(before, _facts(client)):
        target = f"client:{client.id}"
        audit.record(session, subject.actor, "client.change", target, [client.unit_id], **changed)


async def _client_to_change(session: AsyncSession, subject: Subject, client_id: UUID) -> Client:
    client = await queries.client_for_update(session, subject, client_id)
    if client is None:
        raise ClientUnknown
    chain = () if client.unit_id is None else await chain_of(session, client.unit_id)
    if lacking := sorted(set(client.scopes) - subject.scopes_at(chain)):
        raise MissingScope(scope=lacking[0])
    if client.closed_at is not None:
        raise ClientClosed
    return client


def _facts(client: Client) -> dict[str, object]:
    return {
        "name": client.name,
        "expires_at": _said(client.expires_at),
        "networks": list(client.networks),
    }


def _said(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
