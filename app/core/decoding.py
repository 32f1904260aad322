"""Bytes of an uploaded text file as text, whichever program saved it. Pure.

Excel saves "Unicode text" as UTF-16, "CSV" on a Vietnamese Windows as windows-1258, and "CSV UTF-8" with a
mark in front. The old code page is taken only for text that it makes Vietnamese throughout: in every other
single-byte encoding some letter comes out as one that Vietnamese does not have. Fonts of before Unicode
(TCVN3, VNI) are no encoding one could be sure of; they are told apart in `spoiled` and refused.
"""

import codecs
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_VOWELS = frozenset("aăâeêioôơuưyAĂÂEÊIOÔƠUƯY")
_OTHERS = frozenset("đĐàáâãèéêìíòóôõùúăĩũơưÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚĂĨŨƠƯýÝ“”‘’–—…•\u00a0")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")


def decode(data: bytes) -> str:
    """The text of a file; bytes that are none travel on as lone surrogates or as U+FFFD. Never raises."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    if data[1:2] == b"\0":
        return _decoded(data, "utf-16-le")
    if data[:1] == b"\0":
        return _decoded(data, "utf-16-be")
    return _decoded(data, "utf-8")


def _decoded(data: bytes, encoding: str) -> str:
    if encoding != "utf-8":
        return data.decode(encoding, "replace")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        old = _windows_1258(data)
        return data.decode(encoding, "surrogateescape") if old is None else old


def _windows_1258(data: bytes) -> str | None:
    """The text of the old Vietnamese code page; None unless it has tone marks and all is Vietnamese."""
    try:
        text = data.decode("cp1258")
    except UnicodeDecodeError:
        return None
    marked = False
    for before, char in zip(" " + text, text, strict=False):
        if char in _TONES:
            if unicodedata.normalize("NFD", before)[0] not in _VOWELS:
                return None
            marked = True
        elif not char.isascii() and char not in _OTHERS:
            return None
    return unicodedata.normalize("NFC", text) if marked else None
