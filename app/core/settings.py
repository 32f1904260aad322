"""Settings: typed, read once from the environment (prefix `SIPAS_`), refused early when they are unsafe.

In development everything has a default and a missing secret is made up once and kept under the data
directory, so that links and tokens outlive a restart. In production nothing is made up: a missing or
weak secret and a missing database are refused before anything starts, with one line each.
"""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as Unparsed

from app.core.database_url import unkept
from app.core.embedded import default_data_dir

PREFIX = "SIPAS_"
MIN_SECRET_LENGTH = 32
MIN_SECRET_VARIETY = 10
LEAST_VISIT_MONTHS = 13
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """The settings cannot be used; `lines` says why, one clear line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """Everything an operator may set. Each field is the variable `SIPAS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses made-up secrets and the embedded database."
    )
    database_url: str | None = Field(
        None, description="`postgresql://...` of an external PostgreSQL 15+; none: embedded under `DATA_DIR`."
    )
    direct_database_url: str | None = Field(
        None,
        description="Set when `DATABASE_URL` leads through PgBouncer in transaction mode: the same database"
        " without it, for jobs, commands, migrations and exports.",
    )
    read_database_url: str | None = Field(
        None, description="A streaming replica, for figures and exports; none: the primary answers all."
    )
    read_staleness_seconds: int = Field(
        60, ge=2, le=3600, description="How far the replica may be behind; beyond it the primary answers."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the embedded database and the made-up secret live.",
    )
    backup_dir: Path | None = Field(
        None, description="Where `sipas backup` puts its files; default `backups` in `DATA_DIR`."
    )
    pg_bin: Path | None = Field(
        None,
        description="Folder of pg_dump, pg_restore and psql; none: the nearest to the server found here, with"
        " TLS where the service's connection is encrypted.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs tokens and link codes; at least 32 characters. Changing it voids printed links.",
    )
    base_url: str | None = Field(
        None, description="Public address, as printed in QR codes; default `http://<HOST>:<PORT>`."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Web processes of `sipas serve`.")
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="Proxies whose `X-Forwarded-*` headers are believed; comma-separated or `*`."
    )
    timezone: str = Field("Asia/Ho_Chi_Minh", description="Time zone of every local day.")
    admin_username: str | None = Field(
        None,
        description="First administrator, made on the first start if there is no account (default `admin`).",
    )
    admin_password: SecretStr | None = Field(
        None, description="Their password; without it one is made up and printed once."
    )
    min_n: int = Field(5, ge=1, le=1000, description="Figures on fewer responses are never public.")
    period_grace_days: int = Field(
        7, ge=0, le=90, description="Days after a period for tablets that were offline, before it is closed."
    )
    public_licence: str = Field(
        "https://creativecommons.org/licenses/by/4.0/", description="Licence named in the public feed."
    )
    cors_origins: list[str] = Field(
        default_factory=list, description='Dashboards in a browser, as JSON: `["https://bang.example.vn"]`.'
    )
    link_days: int = Field(30, ge=1, le=365, description="Days a citizen's link stays open after the visit.")
    rate_limit_per_minute: int = Field(
        6000, ge=10, description="Requests a minute for one credential in one process, before 429."
    )
    intake_queue: int = Field(
        5000, ge=1, le=100_000, description="Responses waiting for their commit in one process, before 503."
    )
    drain_seconds: int = Field(
        0, ge=0, le=300, description="Seconds between SIGTERM and the end, with `/readyz` red, for proxies."
    )
    request_seconds: float = Field(
        10, ge=0.5, le=600, description="Seconds until a request that is not answered hears 503."
    )
    export_days: int = Field(7, ge=1, le=90, description="Days the file of an ordered export is kept.")
    comment_months: int = Field(
        24,
        ge=0,
        le=1200,
        description="Months comments and what respondents tell of themselves are kept; 0: for good.",
    )
    visit_months: int = Field(
        24, ge=0, le=1200, description="Months a visit's dossier code is kept, at least 13; 0: for good."
    )
    oidc_issuer: str | None = Field(
        None,
        description="Single sign-on: the provider's issuer, `https://sso.example.vn/realms/tinh`; none: off.",
    )
    oidc_client_id: str | None = Field(None, description="This service's client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Its secret there; none for a public client (PKCE is always used)."
    )
    oidc_scopes: str = Field("openid profile", description="Scopes asked of the provider.")
    oidc_rules: list[dict[str, Any]] = Field(
        default_factory=list, description="From claims to roles, as JSON; see docs/deploy.md."
    )
    oidc_button: str = Field("Đăng nhập một lần (SSO)", description="What the button for it says.")
    session_days: int = Field(
        30, ge=1, le=3650, description="Days after which people sign in again, however often they were here."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_sample: int = Field(
        100, ge=0, description="One in so many requests that went well is logged; 1: each, 0: none."
    )
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on which `sipas worker` answers `/metrics`; none: none."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a known time zone, e.g. Asia/Ho_Chi_Minh") from error
        return value

    @field_validator("database_url", "direct_database_url", "read_database_url")
    @classmethod
    def _postgres_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        if urlsplit(value).scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            raise ValueError("must start with postgresql://")
        if fault := unkept(value):
            raise ValueError(fault)
        return value

    @field_validator("visit_months")
    @classmethod
    def _longer_than_registered(cls, value: int) -> int:
        # a visit may be registered for 366 days, and sent again as long: it must be known again
        if 0 < value < LEAST_VISIT_MONTHS:
            raise ValueError(f"must be 0 or at least {LEAST_VISIT_MONTHS}")
        return value

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc:
            raise ValueError("must start with http:// or https:// and name a host")
        if not value.isascii():  # it is typed from receipts of printers that know ASCII alone
            raise ValueError("must be ASCII; a name with other letters is written xn--...")
        return value.rstrip("/")

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address without query and fragment")
        if parts.scheme != "https" and (parts.scheme, parts.hostname in LOOPBACK) != ("http", True):
            raise ValueError("must start with https:// (http:// on this machine alone, for trying out)")
        return value

    @model_validator(mode="after")
    def _safe_in_production(self) -> "Settings":
        faults = []
        if self.oidc_issuer is not None:
            if not self.oidc_client_id:
                faults.append(f"{PREFIX}OIDC_CLIENT_ID is missing beside {PREFIX}OIDC_ISSUER")
            if not self.oidc_rules:
                faults.append(f"{PREFIX}OIDC_RULES is missing: nobody would be given a role")
            if "openid" not in self.oidc_scopes.split():
                faults.append(f"{PREFIX}OIDC_SCOPES must hold openid")
        if self.direct_database_url is not None and self.database_url is None:
            faults.append(f"{PREFIX}DIRECT_DATABASE_URL is nothing without {PREFIX}DATABASE_URL")
        if self.secret_key is not None and (weakness := _weakness(self.secret_key.get_secret_value())):
            faults.append(f"{PREFIX}SECRET_KEY {weakness}")
        if self.environment == "production":
            if self.secret_key is None:
                faults.append(
                    f"{PREFIX}SECRET_KEY is missing: set at least {MIN_SECRET_LENGTH} random characters"
                )
            if self.database_url is None:
                faults.append(f"{PREFIX}DATABASE_URL is missing: production needs a PostgreSQL of its own")
        if faults:
            raise SettingsError(faults)
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The deployment's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def direct_url(self) -> str:
        """The database without a pooler in between: for what must keep a session."""
        return self.direct_database_url or self.database_url or ""

    @property
    def public_url(self) -> str:
        """Where the service is reached from outside, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def backups(self) -> Path:
        """Where backups lie."""
        return self.backup_dir or self.data_dir / "backups"

    @property
    def secret_file(self) -> Path:
        """Where the secret key made up in development is kept."""
        return self.data_dir / "secret_key"

    @property
    def present_secret(self) -> str | None:
        """The secret key if there is one already; never makes one up."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        return self.secret_file.read_text().strip() if self.secret_file.is_file() else None

    @cached_property
    def secret(self) -> str:
        """The secret key; in development made up once and kept in the data directory."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        path = self.secret_file
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass  # an earlier start made it: that one counts
        return path.read_text().strip()


def load_settings() -> Settings:
    """Read the settings from the environment; SettingsError names every variable that cannot be used."""
    try:
        return Settings()
    except Unparsed as error:  # its message names the field and never the value, which may be a secret
        raise SettingsError([f"{error}: it is written as JSON"]) from error
    except ValidationError as error:
        raise SettingsError(
            [
                f"{PREFIX}{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
                for fault in error.errors()
            ]
        ) from error


def _weakness(secret: str) -> str | None:
    if len(secret) < MIN_SECRET_LENGTH:
        return f"is weak: {len(secret)} characters, at least {MIN_SECRET_LENGTH} are needed"
    if len(set(secret)) < MIN_SECRET_VARIETY:
        return "is weak: it repeats few characters"
    return None
