"""What `sipas demo` says at the end: what was made, what to open, who may look. Pure."""

from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from app.demo.province import PROVINCE, Story

SHOWN_DAYS = 30


class Viewer(NamedTuple):
    """Who may look: an administrator (no password: the account was there before) and a client."""

    username: str
    password: str | None
    client_id: UUID
    client_secret: str


def closing(
    base: str, story: Story, visits: int, responses: int, viewer: Viewer, open_link: str
) -> list[str]:
    """Lines for the terminal; the addresses answer once `sipas serve` runs."""
    first = max(story.first, story.last - timedelta(days=SHOWN_DAYS - 1))
    index = index_url(base, first, story.last)
    password = viewer.password or "(the account was there before: its password stands)"
    return [
        f"Bắc Ninh, {story.first} to {story.last}: {visits:,} visits, {responses:,} responses.",
        "The units are real, every figure is invented.",
        "",
        "Start the service with `sipas serve`, then open",
        f"  {base}/docs",
        f"  {index}",
        f"  {base}/q/{open_link}.svg",
        "the documentation; the province's index (needs a token: see below); a citizen's link as QR code.",
        "",
        f"Administrator   {viewer.username}   password   {password}",
        f"Dashboard       client_id   {viewer.client_id}   client_secret   {viewer.client_secret}",
        "",
        "The index in one line:",
        curl(base, index, viewer),
    ]


def index_url(base: str, first: date, last: date) -> str:
    """The address of the province's index."""
    return f"{base}/api/v1/indices/{PROVINCE}?from={first}&to={last}"


def curl(base: str, url: str, viewer: Viewer) -> str:
    """One line for a shell that gets a token and reads an address with it."""
    token = (
        f"curl -s -u {viewer.client_id}:{viewer.client_secret} -d grant_type=client_credentials"
        f' {base}/api/v1/auth/token | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\''
    )
    return f"curl -s -H \"Authorization: Bearer $({token})\" '{url}'"
