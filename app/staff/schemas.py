"""What comes in and goes out about members of staff."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from app.auth.roles import Role
from app.core.schema import Code, In, Line, Out, Title
from app.core.text import plausible_email
from app.models.subject import User
from app.staff.queries import Held

MAX_ROLES = 50
EXAMPLE: dict[str, JsonValue] = {
    "username": "lan.nguyen",
    "display_name": "Nguyễn Thị Lan",
    "email": "lan@phuong.example.vn",
    "roles": [{"role": "unit_admin", "unit_code": "24"}],
}


def _email(value: str) -> str:
    if not plausible_email(value):
        raise PydanticCustomError("invalid_email", "the value is not plausible")
    return value


Username = Annotated[Title, StringConstraints(max_length=64)]
DisplayName = Annotated[Title, StringConstraints(max_length=120)]
Email = Annotated[Line, AfterValidator(_email)]


class RoleIn(In):
    """A role, and the unit at the top of where it holds; null must be said, and is every unit."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "viewer", "unit_code": "24"}})

    role: Role
    unit_code: Code | None


class NewPerson(In):
    """Somebody to let in: with at least one role."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    username: Username
    display_name: DisplayName
    email: Email | None = None
    roles: Annotated[list[RoleIn], Field(min_length=1, max_length=MAX_ROLES)]


class PersonChange(In):
    """What shall change; what is absent stays."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"display_name": "Nguyễn Thị Lan", "email": None}}
    )

    display_name: DisplayName = ""
    email: Email | None = None


class ResetIn(In):
    """With `totp` the second factor goes too, for people who have lost it and their recovery codes."""

    totp: bool = False


class InvitationOut(Out):
    """A one-time link to hand over. Shown this once: we keep only its hash."""

    url: str
    token: str
    expires_at: datetime


class NewPersonOut(Out):
    """The new account's id, and the link by which its owner sets a password."""

    id: UUID
    invitation: InvitationOut


class RoleOut(Out):
    """A role and the unit at the top of where it holds; null: every unit."""

    role: str
    unit_code: str | None


class PersonOut(Out):
    """A member of staff, with those of their roles that lie within your reach."""

    id: UUID
    username: str
    display_name: str | None
    email: str | None
    roles: list[RoleOut]
    state: Literal["invited", "active", "closed"]
    totp: bool
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, user: User, held: list[Held], totp: bool) -> "PersonOut":
        """Show a person."""
        state: Literal["invited", "active", "closed"] = "active" if user.password_hash else "invited"
        return cls(
            id=user.id,
            username=user.username,
            display_name=user.display_name,
            email=user.email,
            roles=[RoleOut(role=role.role, unit_code=code) for role, code in held],
            state="closed" if user.closed_at else state,
            totp=totp,
            created_at=user.created_at,
            closed_at=user.closed_at,
        )
