import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.visits.links import CODE_LENGTH, UNIT_BITS, VISIT_BITS, LinkCodes, display

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODES = LinkCodes("a secret that is long enough for a test")

units = st.integers(0, 2**UNIT_BITS - 1)
visits = st.integers(0, 2**VISIT_BITS - 1)


@given(units, visits)
def test_what_was_minted_reads_back(unit_id: int, visit_id: int) -> None:
    assert CODES.read(CODES.mint(unit_id, visit_id)) == (unit_id, visit_id)


@pytest.mark.parametrize("unit_id", [0, 1, 2**UNIT_BITS - 1])
@pytest.mark.parametrize("visit_id", [0, 1, 2**VISIT_BITS - 1])
def test_the_edges_of_both_ranges_read_back(unit_id: int, visit_id: int) -> None:
    assert CODES.read(CODES.mint(unit_id, visit_id)) == (unit_id, visit_id)


@given(units, visits)
def test_a_code_is_20_characters_of_crockfords_alphabet(unit_id: int, visit_id: int) -> None:
    code = CODES.mint(unit_id, visit_id)
    assert len(code) == CODE_LENGTH == 20
    assert set(code) <= set(ALPHABET)


def test_a_code_stays_the_same_from_release_to_release() -> None:
    """Receipts are in people's hands: whoever changes this value has broken them."""
    assert LinkCodes(b"fixed").mint(24, 1) == "S3MF9XJV78TPN6KAJ8V0"


@pytest.mark.parametrize(
    ("unit_id", "visit_id"), [(-1, 1), (2**UNIT_BITS, 1), (1, -1), (1, 2**VISIT_BITS), (2**64, 2**64)]
)
def test_ids_out_of_range_are_not_minted(unit_id: int, visit_id: int) -> None:
    with pytest.raises(ValueError, match="link code holds"):
        CODES.mint(unit_id, visit_id)


@pytest.mark.parametrize("secret", ["", b""])
def test_an_empty_secret_is_refused(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match="secret"):
        LinkCodes(secret)


def test_text_and_bytes_of_one_secret_agree() -> None:
    assert LinkCodes("khoá bí mật").mint(7, 7) == LinkCodes("khoá bí mật".encode()).mint(7, 7)


def test_200_000_random_codes_never_pass() -> None:
    """What a door does with a code that does not pass is tried in test_follow.py."""
    noise = random.Random(20261120).randbytes(200_000 * CODE_LENGTH)
    letters = noise.translate((ALPHABET * 8).encode()).decode()
    codes = (letters[start : start + CODE_LENGTH] for start in range(0, len(letters), CODE_LENGTH))
    assert [code for code in codes if CODES.read(code) is not None] == []


@given(units, visits, st.integers(0, CODE_LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_changed_character_never_passes(unit_id: int, visit_id: int, place: int, other: str) -> None:
    code = CODES.mint(unit_id, visit_id)
    changed = code[:place] + other + code[place + 1 :]
    assert (CODES.read(changed) is None) == (changed != code)


def test_every_single_change_of_one_code_is_refused() -> None:
    code = CODES.mint(24, 123_456)
    changes = {code[:place] + other + code[place + 1 :] for place in range(CODE_LENGTH) for other in ALPHABET}
    assert {CODES.read(changed) for changed in changes - {code}} == {None}


@given(units, visits, st.binary(min_size=1))
def test_another_secret_never_passes(unit_id: int, visit_id: int, secret: bytes) -> None:
    assert LinkCodes(secret).read(CODES.mint(unit_id, visit_id)) is None


@given(units, visits)
def test_case_spaces_and_hyphens_do_not_matter(unit_id: int, visit_id: int) -> None:
    code = CODES.mint(unit_id, visit_id)
    for typed in (code.lower(), display(code), display(code).replace(" ", "-"), f"  {code.lower()} "):
        assert CODES.read(typed) == (unit_id, visit_id)


@given(units, visits)
def test_letters_that_look_like_digits_read_as_digits(unit_id: int, visit_id: int) -> None:
    code = CODES.mint(unit_id, visit_id)
    for one in "IiLl":
        assert CODES.read(code.replace("1", one)) == (unit_id, visit_id)
    for nought in "Oo":
        assert CODES.read(code.replace("0", nought)) == (unit_id, visit_id)


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    assert CODES.read(text) is None


@given(st.text(ALPHABET + "ILOUilou -_+.\0\n\u0660é", min_size=15, max_size=25))
def test_no_text_close_to_a_code_makes_reading_fail(text: str) -> None:
    assert CODES.read(text) is None


@pytest.mark.parametrize(
    "spoiled",
    ["{}0", "0{}", "+{}", "{}\n", "{}\t", "{}=", "{}\0", "{}\u200b", "0x{}", "{}{}"],
)
def test_a_code_with_anything_added_is_no_code(spoiled: str) -> None:
    code = CODES.mint(24, 1)
    assert CODES.read(spoiled.replace("{}", code)) is None


@pytest.mark.parametrize("stranger", ["U", "u", "_", "!", "+", "\uff11", "\u0661", "\ud800"])
def test_a_character_outside_the_alphabet_is_no_code(stranger: str) -> None:
    code = CODES.mint(24, 1)
    assert CODES.read(stranger + code[1:]) is None


def test_neighbours_look_unrelated() -> None:
    """Running numbers of one unit: about half of the 100 bits differ, as between random texts."""

    def bits(code: str) -> int:
        return int("".join(f"{ALPHABET.index(letter):05b}" for letter in code), 2)

    numbers = [bits(CODES.mint(24, visit_id)) for visit_id in range(1, 1_001)]
    distances = [(one ^ next_one).bit_count() for one, next_one in itertools.pairwise(numbers)]
    assert 49 < sum(distances) / len(distances) < 51
    assert min(distances) > 25
    for place in range(100):
        ones = sum(number >> place & 1 for number in numbers)
        assert 400 < ones < 600


def test_ten_thousand_visits_have_ten_thousand_codes() -> None:
    assert len({CODES.mint(unit, visit) for unit in range(10) for visit in range(1_000)}) == 10_000


def test_a_code_is_shown_in_groups_of_four() -> None:
    assert display("7H3KQ0ZV9XM2P4ABCDEF") == "7H3K Q0ZV 9XM2 P4AB CDEF"
