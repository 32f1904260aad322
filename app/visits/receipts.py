"""What stands on a receipt, in words: the texts in both languages, and lines for a thermal printer. Pure.

Such printers know one size of letter and a fixed number of characters a line (32 on paper of 58 mm, 42 or 48
on 80 mm), and cut or garble what is longer. So every line is measured here, in characters after NFC: a
Vietnamese letter is one, with all its marks. Printers without Vietnamese letters get plain ASCII.

The address must be typable from paper. It breaks after a slash or before a dot, never inside a word that
fits a line, and its code stands in groups of four with hyphens, which the citizen's page reads over.
"""

import re
import textwrap
from datetime import date
from typing import NamedTuple

from app.core.text import plain as in_ascii
from app.core.text import visible
from app.core.texts import Text
from app.visits.links import display

INVITATION = Text(
    "Mời bạn đánh giá lần phục vụ này: quét mã QR hoặc gõ địa chỉ dưới đây. Không ghi tên, không bắt buộc.",
    "Please rate this visit: scan the QR code or type the address below. No names, and only if you wish.",
)
LAST_DAY = Text("Trả lời đến hết ngày {day}.", "Open until {day}.")

_PIECES = re.compile(r"[^/.]*/+|\.?[^/.]+|\.")


class Receipt(NamedTuple):
    """What one receipt says."""

    unit: str
    procedure: str | None
    served_on: date
    last_day: date
    """The last local day on which the link can be answered."""
    page: str
    """The address of the citizens' page without its code, slash included."""
    code: str


EXAMPLE = Receipt(
    unit="Phường Bắc Giang",
    procedure="Đăng ký khai sinh",
    served_on=date(2026, 11, 20),
    last_day=date(2026, 12, 20),
    page="https://sipas.example.vn/s/",
    code="7H3KQ0ZV9XM2P4C8RT5W",
)
"""What the documentation shows."""


def shown_day(day: date) -> str:
    """A day as people in Viet Nam write it: 20/11/2026."""
    return f"{day:%d/%m/%Y}"


def typed_code(code: str) -> str:
    """The code in groups of four: 7H3K-Q0ZV-9XM2-P4C8-RT5W."""
    return display(code).replace(" ", "-")


def address_pieces(address: str) -> list[str]:
    """An address cut where a line may end: after slashes and before dots. Joined, they are the address."""
    return _PIECES.findall(address)


def lines(receipt: Receipt, width: int, *, plain: bool = False) -> list[str]:
    """The receipt for a thermal printer: centred lines of at most `width` characters; `plain`: ASCII alone.

    ValueError for a width too narrow for a code on a line of its own.
    """
    if width < len(typed_code(receipt.code)):
        raise ValueError(f"a line of {width} characters cannot hold a link's code")
    day = shown_day(receipt.last_day)
    blocks = [
        [receipt.unit, *([receipt.procedure] if receipt.procedure else []), shown_day(receipt.served_on)],
        [f"{INVITATION.vi} {LAST_DAY.vi.format(day=day)}"],
        [f"{INVITATION.en} {LAST_DAY.en.format(day=day)}"],
    ]
    printed: list[str] = []
    for block in blocks:
        for text in block:
            printed += _wrapped(in_ascii(text) if plain else text, width)
        printed.append("")
    printed += _address(receipt, width)
    return [_centred(line, width) for line in printed]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(visible(text), width, break_on_hyphens=False)


def _address(receipt: Receipt, width: int) -> list[str]:
    """The page's address as few lines as it takes, and the code whole: beside it if there is room."""
    found = [""]
    for piece in [*address_pieces(receipt.page), typed_code(receipt.code)]:
        if len(found[-1]) + len(piece) > width:
            found += [piece[at : at + width] for at in range(0, len(piece), width)]
        else:
            found[-1] += piece
    return [line for line in found if line]


def _centred(line: str, width: int) -> str:
    return " " * ((width - len(line)) // 2) + line if line else ""
