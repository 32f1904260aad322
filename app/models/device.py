"""Devices: tablets at the desks, from the pairing code to the last heartbeat."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Device(Base):
    """A tablet. The token's hash is kept, never the token; a pairing code is gone once used."""

    __tablename__ = "devices"
    __table_args__ = (
        Index(None, "unit_id"),
        Index("uq_devices_pairing_handle", "pairing_handle", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str]
    questionnaire_code: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{vi,en}'"))
    idle_seconds: Mapped[int] = mapped_column(server_default=text("30"))
    screens: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{language,questions,about,comment}'")
    )
    """What a citizen is led through, in this order."""
    pin_iterations: Mapped[int | None]
    """The PIN of the status page, as the tablet checks it without a network (app/devices/pin.py)."""
    pin_salt: Mapped[bytes | None]
    pin_hash: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    pairing_handle: Mapped[str | None]
    pairing_secret_hash: Mapped[bytes | None]
    pairing_expires_at: Mapped[datetime | None]
    pairing_tries: Mapped[int] = mapped_column(server_default=text("0"))
    token_hash: Mapped[bytes | None]
    paired_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    description: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """What the device said of itself when it was paired."""
    last_seen_at: Mapped[datetime | None]
    queue_length: Mapped[int | None]
    app_version: Mapped[str | None]
    battery: Mapped[float | None]
    clock_skew_ms: Mapped[int | None]
    set_aside: Mapped[int | None]
    """Responses that were refused for good and lie on the tablet."""
    storage: Mapped[str | None]
    last_problem: Mapped[str | None]
    former_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """The unit it stood in before it was moved, by a reorganisation or by hand, and when that was: what waits
    on the tablet from before then still counts for that unit."""
    moved_at: Mapped[datetime | None]


class PairingFailure(Base):
    """A wrong pairing code, kept for a minute: what the limit on guessing counts, over all processes."""

    __tablename__ = "pairing_failures"
    __table_args__ = (Index(None, "failed_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    failed_at: Mapped[datetime] = mapped_column(server_default=func.now())
