"""Text as people type it, made comparable.

Pure. Vietnamese reaches us in several spellings of the same letters: composed (ắ as one character),
decomposed (a + breve + acute, as some phones and PDF tools write it), or without any marks at all,
typed in a hurry into a search box; and with letters that only look right, as old files have them. `clean`
is what we store, `respell` what we store of names and codes, `fold` what is kept to search in, `search_key`
what is looked for. Each gives the same result when applied twice, so nobody has to remember whether it was
done already.
"""

import re
import unicodedata

_VISIBLE_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_APOSTROPHES = "‘’ʼ′´`"
# What Vietnamese keyboards, old fonts and other systems leave for a letter of ours: the Icelandic and the
# African Đ, a caron for a breve, letters as wide as Chinese ones.
_RESPELLED = str.maketrans({"Ð": "Đ", "ð": "đ", "Ɖ": "Đ", "ɖ": "đ", "ǎ": "ă", "Ǎ": "Ă"} | _VISIBLE_WIDE)
_SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_INNER_APOSTROPHE = re.compile(rf"(?<=\w)[{_APOSTROPHES}](?=\w)")

# Đ is a letter of its own, not D with a mark: decomposition leaves it alone, so it is named here. So
# are the printers' apostrophes and dashes of names such as Cư M’ta, which nobody has on a keyboard, and
# Cyrillic letters that look like Latin ones.
_AS_TYPED = str.maketrans(
    {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ɖ": "d", "Ɖ": "D"}
    | dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys("‐‑‒–—−", "-")
    | dict(zip("аеорсухіѕј", "aeopcyxisj", strict=True))
    | dict(zip("вкмнт", "bkmht", strict=True))
    | _VISIBLE_WIDE
)
# Writers do not agree on i and y (Quý, Quí), on spaces (Kon Tum, Kontum) and on signs (H'leo, Hleo).
_KEYED = str.maketrans({"y": "i", "'": "", "-": "", " ": ""})
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

# Nothing to see, yet two texts differ: control and format characters (zero-width spaces, direction
# marks), halves of surrogate pairs (what is left of broken UTF-8), line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}")
_LONGEST_EMAIL = 254


def clean(text: str) -> str:
    """Composed letters (NFC) and no space at either end: the form in which text is stored."""
    return unicodedata.normalize("NFC", text).strip()


def respell(text: str) -> str:
    """A name or code as it is stored: `clean`, Vietnamese letters for their look-alikes, single plain spaces.

    respell("Ðông\u00a0 Hà") == "Đông Hà"; the apostrophe in Ea H’leo becomes the one on keyboards.
    """
    if text.isascii():  # true of most cells of a table
        return _SPACES.sub(" ", text).strip()
    spelled = unicodedata.normalize("NFC", text).translate(_RESPELLED)
    return clean(_INNER_APOSTROPHE.sub("'", _SPACES.sub(" ", spelled)))


def without_unseen(text: str) -> str:
    """The text without characters that have no width: what copying from web pages and PDF files leaves."""
    return text if text.isascii() else text.translate(dict.fromkeys(map(ord, _UNSEEN)))


def fold(text: str) -> str:
    """The text to search in: no diacritics, no case, single spaces. fold("Bắc  Ninh") == "bac ninh".

    Case folding can itself bring forth marks (the capital dotted I of Turkish), so the marks are
    taken off once more after it; without that, folding twice would differ from folding once.
    """
    folded = _without_marks(_without_marks(text).casefold()).translate(_AS_TYPED)
    return " ".join(folded.split())


def search_key(text: str) -> str:
    """What is looked for: folded, y as i, without spaces, hyphens, apostrophes: "Ea H’Ly" gives "eahli"."""
    return fold(text).translate(_KEYED)


def first_hidden(text: str) -> str | None:
    """The first character nobody can see, or None. Such a character makes equal codes unequal.

    Ordinary and no-break spaces are no hidden characters; tabs and line breaks are.
    """
    if text.isprintable():  # one pass in C: true of nearly every text there is
        return None
    return next((char for char in text if unicodedata.category(char) in _HIDDEN_CATEGORIES), None)


def speakable(text: str) -> bool:
    """Whether a text can be sent at all: JSON can write half a surrogate pair, UTF-8 cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def visible(text: str) -> str:
    """Composed letters, single spaces, and a space where a hidden character stood: text for a line of print.

    Printers take control characters as commands; a name must never be one.
    """
    seen = "".join(" " if unicodedata.category(char) in _HIDDEN_CATEGORIES else char for char in text)
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def plain(text: str) -> str:
    """ASCII alone, for printers without Vietnamese letters: plain("Đống Đa") == "Dong Da".

    Case and spacing stay. What has no plain letter becomes a question mark.
    """
    return (
        _without_marks(unicodedata.normalize("NFKC", text))
        .translate(_AS_TYPED)
        .encode("ascii", "replace")
        .decode()
    )


def fits_in_address(code: str) -> bool:
    """Whether a code can be a segment of a path: browsers and proxies read slashes and dots their own way."""
    return "/" not in code and "\\" not in code and code not in {".", ".."}


def plausible_email(value: str) -> bool:
    """One address of the common form; nothing in it that would have to be escaped in a link."""
    return len(value) <= _LONGEST_EMAIL and _EMAIL.fullmatch(value) is not None


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return "".join(char for char in parts if unicodedata.category(char) not in {"Mn", "Cf"})
