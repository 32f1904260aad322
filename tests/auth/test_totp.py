from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.totp import (
    RECOVERY_CODES,
    Seal,
    address_of,
    new_recovery_codes,
    new_secret,
    plain_recovery_code,
    step_of,
)

# RFC 6238, appendix B: the secret "12345678901234567890", SHA-1, the last six of eight digits
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert step_of(SECRET, code, datetime.fromtimestamp(seconds, UTC), None) == seconds // 30


@pytest.mark.parametrize(("off", "heard"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_be_one_step_off(off: int, heard: bool) -> None:
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=off))
    assert (step_of(SECRET, code, NOW, None) is not None) is heard


def test_a_code_is_not_heard_again_nor_one_before_it() -> None:
    app = pyotp.TOTP(SECRET)
    step = step_of(SECRET, app.at(NOW), NOW, None)
    assert step is not None
    assert step_of(SECRET, app.at(NOW), NOW, step) is None
    assert step_of(SECRET, app.at(NOW - timedelta(seconds=30)), NOW, step) is None
    assert step_of(SECRET, app.at(NOW + timedelta(seconds=30)), NOW, step) == step + 1


@pytest.mark.parametrize("typed", ["", "0", "12345", "1234567", "abcdef", "٠٨١٨٠٤", "\0" * 6])
def test_what_is_no_code_is_not_heard(typed: str) -> None:
    assert step_of(SECRET, typed, NOW, None) is None


def test_a_code_may_be_typed_with_a_space() -> None:
    code = pyotp.TOTP(SECRET).at(NOW)
    assert step_of(SECRET, f"{code[:3]} {code[3:]}", NOW, None) is not None


def test_the_address_says_whose_it_is() -> None:
    assert address_of(SECRET, "lan") == f"otpauth://totp/SIPAS:lan?secret={SECRET}&issuer=SIPAS"


def test_a_seal_opens_for_its_owner_and_with_its_key_alone() -> None:
    seal, owner, secret = Seal("a" * 32), uuid4(), new_secret()
    sealed = seal.close(owner, secret)
    assert secret.encode() not in sealed
    assert seal.open(owner, sealed) == secret
    assert seal.open(uuid4(), sealed) is None
    assert Seal("b" * 32).open(owner, sealed) is None
    assert seal.open(owner, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert seal.close(owner, secret) != sealed


def test_recovery_codes_are_ten_and_all_different() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert all(len(code) == 19 and plain_recovery_code(code) == code.replace("-", "") for code in codes)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("abcd-efgh-jkmn-pqrs", "ABCDEFGHJKMNPQRS"),
        ("ABCD EFGH JKMN PQRS", "ABCDEFGHJKMNPQRS"),
        ("oooo-iiii-llll-0000", "0000111111110000"),
        ("abcd-efgh-jkmn-pqr", None),
        ("abcd-efgh-jkmn-pqru", None),
        ("", None),
    ],
)
def test_a_recovery_code_is_read_as_people_type_it(typed: str, plain: str | None) -> None:
    assert plain_recovery_code(typed) == plain


@given(st.text(max_size=40))
def test_anything_may_be_typed(typed: str) -> None:
    plain = plain_recovery_code(typed)
    assert plain is None or plain_recovery_code(plain) == plain


def test_a_code_used_while_our_clock_was_ahead_locks_nobody_out() -> None:
    app = pyotp.TOTP(SECRET)
    step = step_of(SECRET, app.at(NOW), NOW, None)
    assert step is not None
    assert step_of(SECRET, app.at(NOW), NOW, step + 2880) == step
    assert step_of(SECRET, app.at(NOW), NOW, step + 1) is None, "a phone may be a step ahead of us"
