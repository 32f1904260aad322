"""The register of units that ships is what its sources say, and documents name no code that it does not have.

Codes and names: letter 1027/CTK-CSCL of the Statistics Office of 25 June 2025, provinces 915/CTK-CSCL.
Parents: the Office's conversion table. The letter gives Ia Mơ the code 23737; the table and every later list
say 23938, so that stands here.
"""

import csv
import re
import unicodedata
from collections import Counter
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "app").rglob("*.py"))
TEXT = files("app.demo").joinpath("data/units-vietnam.csv").read_text("utf-8")
ROWS = list(csv.DictReader(TEXT.splitlines()))
UNITS = {row["code"]: row for row in ROWS}
PROVINCES = [row for row in ROWS if row["kind"] == "province"]
COMMUNES = [row for row in ROWS if row["kind"] == "commune"]

# Communes of each province, as the resolutions of the Standing Committee of 16 June 2025 count them.
_COUNTED = """
    01 126  04  56  08 124  11  45  12  38  14  75  15  99  19  92  20  65  22  54  24  99  25 148
    31 114  33 104  37 129  38 166  40 130  42  69  44  78  46  40  48  94  51  96  52 135  56  65
    66 102  68 124  75  95  79 168  80  96  82 102  86 124  91 102  92 103  96  64
"""
OF_PROVINCE = {code: int(many) for code, many in re.findall(r"([0-9]{2}) +([0-9]+)", _COUNTED)}
NAMED = {
    "23938": ("Xã Ia Mơ", "52"),
    "06970": ("Xã Ba Chẽ", "22"),
    # codes under which an earlier file had another commune
    "00226": ("Phường Văn Miếu - Quốc Tử Giám", "01"),
    "00331": ("Phường Hoàng Mai", "01"),
    "01537": ("Xã Lý Quốc", "04"),
    "01558": ("Xã Hạ Lang", "04"),
    "01561": ("Xã Vinh Quý", "04"),
    "13285": ("Phường Phủ Lý", "37"),
    "13291": ("Phường Phù Vân", "37"),
    "13318": ("Phường Châu Sơn", "37"),
    "31207": ("Phường Thốt Nốt", "92"),
}
# Of `new_code new_province_code`, sorted, one a line, of that table.
DIGEST = "117f00205e39920ea54db46a963ecf3ddf6399935c88379fe6a8258a8b0972a3"


def test_there_are_34_provinces_and_3321_communes_each_of_its_own_code() -> None:
    assert (len(PROVINCES), len(COMMUNES), len(ROWS), len(UNITS)) == (34, 3_321, 3_355, 3_355)
    assert {row["valid_from"] for row in ROWS} == {"2025-07-01"}


def test_a_code_of_a_province_has_two_digits_and_one_of_a_commune_five() -> None:
    assert [row for row in PROVINCES if not re.fullmatch(r"[0-9]{2}", row["code"])] == []
    assert [row for row in COMMUNES if not re.fullmatch(r"[0-9]{5}", row["code"])] == []


def test_every_commune_stands_beneath_a_province_and_each_province_has_as_many_as_was_resolved() -> None:
    assert [row["parent_code"] for row in PROVINCES] == [""] * 34
    assert Counter(row["parent_code"] for row in COMMUNES) == OF_PROVINCE
    assert {row["code"] for row in PROVINCES} == OF_PROVINCE.keys()


def test_there_are_687_wards_13_special_zones_and_2621_rural_communes() -> None:
    typed = Counter(row["name"].partition(" ")[0] for row in COMMUNES)
    assert typed == {"Phường": 687, "Đặc": 13, "Xã": 2_621}


@pytest.mark.parametrize("code", NAMED)
def test_a_code_that_was_once_wrong_names_its_commune(code: str) -> None:
    assert (UNITS[code]["name"], UNITS[code]["parent_code"]) == NAMED[code]


def test_the_code_that_only_the_letter_gives_is_nobodys() -> None:
    assert "23737" not in UNITS
    assert "06978" not in UNITS


def test_codes_and_parents_are_those_of_the_conversion_table() -> None:
    told = "\n".join(sorted(f"{row['code']} {row['parent_code']}" for row in COMMUNES))
    assert sha256(told.encode()).hexdigest() == DIGEST


def test_names_are_written_in_one_way() -> None:
    for row in ROWS:
        name = row["name"]
        assert name == unicodedata.normalize("NFC", " ".join(name.split()))
        assert [one for one in name if not one.isalnum() and one not in " -'"] == []
    twice = Counter((row["name"], row["parent_code"]) for row in COMMUNES)
    assert [name for name, many in twice.items() if many > 1] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_only_codes_that_the_register_has(path: Path) -> None:
    text = path.read_text("utf-8")
    named = re.findall(r"(?<![.0-9])0[0-9]{4}\b", text)
    assert [code for code in named if code not in UNITS] == []
    for code, name in re.findall(r'"code": "([0-9]{5})", "name": "([^"]+)"', text):
        assert UNITS[code]["name"] == name


def test_examples_in_the_contract_name_only_codes_that_the_register_has() -> None:
    named = {
        code: path for path in EXAMPLES for code in re.findall(r'"(0[0-9]{4})"', path.read_text("utf-8"))
    }
    assert len(named) >= 5
    assert {code: path for code, path in named.items() if code not in UNITS} == {}
