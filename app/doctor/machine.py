"""Checks that need no database: settings, this machine, and the backups."""

import os
import shutil
import sys
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.core.backups import newest_backup, unsettled_backups
from app.core.clock import utc_now
from app.core.settings import LOOPBACK, PREFIX, Settings
from app.doctor.finding import Finding, fault, ok, size, span, warning

OLD_BACKUP = timedelta(hours=26)
LITTLE_BYTES = 1_000_000_000
LITTLE_SHARE = 0.1
NONE_LEFT_SHARE = 0.02
OTHERS_READ_OR_WRITE = 0o066
OTHERS = 0o077


def environment(settings: Settings) -> Finding:
    """Production, or something to try out."""
    if settings.environment == "production":
        return ok("production")
    if settings.database_url is not None or settings.base_url is not None:
        return warning(
            "development: secrets may be made up and the embedded database is allowed",
            f"set {PREFIX}ENVIRONMENT=production where citizens answer",
        )
    return ok("development, with the embedded database")


def address(settings: Settings) -> Finding:
    """What is printed in QR codes."""
    host = urlsplit(settings.public_url).hostname or ""
    if settings.environment != "production" or settings.public_url.startswith("https://"):
        return ok(settings.public_url)
    if settings.base_url is None or host in LOOPBACK:
        return fault(
            f"links on receipts would lead to {settings.public_url}",
            f"set {PREFIX}BASE_URL to the public address, https://...",
        )
    return fault(
        f"{settings.public_url} is not encrypted: answers and passwords could be read on the way",
        f"put a proxy with a certificate in front, and https:// into {PREFIX}BASE_URL",
    )


def origins(settings: Settings) -> Finding:
    """Which other sites' pages may ask."""
    if "*" in settings.cors_origins:
        return warning(
            "pages of every site may ask from a browser", f"name the dashboards in {PREFIX}CORS_ORIGINS"
        )
    return ok(f"{len(settings.cors_origins)} named")


def proxies(settings: Settings) -> Finding:
    """Whose word about the caller's address is believed."""
    if settings.forwarded_allow_ips.strip() == "*":
        return warning(
            "every caller is believed about its own address",
            f"name the proxy in {PREFIX}FORWARDED_ALLOW_IPS, or let nothing but the proxy reach the port",
        )
    return ok(f"believed: {settings.forwarded_allow_ips}")


def secret(settings: Settings) -> Finding:
    """The key of tokens and printed links; a weak one is refused with the settings."""
    if settings.secret_key is not None:
        return ok("set, and strong enough")
    path = settings.secret_file
    if not path.exists():
        return ok(f"none yet: the first start makes one up in {path}")
    if path.stat().st_mode & OTHERS:
        return fault(f"others may read {path}, and forge links with it", f"chmod 600 {path}")
    return ok(f"made up, in {path}: keep a copy apart from the backups")


def transport(settings: Settings) -> Finding:
    """Whether the way to the database is checked to lead there."""
    parts = urlsplit(settings.direct_url)
    if local(settings):
        return ok("on this machine")
    if "sslmode=verify-" in parts.query or os.environ.get("PGSSLMODE", "").startswith("verify-"):
        return ok(f"to {parts.hostname}, its certificate checked")
    return warning(
        f"nothing in the URL makes sure that {parts.hostname} is the database it says it is",
        "add ?sslmode=verify-full&sslrootcert=FILE to the URL (or set PGSSLMODE and PGSSLROOTCERT)",
    )


def local(settings: Settings) -> bool:
    """Whether the database is on this machine."""
    parts = urlsplit(settings.direct_url)
    host = parts.hostname or parse_qs(parts.query).get("host", [None])[0]
    if host is None or host in LOOPBACK or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def python(_: Settings) -> Finding:
    """The interpreter; what is too old cannot have installed this."""
    return ok(".".join(map(str, sys.version_info[:3])))


def rights(settings: Settings) -> Finding:
    """Who may look into the data directory."""
    path = settings.data_dir
    if not path.exists():
        return ok(f"{path} is not there yet: the first start makes it")
    if path.stat().st_mode & OTHERS_READ_OR_WRITE:
        return warning(f"others may look into or write to {path}", f"chmod go-rw {path}")
    return ok(f"{path} is closed to others")


def disk(settings: Settings) -> Finding:
    """Room for the data directory and the backups."""
    worst = min((_room(path) for path in (settings.data_dir, settings.backups)), key=lambda room: room[1])
    path, share, free = worst
    says = f"{size(free)} free ({share:.0%}) where {path} lies"
    if share < NONE_LEFT_SHARE:
        return fault(says, "make room now: a full disk refuses responses")
    if share < LITTLE_SHARE or free < LITTLE_BYTES:
        return warning(says, "make room: remove old backups (`sipas backup --keep N`) or enlarge the disk")
    return ok(says)


def backups(settings: Settings) -> Finding:
    """How much would be lost at most."""
    newest = newest_backup(settings.backups)
    if newest is None:
        return warning(
            f"no verified backup in {settings.backups}",
            "let `sipas backup` run daily: docs/operations/backup.md",
        )
    age = utc_now() - newest
    says = f"the newest verified one is {span(age)} old"
    if age > OLD_BACKUP:
        return warning(says, "see why the daily `sipas backup` does not run or fails")
    return ok(says)


def settled(settings: Settings) -> Finding:
    """Whether the order of rows in a backup tells when links were used."""
    found = unsettled_backups(settings.backups)
    if found:
        return warning(
            f"{len(found)} made with answered visits that were not settled, the last {found[-1].name}: "
            "from such a file alone responses can be tied to dossiers",
            "take a new one (`sipas backup` settles them first), and remove these and their copies, or guard "
            "them as what they are: docs/decisions/0002-anonymity.md",
        )
    return ok("none ties a response to a visit")


def _room(path: Path) -> tuple[Path, float, int]:
    there = next(step for step in (path, *path.absolute().parents) if step.exists())
    usage = shutil.disk_usage(there)
    return path, usage.free / usage.total, usage.free
