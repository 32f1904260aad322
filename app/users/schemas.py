"""What comes in and goes out about partner systems."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.auth.networks import read_network
from app.auth.scopes import SCOPES, Scope
from app.core.clock import utc_now
from app.core.schema import Code, In, Instant, Out, Title
from app.models.subject import Client, ClientSecret

MAX_NETWORKS = 50


def _network(written: str) -> str:
    network = read_network(written)
    if network is None:
        raise PydanticCustomError("invalid_network", "a network must look like 203.0.113.0/24")
    return str(network)


def _to_come(instant: datetime) -> datetime:
    if instant <= utc_now():
        raise PydanticCustomError("instant_past", "this instant has passed")
    return instant


Networks = Annotated[
    list[Annotated[str, StringConstraints(max_length=64), AfterValidator(_network)]],
    Field(max_length=MAX_NETWORKS, description="Where it may call from, as CIDR; empty: from anywhere."),
]
End = Annotated[Instant, AfterValidator(_to_come)]


class NewClient(In):
    """A partner system to let in. `unit_code` null reaches every unit: only who does so may grant it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "iGate Bắc Ninh",
                "unit_code": "24",
                "scopes": ["visits:write", "units:read"],
                "expires_at": "2030-01-01T00:00:00+07:00",
                "allowed_networks": ["203.0.113.0/24"],
            }
        }
    )

    name: Title
    unit_code: Code | None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    expires_at: Annotated[End | None, Field(description="When it ends by itself; null: never.")] = None
    allowed_networks: Networks = Field(default_factory=list)


class ClientChange(In):
    """What is to change; what is left out stays. `expires_at` null: it no longer ends by itself."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"allowed_networks": ["203.0.113.0/24", "2001:db8::/32"]}}
    )

    name: Title | None = None
    expires_at: End | None = None
    allowed_networks: Networks | None = None


class NewSecret(In):
    """One more secret for a client; with `expires_at` it ends by itself."""

    model_config = ConfigDict(json_schema_extra={"example": {"expires_at": "2030-01-01T00:00:00+07:00"}})

    expires_at: End | None = None


class Credentials(Out):
    """The new client's credentials. The secret is shown this once: we keep only its hash."""

    client_id: UUID
    client_secret: str


class SecretOut(Out):
    """A secret, without itself. `last_used_at` is when a token was last got with it, to the minute."""

    id: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class SecretShown(SecretOut):
    """A new secret. It is shown this once: we keep only its hash."""

    client_secret: str


class ClientOut(Out):
    """A partner system, without what its secrets are. `last_used_at` is when it last got a token."""

    client_id: UUID
    name: str
    unit_code: str | None
    scopes: list[str]
    created_at: datetime
    closed_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    secrets: list[SecretOut]

    @classmethod
    def of(cls, client: Client, unit_code: str | None, secrets: Sequence[ClientSecret]) -> "ClientOut":
        """Show a client."""
        return cls(
            client_id=client.id,
            name=client.name,
            unit_code=unit_code,
            scopes=client.scopes,
            created_at=client.created_at,
            closed_at=client.closed_at,
            expires_at=client.expires_at,
            last_used_at=client.last_used_at,
            allowed_networks=client.networks,
            secrets=[SecretOut.model_validate(one) for one in secrets],
        )
