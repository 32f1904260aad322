"""A unit's contact and opening hours: changed, inherited, refused."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.database import Database
from app.core.messages import FAULTS
from app.models.record import AuditLine
from app.units.schemas import EXAMPLE_CONTACT, EXAMPLE_HOURS
from tests.support.visits import statements
from tests.support.world import World

URL = "/api/v1/units"
SCOPES = ("units:read", "units:manage")
OFFICE = {"mon": [["07:30", "11:30"], ["13:30", "17:00"]]}
NOTHING: dict[str, Any] = {"contact": None, "opening_hours": None, "inherited": []}


def contact(**ways: str) -> dict[str, str | None]:
    """A contact as it is shown."""
    return {**dict.fromkeys(("phone", "email", "url", "address")), **ways}


async def change(http: httpx.AsyncClient, headers: dict[str, str], code: str, **sent: object) -> Any:
    answer = await http.patch(f"{URL}/{code}", json=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(http: httpx.AsyncClient, headers: dict[str, str], code: str) -> dict[str, Any]:
    unit = (await http.get(f"{URL}/{code}", headers=headers)).json()
    return {name: unit[name] for name in NOTHING}


async def lines(database: Database) -> list[AuditLine]:
    async with database.read() as session:
        return list(await session.scalars(select(AuditLine).order_by(AuditLine.id)))


async def test_what_was_changed_is_shown(http: httpx.AsyncClient, world: World) -> None:
    sent = {"contact": EXAMPLE_CONTACT, "opening_hours": EXAMPLE_HOURS}
    answered = await change(http, world.admin, "09001", **sent)
    assert answered == (await http.get(f"{URL}/09001", headers=world.admin)).json()
    assert {name: answered[name] for name in NOTHING} == {**sent, "inherited": []}
    assert await shown(http, world.admin, "09002") == await shown(http, world.admin, "24") == NOTHING


async def test_what_is_left_out_stays_and_what_is_null_is_inherited_again(
    http: httpx.AsyncClient, world: World
) -> None:
    await change(http, world.admin, "24", contact={"phone": "1022"})
    await change(http, world.admin, "09001", contact={"phone": "113"}, opening_hours=OFFICE)
    await change(http, world.admin, "09001", opening_hours={})
    assert await shown(http, world.admin, "09001") == {
        "contact": contact(phone="113"),
        "opening_hours": {},
        "inherited": [],
    }
    await change(http, world.admin, "09001", contact=None)
    assert await shown(http, world.admin, "09001") == {
        "contact": contact(phone="1022"),
        "opening_hours": {},
        "inherited": ["contact"],
    }
    await change(http, world.admin, "09001", opening_hours=None)
    assert (await shown(http, world.admin, "09001"))["opening_hours"] is None


async def test_the_nearest_unit_above_that_says_so_is_inherited_from_each_for_itself(
    http: httpx.AsyncClient, world: World
) -> None:
    below = {"code": "H1", "name": "Điểm", "kind": "centre", "parent_code": "09001"}
    await http.post(URL, json=below, headers=world.admin)
    await change(http, world.admin, "24", contact={"phone": "1022"}, opening_hours=OFFICE)
    await change(http, world.admin, "09001", contact={"url": "https://a.example.vn"})
    expected = {
        "24": {"contact": contact(phone="1022"), "opening_hours": OFFICE, "inherited": []},
        "09001": {
            "contact": contact(url="https://a.example.vn"),
            "opening_hours": OFFICE,
            "inherited": ["opening_hours"],
        },
        "H1": {
            "contact": contact(url="https://a.example.vn"),
            "opening_hours": OFFICE,
            "inherited": ["contact", "opening_hours"],
        },
        "27": NOTHING,
        "09101": NOTHING,
    }
    listed = (await http.get(URL, headers=world.admin)).json()["items"]
    seen = {unit["code"]: {name: unit[name] for name in NOTHING} for unit in listed}
    for code, unit in expected.items():
        assert seen[code] == unit
        one = await shown(http, world.admin, code)
        assert {**one, "inherited": sorted(one["inherited"])} == unit


async def test_a_new_unit_is_shown_with_what_it_inherits(http: httpx.AsyncClient, world: World) -> None:
    await change(http, world.admin, "24", contact={"phone": "1022"})
    new = {"code": "N", "name": "Mới", "kind": "commune", "parent_code": "24"}
    added = (await http.post(URL, json=new, headers=world.admin)).json()
    assert (added["contact"], added["inherited"]) == (contact(phone="1022"), ["contact"])


async def test_it_is_inherited_across_the_edge_of_a_reach_without_a_name(
    http: httpx.AsyncClient, world: World
) -> None:
    await change(http, world.admin, "24", contact={"phone": "1022"})
    seen = (await http.get(f"{URL}/09001", headers=await world.client("09001", *SCOPES))).json()
    assert (seen["contact"], seen["parent_code"]) == (contact(phone="1022"), None)


async def test_a_page_of_many_units_costs_no_more_statements_than_a_page_of_one(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    with statements(app.state.database) as sent:
        await http.get(URL, params={"limit": 6}, headers=world.admin)
        many = len(sent)
        await http.get(URL, params={"limit": 1}, headers=world.admin)
    assert many == len(sent) - many


async def test_a_change_leaves_one_line_and_no_change_none(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = await world.client("24", *SCOPES)
    for sent in ({}, {"contact": None}, {"contact": {"phone": "1022"}}, {"contact": {"phone": " 1022 "}}):
        await change(http, headers, "09001", **sent)
    (line,) = await lines(database)
    assert (line.action, line.target) == ("unit.change", "unit:09001")
    assert line.details == {"before": {"contact": None}, "after": {"contact": {"phone": "1022"}}}
    assert line.actor.startswith("client:")


async def test_only_managers_within_reach_change_a_unit(http: httpx.AsyncClient, world: World) -> None:
    reader = await world.client("24", "units:read")
    neighbour = await world.client("27", *SCOPES)
    sent = {"contact": {"phone": "1022"}}
    for headers, status, code in (
        ({}, 401, "unauthorized"),
        (reader, 403, "missing_scope"),
        (neighbour, 404, "unit_unknown"),
    ):
        answer = await http.patch(f"{URL}/09001", json=sent, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await http.patch(f"{URL}/nowhere", json=sent, headers=world.admin)).status_code == 404
    assert await shown(http, world.admin, "09001") == NOTHING


async def test_hours_are_kept_in_order_and_closed_days_left_out(
    http: httpx.AsyncClient, world: World
) -> None:
    sent = {
        "tue": [["13:30", "24:00"], ["00:00", "11:30"]],
        "mon": [],
        "wed": None,
        "sun": [["23:59", "24:00"]],
    }
    answered = await change(http, world.admin, "09001", opening_hours=sent)
    assert answered["opening_hours"] == {
        "tue": [["00:00", "11:30"], ["13:30", "24:00"]],
        "sun": [["23:59", "24:00"]],
    }


async def test_every_fault_is_named_at_once_where_it_is(http: httpx.AsyncClient, world: World) -> None:
    sent = {
        "name": "x",
        "contact": {
            "phone": "gọi",
            "email": "motcua@",
            "url": "javascript:alert(1)",
            "address": "a\u200bb",
            "fax": "1",
        },
        "opening_hours": {
            "mon": [["7:30", "25:00"], ["08:00"], "x"],
            "tue": [["11:30", "07:30"], ["12:00", "12:00"]],
            "wed": [["07:30", "11:30"], ["11:00", "12:00"]],
            "thu": [["00:00", "01:00", "02:00"]],
            "fri": "all day",
            "sat": [[f"{hour:02}:00", f"{hour:02}:30"] for hour in range(7)],
            "sun": [[None, 5]],
            "holiday": [],
        },
    }
    answer = await http.patch(f"{URL}/09001", json=sent, headers={**world.admin, "Accept-Language": "en"})
    assert answer.status_code == 422
    hours = "/opening_hours"
    assert {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]} == {
        ("/name", "unknown_field"),
        ("/contact/phone", "invalid_phone"),
        ("/contact/email", "invalid_email"),
        ("/contact/url", "invalid_url"),
        ("/contact/address", "invalid_character"),
        ("/contact/fax", "unknown_field"),
        (f"{hours}/mon/0/0", "invalid_time"),
        (f"{hours}/mon/0/1", "invalid_time"),
        (f"{hours}/mon/1/1", "missing"),
        (f"{hours}/mon/2", "invalid_type"),
        (f"{hours}/tue/0", "hours_reversed"),
        (f"{hours}/tue/1", "hours_reversed"),
        (f"{hours}/wed", "hours_overlap"),
        (f"{hours}/thu/0", "too_long"),
        (f"{hours}/fri", "invalid_type"),
        (f"{hours}/sat", "too_long"),
        (f"{hours}/sun/0/0", "invalid_type"),
        (f"{hours}/sun/0/1", "invalid_type"),
        (f"{hours}/holiday", "unknown_field"),
    }
    details = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert details[f"{hours}/wed"] == "11:00–12:00 overlaps with 07:30–11:30."
    assert await shown(http, world.admin, "09001") == NOTHING


@pytest.mark.parametrize("empty", [{}, {"phone": None, "url": None}])
async def test_a_contact_without_any_way_is_refused(
    http: httpx.AsyncClient, world: World, empty: dict[str, None]
) -> None:
    answer = await http.patch(f"{URL}/09001", json={"contact": empty}, headers=world.admin)
    assert [(f["pointer"], f["code"]) for f in answer.json()["errors"]] == [("/contact", "blank")]


words = st.sampled_from(["07:30", "11:30", "24:00", "00:00", "", "x"]) | st.none() | st.integers() | st.text()
junk = st.recursive(
    words, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2)
)


@settings(max_examples=150)
@given(
    contact=st.dictionaries(st.sampled_from(["phone", "email", "url", "address", "x"]), junk) | junk,
    hours=st.dictionaries(st.sampled_from(["mon", "tue", "sun", "x"]), junk) | junk,
)
async def test_whatever_is_sent_is_taken_or_every_fault_has_its_place(
    http: httpx.AsyncClient, world: World, contact: object, hours: object
) -> None:
    sent = {"contact": contact, "opening_hours": hours}
    answer = await http.patch(f"{URL}/09001", json=sent, headers=world.admin)
    assert answer.status_code in {200, 422}
    for fault in answer.json().get("errors", []):
        assert fault["code"] in FAULTS
        assert fault["pointer"].startswith(("/contact", "/opening_hours"))
