"""Names as they are compared: official tables spell one name in several ways. Pure.

`Hoá` and `Hòa` differ in where the tone stands, `B’Lao` and `B'Lao` in the apostrophe, others in dashes,
capitals and spaces. What differs in a letter or in a tone is another name.
"""

import re
import unicodedata

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARKS = str.maketrans(
    {"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{EN DASH}": "-", "\N{LEFT SINGLE QUOTATION MARK}": "'"}
)
_PROVINCE = re.compile(r"^(tỉnh|thành phố)\s+")


def spelling_key(name: str) -> str:
    """What two spellings of one name have in common: each word with its tones behind its letters."""
    words = unicodedata.normalize("NFD", name.translate(_MARKS).lower()).split()
    return " ".join(
        "".join(letter for letter in word if letter not in _TONES)
        + "".join(letter for letter in word if letter in _TONES)
        for word in words
    )


def province_key(name: str) -> str:
    """The same for a province, whether it is called one or not."""
    return spelling_key(_PROVINCE.sub("", unicodedata.normalize("NFC", name).lower()))
