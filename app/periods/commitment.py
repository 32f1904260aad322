"""The published hash of a snapshot commits to it and tells nothing of it.

Pure. A snapshot holds figures that are not public. The hash of the snapshot alone can be tested by whoever
guesses them: a commune with two hidden desks has some thousand possible snapshots. So the published hash
covers 32 random bytes, too, which are stored with the snapshot and shown to those who may read all of it: a
hash commitment, which hides while the salt is secret, and binds as long as SHA-256 has no collisions.
"""

from hashlib import sha256
from typing import Any, Literal

Json = dict[str, Any]

SALT_BYTES = 32
SALTED: Literal["salt+snapshot"] = "salt+snapshot"
"""What a document says its `snapshot_sha256` covers; documents of earlier releases say nothing."""


def commitment_of(body: str, salt: bytes) -> str:
    """SHA-256, 64 hex digits, of the salt in hex digits and the canonical body directly behind it.

    ValueError for a salt of another length: only with one length is it clear where the body begins.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return sha256(salt.hex().encode() + body.encode()).hexdigest()


def is_testable(document: Json) -> bool:
    """Whether a public document carries the hash of the snapshot alone."""
    return document.get("snapshot_sha256_of") != SALTED


def reissued(document: Json, commitment: str, issued_at: str) -> Json:
    """The same publication as its second issue, with a commitment in the place of the testable hash."""
    return {
        **document,
        "issue": 2,
        "issued_at": issued_at,
        "snapshot_sha256": commitment,
        "snapshot_sha256_of": SALTED,
    }
