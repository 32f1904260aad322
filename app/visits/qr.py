"""The QR code of a link, for receipts and screens. Pure: text in, file out.

Level M mends about 15 % of damage, which thermal paper and folded receipts need; segno may raise the
level further where that costs no larger symbol. The quiet zone of four modules is part of the
standard and part of the picture, so that no template can forget it. Black on white, whatever the
page around it looks like: scanners fail on inverted and low-contrast codes.

The same URL gives the same bytes for ever (no times, no identifiers inside), so answers can carry a
strong ETag. Drawing takes some milliseconds of pure Python: let it be cached, and keep it off the
event loop.
"""

import io

import segno

QUIET_ZONE = 4
SCALES = range(1, 41)

_BLACK, _WHITE = "#000", "#fff"


def svg(url: str) -> bytes:
    """An SVG that scales with its box and is titled for screen readers.

    No XML declaration: the same bytes serve as a file (UTF-8 is the default) and inside an HTML page.
    ValueError for an empty text or one that no QR code can hold.
    """
    out = io.BytesIO()
    _symbol(url).save(
        out,
        kind="svg",
        border=QUIET_ZONE,
        dark=_BLACK,
        light=_WHITE,
        title=f"Mã QR / QR code: {url}",
        xmldecl=False,
        svgns=True,
        omitsize=True,
        svgclass=None,
        lineclass=None,
        nl=False,
    )
    return out.getvalue()


def png(url: str, scale: int) -> bytes:
    """A PNG of `scale` pixels a module. ValueError for a scale outside 1..40 or an impossible text."""
    if scale not in SCALES:
        raise ValueError(f"scale must be from {SCALES.start} to {SCALES.stop - 1}, not {scale}")
    out = io.BytesIO()
    _symbol(url).save(out, kind="png", scale=scale, border=QUIET_ZONE, dark=_BLACK, light=_WHITE)
    return out.getvalue()


def _symbol(url: str) -> segno.QRCode:
    if not url:
        raise ValueError("a QR code needs a text")
    return segno.make(url, error="M", micro=False)
