import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import plain, visible
from app.core.texts import Text
from app.visits import receipts
from app.visits.links import LinkCodes
from app.visits.receipts import EXAMPLE, INVITATION, LAST_DAY, Receipt, address_pieces, lines, typed_code

WIDTHS = [32, 42, 48]
CODES = LinkCodes(b"a secret for tests of receipts")

any_receipt = st.builds(
    Receipt,
    unit=st.text(max_size=320),
    procedure=st.none() | st.text(max_size=320),
    served_on=st.dates(),
    last_day=st.dates(),
    page=st.from_regex(r"https?://[a-z0-9.-]{1,250}(:[0-9]{2,5})?(/[a-z-]{1,70}){0,3}/s/", fullmatch=True),
    code=st.integers(0, 2**35 - 1).map(lambda number: CODES.mint(7, number)),
)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_receipt_says_unit_procedure_day_both_invitations_and_the_address(width: int) -> None:
    printed = lines(EXAMPLE, width)
    assert [line.strip() for line in printed[:4]] == [
        "Phường Bắc Giang",
        "Đăng ký khai sinh",
        "20/11/2026",
        "",
    ]
    words = " ".join(line.strip() for line in printed)
    for text in (INVITATION, LAST_DAY):
        assert text.vi.format(day="20/12/2026") in words
        assert text.en.format(day="20/12/2026") in words
    assert [line.strip() for line in printed[-2:]] == [
        "https://sipas.example.vn/s/",
        "7H3K-Q0ZV-9XM2-P4C8-RT5W",
    ]


def test_without_a_procedure_there_is_no_gap() -> None:
    printed = lines(EXAMPLE._replace(procedure=None), 32)
    assert [line.strip() for line in printed[:3]] == ["Phường Bắc Giang", "20/11/2026", ""]


def test_a_short_address_stands_on_one_line_with_its_code() -> None:
    printed = lines(EXAMPLE._replace(page="https://dg.gov.vn/s/"), 48)
    assert printed[-1].strip() == "https://dg.gov.vn/s/7H3K-Q0ZV-9XM2-P4C8-RT5W"


def test_a_long_address_breaks_after_slashes_and_before_dots() -> None:
    page = "https://danhgia-hai-long-phuc-vu.bacninh.gov.vn:8443/sipas/s/"
    printed = [line.strip() for line in lines(EXAMPLE._replace(page=page), 32)[-3:]]
    assert printed == [
        "https://danhgia-hai-long-phuc-vu",
        ".bacninh.gov.vn:8443/sipas/s/",
        "7H3K-Q0ZV-9XM2-P4C8-RT5W",
    ]


def test_a_word_of_the_address_longer_than_a_line_is_cut() -> None:
    printed = [line.strip() for line in lines(EXAMPLE._replace(page=f"https://{'a' * 70}.vn/s/"), 32)[-5:]]
    assert "".join(printed) == f"https://{'a' * 70}.vn/s/7H3K-Q0ZV-9XM2-P4C8-RT5W"


def test_lines_are_centred() -> None:
    assert lines(EXAMPLE, 32)[0] == " " * 8 + "Phường Bắc Giang"
    assert lines(EXAMPLE, 32)[3] == ""


def test_a_long_name_breaks_between_words() -> None:
    name = "Trung tâm Phục vụ hành chính công đặc khu Phú Quốc"
    printed = lines(EXAMPLE._replace(unit=name), 32)
    assert [line.strip() for line in printed[:2]] == ["Trung tâm Phục vụ hành chính", "công đặc khu Phú Quốc"]


def test_a_decomposed_name_is_measured_as_it_is_printed() -> None:
    name = "Phường Đồng Kỵ Phường Đồng Kỵ ế"
    taken_apart = unicodedata.normalize("NFD", name)
    assert len(taken_apart) > 32 >= len(name)
    assert lines(EXAMPLE._replace(unit=taken_apart), 32)[0].strip() == name


def test_a_name_is_no_command_to_the_printer() -> None:
    printed = lines(EXAMPLE._replace(unit="Xã\x1b@\x1dV\x00 A\nB\u2028C\u202e"), 32)
    assert printed[0].strip() == "Xã @ V A B C"


@given(any_receipt, st.sampled_from(WIDTHS), st.booleans())
def test_no_line_is_ever_over_its_width(receipt: Receipt, width: int, plain_wanted: bool) -> None:
    for line in lines(receipt, width, plain=plain_wanted):
        assert len(unicodedata.normalize("NFC", line)) <= width
        assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert line == line.rstrip(" ")


@given(any_receipt, st.sampled_from(WIDTHS))
def test_the_code_is_never_broken_and_the_address_is_whole(receipt: Receipt, width: int) -> None:
    printed = lines(receipt, width)
    assert printed[-1].endswith(typed_code(receipt.code))
    assert "".join(line.strip() for line in printed).endswith(receipt.page + typed_code(receipt.code))


@given(any_receipt, st.sampled_from(WIDTHS))
def test_plain_lines_are_ascii(receipt: Receipt, width: int) -> None:
    assert all(line.isascii() for line in lines(receipt, width, plain=True))


@given(any_receipt)
def test_no_word_of_a_name_is_lost(receipt: Receipt) -> None:
    printed = "".join("".join(lines(receipt, 32)).split())
    assert printed.startswith("".join(visible(receipt.unit).split()))


@given(st.from_regex(r"[a-z./:-]{0,60}", fullmatch=True))
def test_the_pieces_of_an_address_make_the_address(address: str) -> None:
    assert "".join(address_pieces(address)) == address


@pytest.mark.parametrize("width", [-1, 0, 1, 23])
def test_a_line_too_narrow_for_a_code_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="cannot hold a link's code"):
        lines(EXAMPLE, width)


def test_the_typed_code_reads_as_the_code() -> None:
    code = CODES.mint(12, 34)
    assert CODES.read(typed_code(code)) == CODES.read(code) == (12, 34)


@pytest.mark.parametrize("text", [INVITATION, LAST_DAY])
def test_the_texts_stand_in_both_languages(text: Text) -> None:
    assert not text.vi.isascii()
    assert text.en.isascii()


def test_a_day_is_written_as_in_viet_nam() -> None:
    assert receipts.shown_day(date(2026, 1, 2)) == "02/01/2026"


@pytest.mark.parametrize(
    ("text", "ascii_only"),
    [
        ("Phường Đống Đa", "Phuong Dong Da"),
        ("ĐẶC KHU", "DAC KHU"),
        ("Chân Mây – Lăng Cô", "Chan May - Lang Co"),
        ("№ 1…", "No 1..."),
        ("日", "?"),
        ("", ""),
    ],
)
def test_plain_text_is_ascii_with_case_and_spacing_kept(text: str, ascii_only: str) -> None:
    assert plain(text) == ascii_only


@given(st.text())
def test_visible_text_holds_nothing_hidden_and_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert visible(text) == visible(text).strip()
