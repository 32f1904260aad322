"""Link codes: the 20 characters on a citizen's receipt. Pure: no database, no HTTP.

A code is Crockford base 32, 100 bits: a 45-bit signature, then 55 encrypted bits that hold the unit
(20 bits, about a million) and the visit's running number (35 bits, 34 thousand million).

    signature = first 45 bits of HMAC-SHA256(key of signatures, payload)
    hidden    = payload XOR first 55 bits of HMAC-SHA256(key of hiding, signature)

This is deterministic authenticated encryption in the manner of SIV (Rogaway and Shrimpton 2006): the
signature doubles as the nonce. The same visit always gives the same code, so nothing needs storing,
and a code betrays neither the unit nor how many visits came before: receipts of neighbours at the
same desk look unrelated.

Why 45 bits are enough. A signature can only be guessed by asking us: there is no file to attack
offline. A random code passes with probability 2^-45; at a million guesses a second, around the
clock, that is one hit in about 13 months of the service being hammered, and even a hit names a
random unit and number, of which almost none exist. Wrong codes cost two hashes and never reach the
database, so that guessing cannot be used to wear it down either.

What is given up. Two visits may share a signature; among 6 million codes one such pair is expected.
Whoever holds both codes then learns the XOR of two payloads, a harmless hint about running numbers,
and never a way to forge. There is no rotation of keys: a new secret ends every open link, which is
what one wants on the day a secret leaks. Room for 20 + 35 bits is fixed by the printed length.
"""

import hmac
import re

UNIT_BITS = 20
VISIT_BITS = 35
CODE_LENGTH = 20

_SIGNATURE_BITS = 45
_PAYLOAD_BITS = UNIT_BITS + VISIT_BITS
_SIGNATURE_BYTES = 6
_PAYLOAD_BYTES = 7
_PAYLOAD_MASK = (1 << _PAYLOAD_BITS) - 1
_VISIT_MASK = (1 << VISIT_BITS) - 1

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PYTHON_DIGITS = b"0123456789abcdefghijklmnopqrstuv"  # what int(text, 32) reads
_SHIFTS = range(5 * (CODE_LENGTH - 1), -1, -5)
_GROUPS = re.compile(r"....(?=.)")


def _reading_table() -> bytes:
    """A byte -> the digit int(text, 32) understands, "!" for whatever is no digit of Crockford's.

    Decoding then runs in C: one translate and one int. Small letters count as capitals, and the
    letters people misread fold as Crockford lays down: I and L are 1, O is 0; U is none.
    """
    table = bytearray(b"!" * 256)
    pairs = [*zip(_ALPHABET, _PYTHON_DIGITS, strict=True), ("I", ord("1")), ("L", ord("1")), ("O", ord("0"))]
    for letter, digit in pairs:
        table[ord(letter)] = table[ord(letter.lower())] = digit
    return bytes(table)


_READING = _reading_table()


class LinkCodes:
    """Mints and reads link codes under one secret; safe to share between threads and tasks."""

    def __init__(self, secret: bytes | str) -> None:
        """Derive both keys from the service's secret (extract and expand, as HKDF of RFC 5869 does).

        Labels keep these keys apart from every other use of the same secret. ValueError if empty.
        """
        material = secret.encode() if isinstance(secret, str) else secret
        if not material:
            raise ValueError("link codes need a secret")
        root = hmac.digest(b"sipas link codes 1", material, "sha256")
        self._signing = hmac.digest(root, b"signature\x01", "sha256")
        self._hiding = hmac.digest(root, b"hiding\x01", "sha256")

    def mint(self, unit_id: int, visit_id: int) -> str:
        """The code of a visit, always the same one. ValueError outside 20 and 35 bits."""
        if not 0 <= unit_id < 1 << UNIT_BITS:
            raise ValueError(f"a link code holds unit ids below 2^{UNIT_BITS}, not {unit_id}")
        if not 0 <= visit_id < 1 << VISIT_BITS:
            raise ValueError(f"a link code holds visit ids below 2^{VISIT_BITS}, not {visit_id}")
        payload = unit_id << VISIT_BITS | visit_id
        signature = self._signature(payload)
        number = signature << _PAYLOAD_BITS | payload ^ self._pad(signature)
        return "".join([_ALPHABET[number >> shift & 31] for shift in _SHIFTS])

    def read(self, code: str) -> tuple[int, int] | None:
        """(unit id, visit id), or None for whatever we did not mint ourselves. Never raises on a str.

        Case, spaces and hyphens do not matter: people type codes from paper.
        """
        if not code.isascii():
            return None
        digits = code.encode("ascii").translate(_READING, b" -")
        if len(digits) != CODE_LENGTH or b"!" in digits:
            return None
        number = int(digits, 32)
        signature = number >> _PAYLOAD_BITS
        payload = number & _PAYLOAD_MASK ^ self._pad(signature)
        expected = self._signature(payload)
        if not hmac.compare_digest(
            signature.to_bytes(_SIGNATURE_BYTES, "big"), expected.to_bytes(_SIGNATURE_BYTES, "big")
        ):
            return None
        return payload >> VISIT_BITS, payload & _VISIT_MASK

    def _signature(self, payload: int) -> int:
        mac = hmac.digest(self._signing, payload.to_bytes(_PAYLOAD_BYTES, "big"), "sha256")
        return int.from_bytes(mac[:_SIGNATURE_BYTES], "big") >> 8 * _SIGNATURE_BYTES - _SIGNATURE_BITS

    def _pad(self, signature: int) -> int:
        mac = hmac.digest(self._hiding, signature.to_bytes(_SIGNATURE_BYTES, "big"), "sha256")
        return int.from_bytes(mac[:_PAYLOAD_BYTES], "big") >> 8 * _PAYLOAD_BYTES - _PAYLOAD_BITS


def display(code: str) -> str:
    """The code in groups of four, for print; `read` takes it as it stands."""
    return _GROUPS.sub(lambda group: group[0] + " ", code)
