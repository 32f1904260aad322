"""What comes in and goes out about devices."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.core.schema import Code, In, Instant, Line, Out, Title
from app.devices.pin import ALGORITHM
from app.models.device import Device
from app.questionnaires.schemas import QuestionnaireOut
from app.units.schemas import Contact

State = Literal["pending", "paired", "revoked"]
DEFAULT_QUESTIONNAIRE = "quick-5"

Languages = Annotated[
    list[Literal["vi", "en"]],
    Field(min_length=1, max_length=2, description="In the order offered; the first is shown first."),
    AfterValidator(lambda languages: list(dict.fromkeys(languages))),
]
IdleSeconds = Annotated[
    int,
    Field(strict=True, ge=5, le=3600, description="Seconds without a touch before the screen starts anew."),
]
Screen = Literal["language", "questions", "about", "comment"]


def _screens(screens: list[Screen]) -> list[Screen]:
    if "questions" not in screens:
        raise PydanticCustomError("questions_needed", "a survey without its questions asks nothing")
    return list(dict.fromkeys(screens))


Screens = Annotated[
    list[Screen],
    Field(
        min_length=1,
        max_length=4,
        description="What a citizen is led through, in this order; `questions` is always among them.",
        json_schema_extra={"contains": {"const": "questions"}},
    ),
    AfterValidator(_screens),
]
Pin = Annotated[
    str,
    StringConstraints(min_length=4, max_length=12, pattern="^[0-9]*$"),
    Field(description="Opens the status page on the tablet: 4 to 12 digits.", examples=["204816"]),
]
Storage = Literal["ok", "full", "failing"]
QuestionnaireCode = Annotated[
    Code, Field(description="Code of a questionnaire; its newest published version is shown.")
]


class DeviceIn(In):
    """A tablet to set up."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"unit_code": "09187", "name": "Quầy 1", "questionnaire": DEFAULT_QUESTIONNAIRE}
        }
    )

    unit_code: Code
    name: Title
    questionnaire: QuestionnaireCode = DEFAULT_QUESTIONNAIRE
    pin: Pin | None = None


class DeviceChange(In):
    """What shall change; what is absent or null stays. With a `unit_code` the tablet goes to another unit."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Quầy 2", "languages": ["vi"]}})

    unit_code: Code | None = None
    name: Title | None = None
    questionnaire: QuestionnaireCode | None = None
    languages: Languages | None = None
    idle_seconds: IdleSeconds | None = None
    screens: Screens | None = None
    pin: Pin | None = None


class NewPairingCode(Out):
    """The code to type on the tablet: ten digits, spaces and hyphens do not matter; shown this once."""

    id: UUID
    pairing_code: Annotated[str, Field(examples=["0412337905"])]
    pairing_expires_at: datetime


class NewDevice(NewPairingCode):
    """A new device: its pairing code, and the PIN of its status page, shown this once."""

    pin: str


class PairingIn(In):
    """A tablet presents the code typed on it, and says what it is."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"pairing_code": "0412337905", "device": {"model": "Tab A9"}}}
    )

    pairing_code: Annotated[Line, StringConstraints(max_length=40)]
    device: Annotated[
        dict[Annotated[Code, StringConstraints(max_length=40)], Line] | None,
        Field(max_length=20, description="What the tablet knows of itself: model, browser, screen."),
    ] = None


class Paired(Out):
    """The tablet's token, shown this once."""

    device_id: UUID
    device_token: str


class UnitRef(Out):
    """A unit by code and name."""

    code: str
    name: str


class DeviceOut(Out):
    """A tablet as staff see it. `clock_skew_ms`: how far its clock stood behind ours when last heard."""

    id: UUID
    unit: UnitRef
    name: str
    questionnaire: str
    languages: list[str]
    idle_seconds: int
    screens: list[str]
    state: State
    created_at: datetime
    pairing_expires_at: datetime | None
    paired_at: datetime | None
    revoked_at: datetime | None
    last_seen_at: datetime | None
    queue_length: int | None
    app_version: str | None
    battery: float | None
    clock_skew_ms: int | None
    set_aside: int | None
    storage: str | None
    last_problem: str | None
    device: dict[str, str] | None

    @classmethod
    def of(cls, device: Device, unit_code: str, unit_name: str) -> "DeviceOut":
        """Show a device."""
        return cls(
            id=device.id,
            unit=UnitRef(code=unit_code, name=unit_name),
            name=device.name,
            questionnaire=device.questionnaire_code,
            languages=device.languages,
            idle_seconds=device.idle_seconds,
            screens=device.screens,
            state="revoked" if device.revoked_at else "paired" if device.paired_at else "pending",
            created_at=device.created_at,
            pairing_expires_at=device.pairing_expires_at,
            paired_at=device.paired_at,
            revoked_at=device.revoked_at,
            last_seen_at=device.last_seen_at,
            queue_length=device.queue_length,
            app_version=device.app_version,
            battery=device.battery,
            clock_skew_ms=device.clock_skew_ms,
            set_aside=device.set_aside,
            storage=device.storage,
            last_problem=device.last_problem,
            device=device.description,
        )


class PinCheck(Out):
    """How the tablet checks the PIN by itself: PBKDF2 over its digits gives `hash`. Both texts are base64."""

    algorithm: Literal["PBKDF2-SHA256"] = ALGORITHM
    iterations: int
    salt: str
    hash: str

    @classmethod
    def of(cls, device: Device) -> "PinCheck | None":
        """The check of a device's PIN; None while it has none."""
        if device.pin_iterations is None or device.pin_salt is None or device.pin_hash is None:
            return None
        salt, digest = (b64encode(part).decode() for part in (device.pin_salt, device.pin_hash))
        return cls(iterations=device.pin_iterations, salt=salt, hash=digest)


class DeviceConfig(Out):
    """What a tablet needs in order to ask, offline too. Nothing in it changes by itself (ETag)."""

    device_id: UUID
    name: str
    unit: UnitRef
    questionnaire: QuestionnaireOut
    languages: list[str]
    idle_seconds: int
    screens: list[str]
    pin: Annotated[PinCheck | None, Field(description="Null until one is set, for devices of old.")]
    contact: Annotated[Contact | None, Field(description="Of the unit, or of the nearest above it.")]
    former_codes: Annotated[
        list[str],
        Field(
            description="Other unit codes this device has asked for: what waits from then is sent as well."
        ),
    ]
    moved_at: Annotated[
        datetime | None,
        Field(description="When it was last moved to another unit: what is older counts for where it stood."),
    ]


class HeartbeatIn(In):
    """A sign of life."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "sent_at": "2026-11-20T09:14:41+07:00",
                "queue_length": 3,
                "app_version": "1.4.0",
                "battery": 87,
                "set_aside": 0,
                "storage": "ok",
            }
        }
    )

    sent_at: Instant
    queue_length: Annotated[
        int, Field(strict=True, ge=0, le=1_000_000, description="Responses waiting to be sent.")
    ]
    app_version: Annotated[Line, StringConstraints(max_length=50)]
    battery: Annotated[
        float | None, Field(strict=True, ge=0, le=100, description="Charge as the tablet says it.")
    ] = None
    set_aside: Annotated[
        int,
        Field(strict=True, ge=0, le=1_000_000, description="Responses refused for good, kept on the tablet."),
    ] = 0
    storage: Annotated[Storage | None, Field(description="How the tablet's own store is.")] = None
    last_problem: Annotated[Code | None, Field(description="The code of the latest problem it met.")] = None


class Heartbeat(Out):
    """Our clock, the ETag of the configuration now in force, and whether the device has been revoked.

    `config_etag` is null where there is nothing to fetch: the device is revoked, its questionnaire retired.
    """

    server_time: datetime
    config_etag: str | None
    revoked: bool
