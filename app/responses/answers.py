"""Answers to bytes and back: one byte a criterion, in the questionnaire's order.

Pure, and the hot path: `encode` runs for every response. So the good case is one loop over what was
sent, and only a response with a fault is walked a second time to name each of them.

0 = no valid answer (null, or an optional criterion left out), 1-5 as answered. Nothing is coerced:
true, 4.0 and "4" are faults, since a client that sends them has a mistake that would one day cost more.
"""

from collections.abc import Mapping

from app.core.faults import Fault, pointer, shown, unknown_field
from app.questionnaires.definition import Layout

LOWEST = 1
HIGHEST = 5
MAX_FAULTS = 50  # a body of ten thousand unknown codes must not buy ten thousand faults


def encode(layout: Layout, answers: Mapping[str, object], complete: bool = True) -> tuple[bytes, list[Fault]]:
    """The answers as `layout.width` bytes and no fault, or no bytes and every fault (at most MAX_FAULTS).

    A required criterion must be present, though it may be null ("not applicable"), unless the citizen left
    in the middle (not `complete`); at least one answer must be 1 to 5. Never raises, whatever it is given.
    """
    positions = layout.positions
    row = bytearray(len(layout.codes))
    for code, value in answers.items():
        position = positions.get(code)
        if position is None:
            break
        if value is None:
            continue
        if type(value) is not int or not LOWEST <= value <= HIGHEST:
            break
        row[position] = value
    else:
        if (not complete or layout.required <= answers.keys()) and any(row):
            return bytes(row), []
    return b"", _faults(layout, answers, complete)


def decode(layout: Layout, data: bytes) -> dict[str, int | None]:
    """Criterion code -> 1..5 or None, all criteria in order; ValueError if these are not its bytes."""
    if len(data) != layout.width:
        raise ValueError(f"{len(data)} bytes for the {layout.width} criteria of {layout.code}")
    if data and max(data) > HIGHEST:
        raise ValueError(f"a byte of {max(data)} is no answer")
    return {code: value or None for code, value in zip(layout.codes, data, strict=True)}


def check_respondent(layout: Layout, respondent: Mapping[str, object]) -> list[Fault]:
    """Every fault of what a respondent told of themselves, at most MAX_FAULTS; no field is ever required."""
    faults: list[Fault] = []
    for field, value in respondent.items():
        allowed = layout.respondent.get(field)
        if allowed is None:
            faults.append(unknown_field(layout.respondent, "respondent", field))
        elif not isinstance(value, str) or value not in allowed:
            where = pointer("respondent", field)
            faults.append(Fault(where, "not_allowed", {"allowed": ", ".join(sorted(allowed))}))
        if len(faults) == MAX_FAULTS:
            break
    return faults


def _faults(layout: Layout, answers: Mapping[str, object], complete: bool) -> list[Fault]:
    faults: list[Fault] = []
    answered = False
    for code, value in answers.items():
        if code not in layout.positions:
            faults.append(Fault(pointer("answers", shown(code)), "unknown_criterion"))
        elif type(value) is int and LOWEST <= value <= HIGHEST:
            answered = True
        elif value is not None:
            faults.append(Fault(pointer("answers", code), "invalid_answer"))
        if len(faults) == MAX_FAULTS:  # the rest is unread: nothing may be said of what is not in it
            return faults
    faults += [
        Fault(pointer("answers", layout.codes[position]), "missing")
        for position in layout.required_positions
        if complete and layout.codes[position] not in answers
    ]
    if not answered:
        faults.append(Fault("/answers", "no_answer"))
    return faults[:MAX_FAULTS]
