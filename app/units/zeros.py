"""Codes that a spreadsheet took for numbers, and what they were before: `7210` was `07210`. Pure.

Zeros in front are lost for good, so nothing is mended: the likely code is told. It is that of a unit of the
same kind, in the file or standing, whose code is the same number; else the number with as many digits as the
national register gives its kind. That `04` is a province and `00004` a commune is as it should be, and a
deployment's own short numbers are left alone unless they stand beneath a numbered unit.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

DIGITS: Mapping[str, int] = {"province": 2, "district": 3, "commune": 5}
"""Digits of a code of the national register, before and since July 2025."""

_NUMBER = re.compile(r"([0-9]+)(?:[.,]0+)?|[0-9]{1,3}(?:[.,][0-9]{3})+")


class Coded(NamedTuple):
    """A unit as far as its code tells: `kind` None where it is not known any more."""

    code: str
    kind: str | None
    parent_code: str = ""


def _number(code: str) -> str | None:
    """The number a spreadsheet makes of a code: no zeros in front, no decimals, no separators."""
    found = _NUMBER.fullmatch(code)
    if found is None:
        return None
    return (found[1] or re.sub(r"[.,]", "", code)).lstrip("0") or None


class LikelyCodes:
    """What stands, and what a file says, by number; `of` and `above` judge the rows of the file."""

    def __init__(self, standing: Iterable[Coded], rows: Iterable[Coded]) -> None:
        self._standing = {unit.code: unit.kind for unit in standing}
        self._kinds: defaultdict[str, set[str | None]] = defaultdict(set)
        self._alike: defaultdict[str, dict[Coded, None]] = defaultdict(dict)
        self._rows: defaultdict[str, list[Coded]] = defaultdict(list)
        for unit in [*(Coded(*one) for one in self._standing.items()), *rows]:
            self._kinds[unit.code].add(unit.kind)
            if (number := _number(unit.code)) is not None:
                self._alike[number][Coded(unit.code, unit.kind)] = None
        for row in rows:
            self._rows[row.code].append(row)

    def of(self, row: Coded) -> str | None:
        """The code that a row's code was before, or None where it is sound."""
        number, digits = _number(row.code), DIGITS.get(row.kind or "")
        plain = row.code.isdigit()
        if number is None or (plain and digits == len(row.code)):
            return None
        if row.code in self._standing and self._standing[row.code] == row.kind:
            return None
        alike = [
            one.code for one in self._alike[number] if one.code != row.code and one.kind in {row.kind, None}
        ]
        if alike:
            return min(alike, key=lambda code: (len(code) != digits, -len(code)))
        if digits is not None and len(number) < digits and (row.kind == "province" or self._numbered(row)):
            return number.zfill(digits)
        return None

    def above(self, row: Coded) -> str | None:
        """The code that a row's parent had before, or None where it is sound or nobody's."""
        parent = row.parent_code
        number = _number(parent)
        if number is None or parent in self._standing:
            return None
        if parent in self._rows:
            likely = [(one.kind, self.of(one)) for one in self._rows[parent]]
        else:
            likely = [(one.kind, one.code) for one in self._alike[number]]
        found = [(DIGITS.get(kind or "", 0), code) for kind, code in likely if code is not None]
        return min(found)[1] if found and len(found) == len(likely) else None

    def _numbered(self, row: Coded) -> bool:
        """Whether its parent, of a kind that stands above its own in the register, has a number."""
        above = {kind for kind, digits in DIGITS.items() if digits < DIGITS[row.kind or ""]}
        return row.parent_code.isdigit() and not self._kinds[row.parent_code].isdisjoint(above)
