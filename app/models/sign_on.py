"""Single sign-on: who somebody is at the provider, and the codes by which a page gets its tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class OidcIdentity(Base):
    """An account of the provider and ours behind it: by issuer and subject, never by an e-mail address.

    Addresses change hands and are typed in by people; a subject is given once. `signed_in_at` is when the
    provider last vouched for this person: our refresh tokens go on from there for a working day alone.
    """

    __tablename__ = "oidc_identities"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signed_in_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignInCode(Base):
    """A code in the address of the page that waits; it buys tokens once, for who knows the verifier."""

    __tablename__ = "sign_in_codes"
    __table_args__ = (Index(None, "expires_at"),)

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    challenge: Mapped[str]
    expires_at: Mapped[datetime]
