"""What a tablet keeps so that it starts without network: page, worker, manifest, the list of their files.

The list is read off the modules themselves, import by import, so that a new module cannot be forgotten. All
of it has one version, a digest over everything; the worker keeps a version whole or not at all. Pure.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from app.web.assets import Assets
from app.web.pages import Pages

PAGE = "/kiosk"
WORKER = "/kiosk/sw.js"
MANIFEST = "/kiosk/manifest.webmanifest"
ENTRY = "js/kiosk.js"
WORKER_SOURCE = "js/worker.js"
PREFIXES = ("common.", "kiosk.")
ICONS = {
    "icons/icon.svg": {"sizes": "any", "purpose": "any"},
    "icons/icon-192.png": {"sizes": "192x192", "purpose": "any"},
    "icons/icon-512.png": {"sizes": "512x512", "purpose": "any"},
    "icons/icon-maskable-512.png": {"sizes": "512x512", "purpose": "maskable"},
}
BRAND = "#0b4562"
GROUND = "#f1f5f7"
_IMPORT = re.compile(r'^\s*(?:import|export)\b[^"\';]*?(?:\bfrom\s*)?"(\.{1,2}/[^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tablet:
    """The tablet's page as it goes over the wire."""

    version: str
    page: bytes
    worker: bytes
    manifest: bytes

    @classmethod
    def make(cls, pages: Pages, release: str) -> Self:
        """Render everything once; `release` is the program's own version."""
        assets = pages.assets
        manifest = json.dumps(_manifest(pages), ensure_ascii=False, indent=1).encode()
        source = assets.files[WORKER_SOURCE].plain
        digest = blake2b(_page(pages, "") + manifest + source, digest_size=6).hexdigest()
        version = f"{release}+{digest}"
        known = {"VERSION": version, "PAGE": PAGE, "SHELL": shell(assets)}
        lines = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items())
        return cls(version, _page(pages, version), lines.encode() + source, manifest)


def shell(assets: Assets) -> list[str]:
    """Addresses of all that the page needs: itself, its style, its icons, its modules."""
    files = ["style.css", *ICONS, *modules(assets, ENTRY)]
    return [PAGE, MANIFEST, *(assets.url(name) for name in files)]


def modules(assets: Assets, entry: str) -> list[str]:
    """A module and all that it imports, near and far; KeyError for an import that leads nowhere."""
    found = [entry]
    for name in found:
        text = assets.files[name].plain.decode()
        for target in _IMPORT.findall(text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if path not in found:
                found.append(path)
    return found


def _page(pages: Pages, version: str) -> bytes:
    texts: Mapping[str, dict[str, str]] = {
        language: {
            name: text
            for prefix in PREFIXES
            for name, text in pages.catalogues.named(prefix)[language].items()
        }
        for language in pages.catalogues.languages
    }
    return pages.render(
        "kiosk.html",
        title="kiosk.title",
        language=pages.catalogues.languages[0],
        shell_version=version,
        manifest=MANIFEST,
        modules=modules(pages.assets, ENTRY),
        texts=texts,
    )


def _manifest(pages: Pages) -> dict[str, object]:
    first = pages.catalogues.languages[0]
    return {
        "id": PAGE,
        "name": str(pages.catalogues.text(first, "kiosk.title")),
        "short_name": "SIPAS",
        "lang": first,
        "start_url": PAGE,
        "scope": PAGE,
        "display": "fullscreen",
        "orientation": "any",
        "background_color": GROUND,
        "theme_color": BRAND,
        "icons": [
            {"src": pages.assets.url(name), "type": pages.assets.files[name].media_type, **facts}
            for name, facts in ICONS.items()
        ],
    }
