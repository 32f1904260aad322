import csv
import io
import unicodedata
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import clean, first_hidden, fold, respell, search_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Bắc Ninh", "bac ninh"),
        ("  BẮC\u00a0\t NINH ", "bac ninh"),
        ("Thành phố Đà Nẵng", "thanh pho da nang"),
        ("đặc khu Đặc khu ĐẶC KHU", "dac khu dac khu dac khu"),
        ("Phường Ngọc Hà", "phuong ngoc ha"),
        ("Ô Chợ Dừa", "o cho dua"),
        ("Quỳ Hợp", "quy hop"),
        ("1.001193", "1.001193"),
        ("Xã Cư M’ta", "xa cu m'ta"),
        ("Xã Chân Mây – Lăng Cô", "xa chan may - lang co"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_a_search_key_has_no_marks_no_case_and_single_spaces(text: str, key: str) -> None:
    assert fold(text) == key


def test_composed_and_decomposed_spellings_share_one_key() -> None:
    composed = unicodedata.normalize("NFC", "Đắk Lắk")
    decomposed = unicodedata.normalize("NFD", "Đắk Lắk")
    assert composed != decomposed
    assert fold(composed) == fold(decomposed) == "dak lak"


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_folding_forgets_case_and_composition(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


def test_every_vietnamese_letter_folds_to_plain_letters() -> None:
    marked = "áàảãạăắằẳẵặâấầẩẫậéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵđ"
    plain = "a" * 17 + "e" * 11 + "i" * 5 + "o" * 17 + "u" * 11 + "y" * 5 + "d"
    assert fold(marked) == fold(marked.upper()) == plain


def test_every_real_unit_folds_to_plain_ascii() -> None:
    text = resources.files("app.demo").joinpath("data/units-vietnam.csv").read_text("utf-8")
    names = [row["name"] for row in csv.DictReader(io.StringIO(text))]
    assert len(names) == 3_355
    assert [name for name in names if not fold(name).isascii()] == []


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_cleaning_composes_letters_and_strips_the_ends_only() -> None:
    assert clean("  Xã " + unicodedata.normalize("NFD", "Bắc  Hà") + "\n") == "Xã Bắc  Hà"


@pytest.mark.parametrize(
    "char", ["\0", "\t", "\n", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\ufeff", "\ud800", "\u2028"]
)
def test_characters_nobody_sees_are_found(char: str) -> None:
    assert first_hidden("ab" + char + "c") == char


@pytest.mark.parametrize("text", ["", "Bắc Ninh", "a\u00a0b", "100 %", "😀", "\u0301"])
def test_what_can_be_seen_is_not_hidden(text: str) -> None:
    assert first_hidden(text) is None


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Ðông Hà", "Đông Hà"),
        ("Phường ðồng Xoài", "Phường đồng Xoài"),
        ("ƉắK", "ĐắK"),
        ("ǎ\u0301n", "ắn"),
        ("Xã\u00a0 Bắc\u3000Hà ", "Xã Bắc Hà"),
        ("Xã Ea H’leo", "Xã Ea H'leo"),
        ("“Đắk” ‘B’", "“Đắk” ‘B’"),
        ("０７２１０", "07210"),
        (unicodedata.normalize("NFD", "Hoà Thuỷ"), "Hoà Thuỷ"),
    ],
)
def test_a_name_is_stored_with_our_own_letters(text: str, stored: str) -> None:
    assert respell(text) == stored


@given(st.text())
def test_respelling_twice_changes_nothing(text: str) -> None:
    assert respell(respell(text)) == respell(text)


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("Phường Đông Hà", "Ðông hà"),
        ("Phường Ðông Hà", "dong ha"),
        ("Xã Hoà Thuỷ", "Hòa Thủy"),
        ("Xã Quý Lộc", "quí lộc"),
        ("Xã Ea H'Leo", "ea h’leo"),
        ("Xã Ea H'Leo", "Eahleo"),
        ("Tỉnh Kon Tum", "Kontum"),
        ("Xã Chân Mây - Lăng Cô", "Chân Mây–Lăng Cô"),
        ("Xã Вắc Nіnh", "bắc ninh"),
        ("Xã Bắc\u200bNinh", "bắc ninh"),
        ("Xã Bắc Ninh", unicodedata.normalize("NFD", "bẮc\u00a0ninh")),
    ],
)
def test_a_key_forgets_what_keyboards_and_old_files_make_different(kept: str, typed: str) -> None:
    assert search_key(typed) in search_key(kept)


@given(st.text())
def test_keying_twice_changes_nothing(text: str) -> None:
    assert search_key(search_key(text)) == search_key(text)
