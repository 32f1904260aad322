"""What belongs to a person's account: sessions, one-time links, the second factor and its recovery codes.

Nothing here can be read back into a secret: links and recovery codes are kept as hashes, and a second
factor's secret is sealed with a key that is not in the database.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, one_of

LINK_KINDS = ("invitation", "reset")


class SignInSession(Base):
    """One sign-in on one device: a family of refresh tokens, whose id it shares."""

    __tablename__ = "sign_in_sessions"
    __table_args__ = (Index(None, "user_id"), Index(None, "last_used_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    address: Mapped[str]
    user_agent: Mapped[str]
    ended_at: Mapped[datetime | None]


class AccountLink(Base):
    """A one-time link by which a person sets a password: the first one, or another."""

    __tablename__ = "account_links"
    __table_args__ = (CheckConstraint(one_of("kind", LINK_KINDS), "kind"), Index(None, "user_id"))

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class TotpSecret(Base):
    """A second factor; it counts once confirmed. `last_step` is the 30 seconds whose code was used last."""

    __tablename__ = "totp_secrets"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None]


class RecoveryCode(Base):
    """One of the codes that stand in for a lost second factor, once each."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    used_at: Mapped[datetime | None]
