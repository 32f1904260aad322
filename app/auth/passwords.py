"""This file holds the rules of new passwords: long enough, and not soon guessed. Pure.

How soon a password is guessed is estimated by zxcvbn (Wheeler, USENIX Security 2016), which knows common
passwords, words, names, dates, sequences and keyboards. It knows no Vietnamese names, so it is given the
person's, the unit's and the service's, in plain letters and in the ways people join them; and a password is
estimated as it was typed, in plain letters, and without the signs between them, and the worst of them counts:
`Congchuc@2026` is a word and a year, whatever stands between. Nothing asks for a digit or
a capital: that drives people to paper. Passwords of before go on working.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from zxcvbn import zxcvbn

from app.core.faults import Fault
from app.core.text import fold

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
LONGEST_ESTIMATED = 72
"""Characters that are estimated: more can only be harder to guess, and estimating them takes ever longer."""
LEAST_SCORE = 3
"""Of zxcvbn's 0 to 4: a hundred million guesses, which a stolen table of Argon2 hashes withstands."""
SHORTEST_WORD = 3

_FIRST_TRIED = """
    sipas motcua hailong dichvucong hanhchinhcong quantri matkhau vietnam admin quanly congchuc
    canbo congan xinchao tructuyen angiang bacgiang backan baclieu bacninh bariavungtau bentre
    binhdinh binhduong binhphuoc binhthuan camau cantho caobang daklak daknong danang dienbien
    dongnai dongthap gialai hagiang haiduong haiphong hanam hanoi hatinh haugiang hoabinh hochiminh
    saigon hue hungyen khanhhoa kiengiang kontum laichau lamdong langson laocai longan namdinh
    nghean ninhbinh ninhthuan phutho phuyen quangbinh quangnam quangngai quangninh quangtri soctrang
    sonla tayninh thaibinh thainguyen thanhhoa tiengiang travinh tuyenquang vinhlong vinhphuc yenbai
"""
OURS = frozenset(_FIRST_TRIED.split())
"""Words that everybody tries here first, written without marks and spaces: the service's, and the provinces,
those of before July 2025 among them."""

_KINDS: Mapping[str, str] = {
    "repeat": "password_repeats",
    "sequence": "password_sequence",
    "spatial": "password_sequence",
    "date": "password_date",
    "regex": "password_date",
    "dictionary": "password_common",
}


def password_faults(password: str, where: str = "/password", about: Iterable[str] = ()) -> list[Fault]:
    """What is wrong with a new password: 10 to 1,000 characters, whatever they are, that are hard to guess.

    `about`: names of the person, their units and the service. Takes up to 0.2 s: call it in a thread.
    """
    if len(password) < MIN_PASSWORD:
        return [Fault(where, "too_short", {"limit": MIN_PASSWORD})]
    if len(password) > MAX_PASSWORD:
        return [Fault(where, "too_long", {"limit": MAX_PASSWORD})]
    words = sorted({word for name in about for word in _spellings(name)} | OURS)
    kinds: set[str] = set()
    weak = False
    plain = fold(password)
    for spelling in {password, plain, "".join(char for char in plain if char.isalnum())}:
        if spelling := spelling[:LONGEST_ESTIMATED]:
            estimate = zxcvbn(spelling, user_inputs=words)
            if estimate["score"] < LEAST_SCORE:
                weak = True
                kinds |= {kind for match in estimate["sequence"] for kind in _kinds(match)}
    if not weak:
        return []
    return [Fault(where, kind) for kind in sorted(kinds) or ["password_weak"]]


def _spellings(name: str) -> set[str]:
    """A name in plain letters as people put it into passwords: words, joined, turned round, with initials."""
    plain = "".join(char if char.isalnum() else " " for char in fold(name))
    words = plain.split()
    if not words:
        return set()
    *others, given = words
    initials = "".join(word[0] for word in others)
    joined = {
        "".join(words),
        "".join(reversed(words)),
        given + "".join(others),
        given + initials,
        initials + given,
        given + words[0],
        fold(name),
    }
    return {word for word in {*words, *joined} if len(word) >= SHORTEST_WORD}


def _kinds(match: Mapping[str, Any]) -> set[str]:
    """What makes a part of a password easy to guess; what is repeated is looked into."""
    if match.get("dictionary_name") == "user_inputs":
        return {"password_personal"}
    within = {kind for base in match.get("base_matches") or () for kind in _kinds(base)}
    kind = _KINDS.get(match["pattern"])
    return within | ({kind} if kind else set())
