"""The Statistics Office's list of communes, as it stands, read as provinces, districts and communes."""

import httpx
import pytest

from app.units.office_list import read_units
from tests.support.world import World

HEAD = "province_code,province,district_code,district,code,name\n"
VIETNAMESE = "Tỉnh Thành Phố,Mã TP,Quận Huyện,Mã QH,Phường Xã,Mã PX,Cấp,Tên Tiếng Anh\n"


def units_of(text: str) -> tuple[list[str], list[tuple[int, str | None, str]]]:
    table = read_units(text.encode(), "x.csv")
    units = [":".join(list(row.values.values())[:4]) for row in table.rows]
    return units, [(fault.row, fault.column, fault.code) for fault in table.faults()]


@pytest.mark.parametrize(
    "text",
    [
        HEAD
        + "1,Hà Nội,1,Ba Đình,1,Phúc Xá\n01,Hà Nội,001,Ba Đình,00004,Trúc Bạch\n01,Hà Nội,471,Cồn Cỏ,,\n",
        VIETNAMESE
        + "Hà Nội,01,Ba Đình,001,Phúc Xá,00001,Phường,\nHà Nội,01,Ba Đình,001,Trúc Bạch,00004,Phường,\n"
        "Hà Nội,01,Cồn Cỏ,471,,,,\n",
    ],
    ids=["English", "Vietnamese"],
)
def test_each_province_district_and_commune_is_a_unit_once(text: str) -> None:
    assert units_of(text) == (
        [
            "01:Hà Nội:province:",
            "001:Ba Đình:district:01",
            "00001:Phúc Xá:commune:001",
            "00004:Trúc Bạch:commune:001",
            "471:Cồn Cỏ:district:01",
        ],
        [],
    )


def test_communes_of_today_lie_beneath_their_province() -> None:
    assert units_of("province_code,province,code,name\n01,Hà Nội,00004,Ba Đình\n")[0][1:] == [
        "00004:Ba Đình:commune:01"
    ]


def test_rows_that_contradict_one_another_or_lack_half_of_a_unit_are_accused() -> None:
    rows = ("01,Hà Nội,001,Ba Đình,00001,A", "01,Hà Tây,001,Ba Đình,00001,A", "01,Hà Nội,001,Ba Đình,,B")
    assert units_of(HEAD + "\n".join(rows))[1] == [
        (3, "province", "row_differs"),
        (3, "code", "duplicate_row"),
        (4, "code", "missing"),
    ]


def test_other_headings_are_told_as_those_of_our_own_table() -> None:
    assert (1, "kind", "missing_column") in units_of("code,name,colour\n1,a,red\n")[1]


async def test_the_list_is_imported_and_the_reform_asks_for_it(http: httpx.AsyncClient, world: World) -> None:
    row = "90001,Xã Mới,90,90001,Xã Một,Giữ nguyên,901,90"
    head = "new_code,new_name,new_province_code,old_code,old_name,how,old_district_code,old_province_code"

    async def send(address: str, text: str, **form: str) -> httpx.Response:
        return await http.post(
            f"/api/v1/units/{address}",
            files={"file": ("x.csv", text.encode())},
            data=form,
            headers={**world.admin, "Accept-Language": "en"},
        )

    decided = {"effective_on": "2025-07-01", "decision": "202/2025/QH15"}
    early = await send("reorganisations/import", f"{head}\n{row}\n", **decided)
    assert [one["code"] for one in early.json()["errors"]] == ["units_of_before_missing"]
    imported = await send("import", HEAD + "90,Tỉnh Thử,901,Huyện Thử,90001,Xã Một\n")
    assert (imported.status_code, imported.json()["created"]) == (200, 3)
    done = await send("reorganisations/import", f"{head}\n{row}\n", **decided)
    assert done.status_code == 200, done.text
    again = await send("reorganisations/import", f"{head}\n{row}\n", **decided)
    assert (again.status_code, again.json()["code"]) == (409, "reorganisation_exists")
