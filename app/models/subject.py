"""Who may ask: staff, partner systems, their refresh tokens, and the failures of signing in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class User(Base):
    """A member of staff. What they may do is said by their roles; without a password they cannot sign in yet.

    `scopes` and `unit_id` are what the release before the roles reads: nothing here does, and a later
    migration drops them.
    """

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    username: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    display_name: Mapped[str | None]
    email: Mapped[str | None]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class UserRole(Base):
    """A role a person holds at a unit and everything beneath it; without a unit, everywhere."""

    __tablename__ = "user_roles"
    __table_args__ = (
        UniqueConstraint("user_id", "role", "unit_id", postgresql_nulls_not_distinct=True),
        Index(None, "unit_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]
    """A name of `auth/roles`: what it allows is said there, and an unknown one allows nothing."""
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Client(Base):
    """A partner system. Its secrets stand in `client_secrets`."""

    __tablename__ = "clients"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    name: Mapped[str]
    # where the release before secrets could be several keeps its one; empty once that one is removed
    secret_hash: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


class ClientSecret(Base):
    """One of a client's secrets. It is random and long, so its SHA-256 is kept."""

    __tablename__ = "client_secrets"
    __table_args__ = (UniqueConstraint("client_id", "secret_hash"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id"))
    secret_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class RefreshToken(Base):
    """One refresh token of a family; using one twice ends the family."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "family"), Index(None, "expires_at"))

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    family: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInFailure(Base):
    """A failed sign-in, kept for a quarter of an hour: what the slowing down counts."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index(None, "name", "failed_at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    address: Mapped[str]
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())
