"""Who may take what along: each scope an export needs must reach all of it."""

import csv
import io

import httpx
from sqlalchemy import select

from app.core.database import Database
from app.models.record import AuditLine
from tests.support.planted import ADDRESS, OCTOBER, ORDER, ORDERS, OURS, RESPONSES, Planted, plant
from tests.support.world import World

INDICES = ("exports:create", "indices:read")


async def units_taken(http: httpx.AsyncClient, auth: dict[str, str], **query: str) -> set[str]:
    answer = await http.get(ADDRESS, params={**OCTOBER, **query}, headers=auth)
    assert answer.status_code == 200, answer.text
    return {row["unit"] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))}


async def furnish(world: World) -> None:
    await plant(world, [Planted(unit) for unit in ("24", "09001", "09002", "27", "09101")])


LACKING: tuple[tuple[tuple[str, ...], dict[str, str], str], ...] = (
    (("responses:read",), {}, "exports:create"),
    (("exports:create", "indices:read"), {}, "responses:read"),
    (RESPONSES, {"comments": "true"}, "responses:review"),
)


async def test_every_scope_is_needed_at_once_and_to_order(http: httpx.AsyncClient, world: World) -> None:
    for scopes, query, missing in LACKING:
        auth = {**await world.client("24", *scopes), "Accept-Language": "en"}
        taken = await http.get(ADDRESS, params={**OCTOBER, **query}, headers=auth)
        ordered = await http.post(ORDERS, json={**ORDER, **dict.fromkeys(query, True)}, headers=auth)
        for answer in (taken, ordered):
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
            assert missing in answer.json()["detail"]


async def test_figures_need_the_scope_of_figures(http: httpx.AsyncClient, world: World) -> None:
    auth = await world.client("24", *RESPONSES)
    answer = await http.get("/api/v1/exports/indices", params=OCTOBER, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


async def test_a_file_holds_what_one_reaches_and_nothing_else_exists(
    http: httpx.AsyncClient, world: World
) -> None:
    await furnish(world)
    assert await units_taken(http, world.admin) == {"24", "09001", "09002", "27", "09101"}
    province = await world.client("24", *RESPONSES)
    assert await units_taken(http, province) == {"24", "09001", "09002"}
    assert await units_taken(http, province, unit="09002") == {"09002"}
    for unit in ("27", "09101", "nowhere"):
        answer = await http.get(ADDRESS, params={**OCTOBER, "unit": unit}, headers=province)
        assert (answer.status_code, answer.json()["code"]) == (404, "unit_unknown")


async def test_what_is_reached_with_one_scope_alone_is_left_out(
    http: httpx.AsyncClient, world: World
) -> None:
    """A case officer of a province reads its responses; as an analyst of one commune she takes that along."""
    await furnish(world)
    lan = await world.person("lan", ("case_officer", "24"), ("analyst", "09001"), ("viewer", "27"))
    assert await units_taken(http, lan) == {"09001"}
    answer = await http.get(ADDRESS, params={**OCTOBER, "unit": "09002"}, headers=lan)
    assert answer.status_code == 404
    minh = await world.person("minh", ("analyst", "24"), ("analyst", "09101"), ("case_officer", "27"))
    assert await units_taken(http, minh) == {"24", "09001", "09002", "09101"}


async def test_reaches_that_do_not_meet_give_an_empty_file(http: httpx.AsyncClient, world: World) -> None:
    await furnish(world)
    lan = await world.person("lan", ("case_officer", "24"))
    answer = await http.get(ADDRESS, params=OCTOBER, headers=lan)
    assert answer.status_code == 403
    mai = await world.person("mai", ("analyst", "SNV"))
    assert await units_taken(http, mai) == set()


SENSELESS: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"questionnaire": "nowhere"}, 404, "questionnaire_unknown"),
    ({"version": "7"}, 404, "questionnaire_unknown"),
    ({"version": "0"}, 422, "invalid_request"),
    ({"from": "2026-11-01"}, 422, "invalid_request"),
    ({"to": "2046-11-01"}, 422, "invalid_request"),
    ({"format": "pdf"}, 422, "invalid_request"),
    ({"surprise": "1"}, 422, "invalid_request"),
    ({"verdict": "x"}, 422, "invalid_request"),
)


async def test_what_makes_no_sense_is_refused(http: httpx.AsyncClient, world: World) -> None:
    for query, status, code in SENSELESS:
        for address in (ADDRESS, "/api/v1/exports/indices"):
            answer = await http.get(address, params={**OCTOBER, **query}, headers=world.admin)
            assert (answer.status_code, answer.json()["code"]) == (status, code), query


async def test_whoever_takes_something_along_is_on_record(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await plant(world, OURS)
    auth = await world.client("24", *RESPONSES)
    answer = await http.get(ADDRESS, params={**OCTOBER, "unit": "09002"}, headers=auth)
    ordered = (await http.post(ORDERS, json=ORDER, headers=auth)).json()
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    told = [(line.action, line.target, line.details["query"]["unit"]) for line in lines]
    assert told == [
        ("export.stream", f"export:{answer.headers['x-export-id']}", "09002"),
        ("export.order", f"export:{ordered['id']}", None),
    ]
    assert {line.actor[:7] for line in lines} == {"client:"}


async def test_the_code_book_explains_every_column_and_every_code(
    http: httpx.AsyncClient, world: World
) -> None:
    form = {"questionnaire": "quick-5", "version": "1"}
    book = (await http.get(f"{ORDERS}/codebook", params=form, headers=world.admin)).json()["items"]
    taken = await http.get(ADDRESS, params={**OCTOBER, "comments": "true"}, headers=world.admin)
    header = taken.content.decode("utf-8-sig").strip().split(",")
    assert [line["column"] for line in book if line["value"] is None] == header
    assert {"column": "A1", "value": "5", "vi": "Rất hài lòng", "en": "Very satisfied"} in book
    assert {"column": "gender", "value": "female", "vi": "Nữ", "en": "Female"} in book
    file = await http.get(f"{ORDERS}/codebook", params={**form, "format": "csv"}, headers=world.admin)
    lines = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [{**line, "value": line["value"] or None} for line in lines] == [
        {**line, "value": line["value"] or None} for line in book
    ]
    nowhere = {**form, "version": "9"}
    answer = await http.get(f"{ORDERS}/codebook", params=nowhere, headers=world.admin)
    assert answer.status_code == 404
