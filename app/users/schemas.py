"""What comes in and goes out about partner systems."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from app.auth.scopes import SCOPES, Scope
from app.core.schema import Code, In, Out, Title
from app.models.subject import Client


class NewClient(In):
    """A partner system to let in. `unit_code` null reaches every unit: only who does so may grant it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "iGate Bắc Ninh", "unit_code": "24", "scopes": ["visits:write", "units:read"]}
        }
    )

    name: Title
    unit_code: Code | None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]


class ClientSecret(Out):
    """The new client's credentials. The secret is shown this once: we keep only its hash."""

    client_id: UUID
    client_secret: str


class ClientOut(Out):
    """A partner system, without its secret."""

    client_id: UUID
    name: str
    unit_code: str | None
    scopes: list[str]
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, client: Client, unit_code: str | None) -> "ClientOut":
        """Show a client."""
        return cls(
            client_id=client.id,
            name=client.name,
            unit_code=unit_code,
            scopes=client.scopes,
            created_at=client.created_at,
            closed_at=client.closed_at,
        )
