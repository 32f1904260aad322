"""The rules of passwords: length, and nothing that drives people to paper. Pure."""

from app.core.faults import Fault

MIN_PASSWORD = 10
MAX_PASSWORD = 1000


def password_faults(password: str, where: str = "/password") -> list[Fault]:
    """What is wrong with a new password: 10 to 1,000 characters, whatever they are."""
    if len(password) < MIN_PASSWORD:
        return [Fault(where, "too_short", {"limit": MIN_PASSWORD})]
    if len(password) > MAX_PASSWORD:
        return [Fault(where, "too_long", {"limit": MAX_PASSWORD})]
    return []
