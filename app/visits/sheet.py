"""A sheet of receipts for printing: one HTML page that holds all it needs. Pure: receipts in, text out.

HTML rather than PDF: every desk has a browser that prints it, with the machine's own Vietnamese fonts, and
nothing has to be installed here. The page loads nothing and runs nothing; its one style block is allowed by
its hash, so that even a name that slipped through the escaping could do no harm.

Drawing a QR code costs milliseconds, a thousand of them seconds: the page is made piece by piece, as fast as
it is taken, and never stands in memory whole.
"""

import base64
from collections.abc import Iterator, Sequence
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.core.texts import Text
from app.visits import qr
from app.visits.receipts import INVITATION, LAST_DAY, Receipt, address_pieces, shown_day, typed_code

COLUMNS = range(1, 5)
MOST_RECEIPTS = 1000

TITLE = Text("Phiếu mời đánh giá", "Invitations to rate a visit")
HINT = Text(
    "In trên giấy A4 ở tỉ lệ 100 %, rồi cắt theo nét đứt.",
    "Print on A4 at 100 % scale, then cut along the dashed lines.",
)

_TEMPLATES = Environment(
    loader=PackageLoader("app.visits"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
)
_STYLE = _TEMPLATES.get_template("receipts.css").render()
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy."""


def pages(receipts: Sequence[Receipt], columns: int) -> Iterator[str]:
    """The sheet, piece by piece, `columns` receipts in a row. ValueError for a column count outside 1..4."""
    if columns not in COLUMNS:
        raise ValueError(f"columns must be from {COLUMNS.start} to {COLUMNS.stop - 1}, not {columns}")
    stream = _TEMPLATES.get_template("receipts.html").stream(
        receipts=receipts,
        columns=columns,
        style=Markup(_STYLE),  # noqa: S704  our own file
        title=TITLE,
        hint=HINT,
        invitation=INVITATION,
        last_day=LAST_DAY,
        day=shown_day,
        pieces=address_pieces,
        typed_code=typed_code,
        symbol=_symbol,
    )
    stream.enable_buffering(64)
    yield from stream


def _symbol(receipt: Receipt) -> Markup:
    return Markup(qr.svg(receipt.page + receipt.code).decode())  # noqa: S704  segno escapes the one text in it
