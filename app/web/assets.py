"""Everything the pages load, read once at start and kept in memory, packed and unpacked.

Addresses carry the version, a digest over all files: `/static/<version>/style.css` never changes and may be
kept for a year, and a page always loads files that belong together, since modules name each other by relative
paths. One version for all of them, not one a file: then nothing has to rewrite what the files say. Pure.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Self

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
PACKED = {".css", ".js", ".svg"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire; `packed` is None where gzip gains nothing."""

    media_type: str
    plain: bytes
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by path, and the version they are."""

    version: str
    files: Mapping[str, Asset]

    @classmethod
    def load(cls, directory: Path = STATIC) -> Self:
        """Read the directory; ValueError for a file of a kind that has no media type here."""
        files: dict[str, Asset] = {}
        digest = blake2b(digest_size=8)
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            name = path.relative_to(directory).as_posix()
            if path.suffix not in TYPES:
                raise ValueError(f"{name}: a file of this kind is not served")
            plain = path.read_bytes()
            digest.update(f"{name}\0{len(plain)}\0".encode() + plain)
            files[name] = Asset(TYPES[path.suffix], plain, pack(plain) if path.suffix in PACKED else None)
        return cls(digest.hexdigest(), MappingProxyType(files))

    def url(self, name: str) -> str:
        """The address of a file; KeyError if there is none, so that a page cannot name one in vain."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"


def pack(plain: bytes) -> bytes:
    """gzip without a time in it: the same bytes give the same bytes."""
    return gzip.compress(plain, 9, mtime=0)
