from decimal import Decimal
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.core.database import Database
from app.models.par import ParScore, ParSheet
from app.models.unit import Unit
from tests.support.par import PAR, put, sheet
from tests.support.world import World

MORE = ("09003", "09004")


async def grow(world: World) -> None:
    """Two more communes in 24, one of them beneath the other."""
    async with world.database.transaction() as session:
        for code, parent in zip(MORE, ("24", "09003"), strict=True):
            unit = Unit(
                code=code, name=f"Xã {code}", kind="commune", parent_id=world.units[parent], search_text="x"
            )
            session.add(unit)
            await session.flush()
            world.units[code] = unit.id


async def score(http: httpx.AsyncClient, world: World, year: int, **points: object) -> None:
    """Final sheets of communes; `c9001=50` is 50 and 30 points for 09001. The neighbours' are always best."""
    for name, value in {**points, "c9101": 60}.items():
        answer = await put(http, world.admin, f"0{name[1:]}", year, sheet(value))
        assert answer.status_code == 200, answer.text


async def ask(
    http: httpx.AsyncClient, headers: dict[str, str], what: str, year: int, **params: str | int
) -> Any:
    asked = {"year": year, "kind": "commune", **params}
    answer = await http.get(f"{PAR}/{what}", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ranks(body: Any) -> list[tuple[str, int | None, str | None]]:
    return [(item["unit"]["code"], item["rank"], item["points"]) for item in body["items"]]


async def test_units_of_a_kind_beneath_a_parent_are_ranked_by_exact_sums(
    http: httpx.AsyncClient, world: World
) -> None:
    await grow(world)
    await score(http, world, 2020, c9001="50.0001", c9002=50, c9003="50.00", c9004=40)
    await put(http, world.admin, "SNV", 2020, sheet(60))
    body = await ask(http, world.admin, "sheets", 2020, parent="24")
    assert ranks(body) == [
        ("09001", 1, "80.0001"),
        ("09002", 2, "80.00"),
        ("09003", 2, "80.00"),
        ("09004", 4, "70.00"),
    ]
    assert (body["ranked"], body["parent"], body["next"]) == (4, "24", None)
    assert ranks(await ask(http, world.admin, "sheets", 2020))[0] == ("09101", 1, "90.00")
    assert ranks(await ask(http, world.admin, "sheets", 2020, parent="09003")) == [("09004", 1, "70.00")]


async def test_sums_in_the_list_are_those_of_the_sheets_however_a_domain_was_scored(
    http: httpx.AsyncClient, world: World
) -> None:
    ways: tuple[dict[str, str], ...] = (
        {"appraised_score": "20.0001", "survey_score": "9.99"},
        {"appraised_score": "20.5"},
        {"survey_score": "0.0001"},
        {"points": "0"},
        {"self_score": "40"},
    )
    for year, way in enumerate(ways, 2015):
        body = sheet("33.3333", final=False)
        del body["domains"][1]["points"]
        body["domains"][1] |= way
        written = (await put(http, world.admin, "09001", year, body)).json()
        listed = (await ask(http, world.admin, "sheets", year))["items"]
        assert [item["points"] for item in listed] == [written["totals"]["points"]]
        assert (written["totals"]["points"] is None) == ("self_score" in way)


async def test_drafts_stand_at_the_end_and_a_revision_in_the_place_of_what_it_revised(
    http: httpx.AsyncClient, world: World
) -> None:
    await score(http, world, 2020, c9001=50)
    await put(http, world.admin, "09002", 2020, sheet(60, final=False))
    body = await ask(http, world.admin, "sheets", 2020, parent="24")
    assert ranks(body) == [("09001", 1, "80.00"), ("09002", None, "90.00")]
    assert [item["state"] for item in body["items"]] == ["final", "draft"]
    await put(http, world.admin, "09001", 2020, sheet(20, reason="Đính chính"))
    await put(http, world.admin, "09002", 2020, sheet(40, published_total="70.25"))
    body = await ask(http, world.admin, "sheets", 2020, parent="24")
    assert ranks(body) == [("09002", 1, "70.00"), ("09001", 2, "50.00")]
    assert [(item["difference"], item["revision"]) for item in body["items"]] == [("-0.25", 1), (None, 2)]
    assert [item["band"] for item in body["items"]] == ["fair", "average"]


async def test_change_against_the_year_before_in_points_and_places(
    http: httpx.AsyncClient, world: World
) -> None:
    await grow(world)
    await score(http, world, 2019, c9001=50, c9002=40, c9003=30)
    await score(http, world, 2020, c9001=45, c9002="50.5", c9004=10)
    moved = sheet("30.125")
    moved["domains"][0]["max_points"], moved["domains"][1]["max_points"] = 55, 45
    await put(http, world.admin, "09003", 2020, moved)
    body = await ask(http, world.admin, "sheets", 2020, parent="24")
    assert {item["unit"]["code"]: item["change"] for item in body["items"]} == {
        "09002": {"points": "10.50", "ranks": 1, "same_scale": True},
        "09001": {"points": "-5.00", "ranks": -1, "same_scale": True},
        "09003": {"points": "0.125", "ranks": 0, "same_scale": False},
        "09004": None,
    }


async def test_pages_hold_every_sheet_once(http: httpx.AsyncClient, world: World) -> None:
    await grow(world)
    await score(http, world, 2020, c9001=50, c9002=50, c9003=40)
    await put(http, world.admin, "09004", 2020, sheet(60, final=False))
    for limit in (1, 2, 3):
        seen: list[str] = []
        params: dict[str, str | int] = {"limit": limit, "parent": "24"}
        while True:
            body = await ask(http, world.admin, "sheets", 2020, **params)
            seen += [item["unit"]["code"] for item in body["items"]]
            if body["next"] is None:
                break
            params["cursor"] = body["next"]
        assert seen == ["09001", "09002", "09003", "09004"]


async def test_who_reaches_less_sees_ranks_among_those_within_reach_and_no_others(
    http: httpx.AsyncClient, world: World
) -> None:
    await score(http, world, 2020, c9001=50, c9002=55)
    reader = await world.client("24", "indices:read")
    one = await world.client("09001", "indices:read")
    assert ranks(await ask(http, reader, "sheets", 2020)) == [("09002", 1, "85.00"), ("09001", 2, "80.00")]
    assert ranks(await ask(http, one, "sheets", 2020)) == [("09001", 1, "80.00")]
    for what in ("sheets", "reports/last-places"):
        params: dict[str, str | int] = {"year": 2020, "kind": "commune", "parent": "27"}
        hidden = await http.get(f"{PAR}/{what}", params=params, headers=reader)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unit_unknown")


async def test_the_report_names_who_was_last_twice_with_the_years_that_say_so(
    http: httpx.AsyncClient, world: World
) -> None:
    await grow(world)
    await score(http, world, 2018, c9001=50, c9002=40, c9003=30, c9004=20)
    await score(http, world, 2019, c9001=50, c9002=40, c9003=30, c9004=20)
    await score(http, world, 2020, c9001=55, c9002=20, c9003=30, c9004=20)
    body = await ask(http, world.admin, "reports/last-places", 2020, parent="24")
    assert body["ranked"] == {"2018": 4, "2019": 4, "2020": 4}
    found = {
        item["unit"]["code"]: {one["reason"]: one["years"] for one in item["findings"]}
        for item in body["items"]
    }
    assert {code: set(reasons) for code, reasons in found.items()} == {
        "09002": {"bottom_three_three_years"},
        "09003": {"bottom_three_three_years"},
        "09004": {"last_two_years", "bottom_three_three_years"},
    }
    assert found["09004"]["last_two_years"] == [
        {"year": 2019, "points": "50.00", "rank": 4, "from_below": 1, "among": 4},
        {"year": 2020, "points": "50.00", "rank": 3, "from_below": 1, "among": 4},
    ]
    await put(http, world.admin, "09004", 2021, sheet(10, final=False))
    assert (await ask(http, world.admin, "reports/last-places", 2021, parent="24"))["items"] == []


@settings(max_examples=8)
@given(
    history=st.lists(
        st.dictionaries(st.sampled_from(["09001", "09002", "09101", "24"]), st.integers(30, 33)),
        min_size=3,
        max_size=3,
    )
)
async def test_ranks_and_rule_over_random_histories(
    http: httpx.AsyncClient, database: Database, world: World, history: list[dict[str, int]]
) -> None:
    """Recomputed here from what was sent, with whole numbers; 24 is of another kind and never counts."""
    async with database.transaction() as session:
        for table in (ParScore, ParSheet):
            await session.execute(delete(table))
    for year, totals in enumerate(history, 2018):
        for code, points in totals.items():
            assert (await put(http, world.admin, code, year, sheet(points, 40))).status_code == 200
    communes = [{code: total for code, total in year.items() if code != "24"} for year in history]
    for year, totals in enumerate(communes, 2018):
        body = await ask(http, world.admin, "sheets", year)
        assert {item["unit"]["code"]: item["rank"] for item in body["items"]} == {
            code: 1 + sum(other > total for other in totals.values()) for code, total in totals.items()
        }
        assert all(Decimal(item["points"]) == totals[item["unit"]["code"]] + 40 for item in body["items"])
    body = await ask(http, world.admin, "reports/last-places", 2020)
    twice = {
        code
        for code in communes[2]
        if all(
            code in year and year[code] == min(year.values()) < max(year.values()) for year in communes[1:]
        )
    }
    thrice = {
        code
        for code in communes[2]
        if all(code in year and year[code] < max(year.values()) for year in communes)  # never more than three
    }
    for reason, expected in (("last_two_years", twice), ("bottom_three_three_years", thrice)):
        found = {
            item["unit"]["code"]
            for item in body["items"]
            if reason in [one["reason"] for one in item["findings"]]
        }
        assert found == expected, reason
