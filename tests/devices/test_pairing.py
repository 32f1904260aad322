from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.devices.pairing import HANDLES, PairingCode, device_of, new_code, new_token, read_code

DEVICE = UUID("0198c2f0-7b1e-7c3a-9f2e-5d0a4b7c1e22")


@given(st.integers(0, HANDLES - 1))
def test_a_new_code_reads_back(handle: int) -> None:
    code = new_code(handle)
    assert len(code.digits) == 10
    assert read_code(code.digits) == code
    assert int(code.handle) == handle


@pytest.mark.parametrize(
    "typed", ["0412337905", "0412 337 905", "04-12-33-79-05", " 0412 337905 ", "0412\u00a0337905"]
)
def test_spaces_and_hyphens_do_not_matter(typed: str) -> None:
    assert read_code(typed) == PairingCode("0412", "337905")


@pytest.mark.parametrize(
    "typed",
    ["", "041233790", "04123379055", "041233790a", "०४१२३३७९०५", "0412337905\n", "+412337905", "0412.337905"],
)
def test_what_is_not_ten_digits_is_no_code(typed: str) -> None:
    assert read_code(typed) is None


@given(st.text(max_size=40))
def test_reading_a_code_never_raises(typed: str) -> None:
    read_code(typed)


def test_a_token_names_its_device() -> None:
    assert device_of(new_token(DEVICE)) == DEVICE


def test_no_two_tokens_are_alike() -> None:
    assert new_token(DEVICE) != new_token(DEVICE)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "sdt_",
        f"sdt_{DEVICE.hex}",
        f"sdt_{DEVICE.hex}_",
        f"sdt_{DEVICE.hex}_short",
        f"sdt_{DEVICE}_{'a' * 43}",
        f"sdt_{DEVICE.hex.upper()}_{'a' * 43}",
        f"xyz_{DEVICE.hex}_{'a' * 43}",
        f"sdt_{DEVICE.hex}_{'a' * 43}\n",
        f"sdt_{DEVICE.hex}_{'a' * 5000}",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
    ],
)
def test_what_is_no_device_token_names_nobody(token: str) -> None:
    assert device_of(token) is None


@given(st.text())
def test_reading_a_token_never_raises(token: str) -> None:
    assert device_of(token) is None or token.startswith("sdt_")


def test_ids_of_any_version_fit_in_a_token() -> None:
    device_id = uuid4()
    assert device_of(new_token(device_id)) == device_id
