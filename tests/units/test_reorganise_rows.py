"""Faults of a reorganisation's table are told by row and column, and say what is wrong."""

import httpx
import pytest

from tests.support.visits import today
from tests.support.world import World

URL = "/api/v1/units/reorganisations/import"
HEAD = "kind,from,to_code,to_name,to_kind,to_parent"


async def send(http: httpx.AsyncClient, world: World, *rows: str) -> httpx.Response:
    form = {"effective_on": str(today()), "decision": "Thử"}
    headers = {**world.admin, "Accept-Language": "en"}
    return await http.post(
        URL, files={"file": ("x.csv", "\n".join((HEAD, *rows)).encode())}, data=form, headers=headers
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # kept as it was
        (["rename,09001,,,,"], [(2, "from", "nothing_changes")]),
        (["rename,09002,,Xã C,,", "rename,09001,09001,Phường A,,"], [(3, "to_code", "nothing_changes")]),
        (["merge,09001,09001,,,"], [(2, "to_code", "nothing_changes")]),
        (["move,09001,,,,24"], [(2, "from", "nothing_changes")]),
        # too few, too many
        (["split,09001,09002,,,"], [(2, "to_code", "too_few_items")]),
        # twice
        (["merge,09001,09002,,,", "close,09001,,,,"], [(3, "from", "unit_in_row")]),
        # a standing unit in another unit's row
        (["split,09001,09001,,,", "split,09001,09002,Xã Khác,,"], [(3, "to_code", "stands_already")]),
        (["split,09001,09001,,,", "split,09001,09002,,,27"], [(3, "to_code", "stands_already")]),
        (["merge,09001,09002,Xã Khác,,"], [(2, "to_code", "stands_already")]),
        (["create,,09001,Phường A,commune,24"], [(2, "to_code", "code_in_use")]),
        # beneath nobody, above itself
        (["close,24,,,,"], [(2, "from", "children_left")]),
        (["move,24,,,,09001"], [(2, "from", "parent_loop")]),
    ],
)
async def test_a_fault_is_told_by_row(
    http: httpx.AsyncClient, world: World, rows: list[str], expected: list[tuple[int, str, str]]
) -> None:
    answer = await send(http, world, *rows)
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert [(one["row"], one["column"], one["code"]) for one in errors] == expected
    assert not any("/changes" in one["detail"] for one in errors)


@pytest.mark.parametrize(
    "rows",
    [
        ["split,09001,09001,,,", "split,09001,09002,Xã B,commune,24"],
        ["merge,09001,09002,Xã B,commune,24"],
        ["split,09001,09002,Xã Mới,,", "split,09001,SNV,,,", "rename,09002,,Xã Mới,,"],
        ["merge,09001,09001,Phường Mới,,"],
    ],
)
async def test_a_unit_that_stands_may_be_described_as_it_is_on_the_day(
    http: httpx.AsyncClient, world: World, rows: list[str]
) -> None:
    answer = await send(http, world, *rows)
    assert answer.status_code == 200, answer.text
