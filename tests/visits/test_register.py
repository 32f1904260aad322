import asyncio
import itertools
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from app.core.database import Database
from app.models.questionnaire import Questionnaire
from app.models.rollup import stale_unit_days
from app.models.unit import Unit
from app.models.visit import ANSWERED, Visit
from app.visits.links import LinkCodes
from tests.support.visits import ZONE, day, faults, register, statements, today, visit
from tests.support.world import World

WRITE = "visits:write"


async def stored(database: Database) -> list[Visit]:
    async with database.read() as session:
        return list(await session.scalars(select(Visit).order_by(Visit.id)))


async def test_a_visit_gets_a_link(http: httpx.AsyncClient, world: World, app: FastAPI) -> None:
    auth = await world.client("24", WRITE)
    sent = visit("H05.12-1", procedure_code="1.001193", counter="Quầy 3", questionnaire="service-16")
    (item,) = await register(http, auth, sent)
    link = item.pop("link")
    assert item == {"dossier_code": "H05.12-1", "status": "created"}
    code = link["code"]
    end = datetime.combine(today() + timedelta(days=31), time.min, ZONE)
    assert link == {
        "code": code,
        "url": f"https://sipas.example.vn/s/{code}",
        "qr_svg_url": f"https://sipas.example.vn/q/{code}.svg",
        "qr_png_url": f"https://sipas.example.vn/q/{code}.png",
        "expires_at": end.isoformat(),
    }
    assert link["expires_at"].endswith("T00:00:00+07:00")
    (row,) = await stored(world.database)
    assert app.state.links.read(code) == (world.units["09001"], row.id)
    assert row.procedure_id == world.procedures["1.001193"]
    assert row.questionnaire_id == world.questionnaires["service-16"]
    assert (row.counter, row.served_on, row.answer_state) == ("Quầy 3", today(), 0)


async def test_only_three_fields_are_needed(http: httpx.AsyncClient, world: World) -> None:
    (item,) = await register(http, world.admin, visit())
    assert item["status"] == "created"
    (row,) = await stored(world.database)
    assert (row.procedure_id, row.counter) == (None, None)
    assert row.questionnaire_id == world.questionnaires["quick-5"]


async def test_good_and_bad_items_are_answered_in_the_order_sent(
    http: httpx.AsyncClient, world: World
) -> None:
    sent = [
        visit("H-9"),
        visit("H-8", "nowhere"),
        "not a visit",
        visit("H-1", "09002"),
        visit("H-7", procedure_code="9.9"),
        visit("H-9"),
    ]
    items = await register(http, world.admin, *sent)
    assert [(item["dossier_code"], item["status"]) for item in items] == [
        ("H-9", "created"),
        ("H-8", "rejected"),
        (None, "rejected"),
        ("H-1", "created"),
        ("H-7", "rejected"),
        ("H-9", "existing"),
    ]
    assert [item["problem"]["code"] for item in items if "problem" in item] == [
        "unit_unknown",
        "invalid_request",
        "procedure_unknown",
    ]
    assert all(("link" in item) != ("problem" in item) for item in items)
    assert len(await stored(world.database)) == 2


async def test_the_same_dossier_gets_the_same_link_again(http: httpx.AsyncClient, world: World) -> None:
    (first,) = await register(http, world.admin, visit("H-1", served_on=day(3)))
    (again,) = await register(http, world.admin, visit("H-1", counter="9"))
    assert (first["status"], again["status"]) == ("created", "existing")
    assert first["link"] == again["link"]
    (row,) = await stored(world.database)
    assert row.counter is None


async def test_an_answered_visit_shows_its_link_all_the_same(http: httpx.AsyncClient, world: World) -> None:
    (first,) = await register(http, world.admin, visit())
    async with world.database.transaction() as session:
        await session.execute(update(Visit).values(answer_state=ANSWERED))
    assert await register(http, world.admin, visit()) == [{**first, "status": "existing"}]


async def test_twice_in_one_call_is_one_visit(http: httpx.AsyncClient, world: World) -> None:
    items = await register(http, world.admin, visit("H-1", counter="1"), visit("H-1", counter="2"))
    assert [item["status"] for item in items] == ["created", "existing"]
    assert items[0]["link"] == items[1]["link"]
    (row,) = await stored(world.database)
    assert row.counter == "1"


async def test_the_same_dossier_code_at_another_unit_is_another_visit(
    http: httpx.AsyncClient, world: World
) -> None:
    items = await register(http, world.admin, visit("H-1", "09001"), visit("H-1", "09002"))
    assert [item["status"] for item in items] == ["created", "created"]
    assert items[0]["link"]["code"] != items[1]["link"]["code"]


async def test_a_unit_outside_the_reach_does_not_exist(http: httpx.AsyncClient, world: World) -> None:
    auth = await world.client("24", WRITE)
    own, foreign, unheard = await register(
        http, auth, visit("H-1", "24"), visit("H-2", "09101"), visit("H-3", "no such")
    )
    assert own["status"] == "created"
    assert faults(foreign) == [("/visits/1/unit_code", "unit_unknown")]
    assert faults(unheard) == [("/visits/2/unit_code", "unit_unknown")]
    assert foreign["problem"] | {"detail": "", "errors": []} == unheard["problem"] | {
        "detail": "",
        "errors": [],
    }
    assert foreign["problem"]["status"] == 404


async def test_calls_that_race_for_the_same_dossiers_agree(http: httpx.AsyncClient, world: World) -> None:
    dossiers = [f"H-{number}" for number in range(200)]
    calls = [
        register(http, world.admin, *(visit(dossier) for dossier in order))
        for order in (dossiers, dossiers[::-1], dossiers[100:] + dossiers[:100], dossiers)
    ]
    answered = await asyncio.gather(*calls)
    by_dossier: dict[str, list[dict[str, Any]]] = {}
    for item in (item for items in answered for item in items):
        by_dossier.setdefault(item["dossier_code"], []).append(item)
    assert len(by_dossier) == 200
    for items in by_dossier.values():
        assert sorted(item["status"] for item in items) == ["created", "existing", "existing", "existing"]
        assert len({item["link"]["code"] for item in items}) == 1
    assert len(await stored(world.database)) == 200


async def test_a_thousand_visits_cost_no_more_statements_than_one(
    http: httpx.AsyncClient, world: World, app: FastAPI
) -> None:
    units = ["09001", "09002", "SNV", "24"]
    sent = [
        visit(f"H-{number}", units[number % 4], procedure_code="1.004222", counter=str(number % 7))
        for number in range(1000)
    ]
    with statements(app.state.database) as for_one:
        await register(http, world.admin, visit("H-one", procedure_code="1.004222"))
    with statements(app.state.database) as for_all:
        items = await register(http, world.admin, *sent)
    assert len(for_all) == len(for_one) <= 7
    assert [item["dossier_code"] for item in items] == [item["dossier_code"] for item in sent]
    assert {item["status"] for item in items} == {"created"}
    assert len({item["link"]["code"] for item in items}) == 1000


async def test_links_tell_nothing_of_their_order(http: httpx.AsyncClient, world: World) -> None:
    items = await register(http, world.admin, *(visit(f"H-{number:03}") for number in range(300)))
    codes = [item["link"]["code"] for item in items]
    assert codes != sorted(codes)
    shared = [
        sum(a == b for a, b in zip(one, other, strict=True)) for one, other in itertools.pairwise(codes)
    ]
    assert sum(shared) / len(shared) < 2  # 20 places, 32 letters: strangers share 0.6


async def test_visits_of_a_day_are_marked_once(http: httpx.AsyncClient, world: World) -> None:
    await register(
        http,
        world.admin,
        visit("H-1"),
        visit("H-2"),
        visit("H-3", served_on=day(1)),
        visit("H-4", "09002"),
        visit("H-5", "nowhere"),
    )
    await register(http, world.admin, visit("H-1"))
    async with world.database.read() as session:
        marks = await session.execute(select(stale_unit_days.c.unit_id, stale_unit_days.c.local_day))
    a, b = world.units["09001"], world.units["09002"]
    expected = [(a, today() - timedelta(days=1)), (a, today()), (b, today())]
    assert sorted(tuple(mark) for mark in marks) == sorted(expected)


@pytest.mark.parametrize(
    ("served_on", "code"),
    [
        ("0001-01-01", "day_too_old"),
        ("9999-12-31", "day_in_future"),
        ("0000-01-01", "invalid_date"),
        ("2026-02-30", "invalid_date"),
        ("2026-11-20T09:00:00", "invalid_date"),
        ("20261120", "invalid_date"),
        ("２０２６-11-20", "invalid_date"),
        ("", "invalid_date"),
        (1763596800, "invalid_date"),
        (10**400, "invalid_date"),
        (True, "invalid_date"),
        (None, "invalid_date"),
        ([], "invalid_date"),
    ],
)
async def test_a_day_that_cannot_be_is_a_fault(
    http: httpx.AsyncClient, world: World, served_on: object, code: str
) -> None:
    good, bad = await register(http, world.admin, visit("H-1"), visit("H-2", served_on=served_on))
    assert good["status"] == "created"
    assert faults(bad) == [("/visits/1/served_on", code)]
    assert bad["problem"]["code"] == "invalid_request"


async def test_a_year_back_is_accepted_and_its_link_has_expired(
    http: httpx.AsyncClient, world: World
) -> None:
    old, too_old, ahead = await register(
        http,
        world.admin,
        visit("H-1", served_on=day(366)),
        visit("H-2", served_on=day(367)),
        visit("H-3", served_on=day(-2)),
    )
    assert old["status"] == "created"
    assert datetime.fromisoformat(old["link"]["expires_at"]).date() == today() - timedelta(days=335)
    assert faults(too_old) == [("/visits/1/served_on", "day_too_old")]
    assert faults(ahead) == [("/visits/2/served_on", "day_in_future")]


async def test_a_unit_rates_only_the_days_it_existed(http: httpx.AsyncClient, world: World) -> None:
    first, last = date.fromisoformat(day(10)), date.fromisoformat(day(5))
    async with world.database.transaction() as session:
        await session.execute(
            update(Unit).where(Unit.code == "09002").values(valid_from=first, valid_to=last)
        )
    items = await register(
        http, world.admin, *(visit(f"H-{ago}", "09002", served_on=day(ago)) for ago in (11, 10, 5, 4))
    )
    assert [item["status"] for item in items] == ["rejected", "created", "created", "rejected"]
    assert faults(items[0]) == [("/visits/0/served_on", "unit_not_valid_on_day")]
    assert faults(items[3]) == [("/visits/3/served_on", "unit_not_valid_on_day")]


async def test_all_faults_of_an_item_are_told_at_once(http: httpx.AsyncClient, world: World) -> None:
    sent = visit("H-1", "nowhere", served_on="9999-12-31", procedure_code="x", questionnaire="y")
    _, item = await register(http, world.admin, visit("H-0"), sent)
    assert item["problem"]["code"] == "unit_unknown"
    assert sorted(faults(item)) == [
        ("/visits/1/procedure_code", "procedure_unknown"),
        ("/visits/1/questionnaire", "questionnaire_unknown"),
        ("/visits/1/served_on", "day_in_future"),
        ("/visits/1/unit_code", "unit_unknown"),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dossier_code": ""}, [("dossier_code", "too_short")]),
        ({"dossier_code": "x" * 65}, [("dossier_code", "too_long")]),
        ({"dossier_code": "a\0b"}, [("dossier_code", "invalid_character")]),
        ({"dossier_code": 5}, [("dossier_code", "invalid_type")]),
        ({"unit_code": None}, [("unit_code", "invalid_type")]),
        ({"unit_code": "\u2028"}, [("unit_code", "too_short")]),
        ({"procedure_code": ["x"]}, [("procedure_code", "invalid_type")]),
        ({"counter": "x" * 65}, [("counter", "too_long")]),
        ({"counter": "a\nb"}, [("counter", "invalid_character")]),
        ({"questionnaire": "a\0"}, [("questionnaire", "invalid_character")]),
        ({"questionnaire": 7}, [("questionnaire", "invalid_type")]),
        ({"questionnaire": {}}, [("questionnaire/code", "missing")]),
        ({"questionnaire": {"code": "quick-5", "version": 0}}, [("questionnaire/version", "too_small")]),
        ({"questionnaire": {"code": "quick-5", "version": 10**30}}, [("questionnaire/version", "too_large")]),
        ({"questionnaire": {"code": "quick-5", "version": "1"}}, [("questionnaire/version", "invalid_type")]),
        ({"a/b~c": 1}, [("a~1b~0c", "unknown_field")]),
        ({"served_on": "x", "counter": 1}, [("served_on", "invalid_date"), ("counter", "invalid_type")]),
    ],
)
async def test_a_misshapen_item_names_each_fault(
    http: httpx.AsyncClient, world: World, changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    _, item = await register(http, world.admin, visit("H-0"), visit("H-1", **changes))
    assert faults(item) == [(f"/visits/1/{pointer}", code) for pointer, code in expected]
    assert item["problem"]["code"] == "invalid_request"


@pytest.mark.parametrize("item", [None, True, 0, -1.5, "", [], [[]], {}, {"": {}}])
async def test_anything_at_all_is_rejected_in_its_place(
    http: httpx.AsyncClient, world: World, item: object
) -> None:
    before, bad, after = await register(http, world.admin, visit("H-1"), item, visit("H-2"))
    assert (before["status"], after["status"]) == ("created", "created")
    assert bad["dossier_code"] is None
    assert all(pointer.startswith("/visits/1") for pointer, _ in faults(bad))


async def test_broken_characters_never_break_the_answer(http: httpx.AsyncClient, world: World) -> None:
    item = rb'{"\ud800": 1, "dossier_code": "\udfff", "unit_code": "\u0000", "served_on": "\ud800"}'
    body = b'{"visits": [' + item + b"]}"
    answer = await http.post(
        "/api/v1/visits", content=body, headers={**world.admin, "Content-Type": "application/json"}
    )
    assert answer.status_code == 200
    (shown,) = answer.json()["items"]
    assert shown["dossier_code"] is None
    assert faults(shown) == [("/visits/0", "invalid_character")]


async def test_a_flood_of_faults_is_cut(http: httpx.AsyncClient, world: World) -> None:
    (item,) = await register(http, world.admin, {f"field-{number}": 1 for number in range(5000)})
    assert len(item["problem"]["errors"]) == 20


async def test_problems_speak_the_callers_language(http: httpx.AsyncClient, world: World) -> None:
    (vi,) = await register(http, world.admin, visit(unit="xyz"), language="vi")
    (en,) = await register(http, world.admin, visit(unit="xyz"), language="en")
    assert vi["problem"]["title"] == "Không có đơn vị này"
    assert en["problem"]["detail"] == "The unit xyz is not known."


async def test_the_newest_published_version_is_taken_unless_one_is_named(
    http: httpx.AsyncClient, world: World
) -> None:
    ids = {}
    async with world.database.transaction() as session:
        definition = await session.scalar(select(Questionnaire).where(Questionnaire.code == "quick-5"))
        assert definition is not None
        for version, status in ((1, "published"), (2, "published"), (3, "retired"), (4, "draft")):
            row = Questionnaire(
                code="hai-loai",
                version=version,
                status=status,
                definition={**definition.definition, "code": "hai-loai", "version": version},
                digest=f"{version}",
            )
            session.add(row)
            await session.flush()
            ids[version] = row.id
    asked: list[object] = [
        "hai-loai",
        {"code": "hai-loai"},
        {"code": "hai-loai", "version": None},
        {"code": "hai-loai", "version": 1},
        {"code": "hai-loai", "version": 3},
        {"code": "hai-loai", "version": 4},
    ]
    items = await register(
        http, world.admin, *(visit(f"H-{at}", questionnaire=one) for at, one in enumerate(asked))
    )
    assert [item["status"] for item in items] == ["created"] * 4 + ["rejected"] * 2
    assert [item["problem"]["code"] for item in items[4:]] == ["questionnaire_unknown"] * 2
    rows = {row.dossier_code: row.questionnaire_id for row in await stored(world.database)}
    assert [rows[f"H-{at}"] for at in range(4)] == [ids[2], ids[2], ids[2], ids[1]]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"visits": []}, "/visits", "too_short"),
        ({"visits": [0] * 1001}, "/visits", "too_long"),
        ({"visits": {}}, "/visits", "invalid_type"),
        ({}, "/visits", "missing"),
        ({"visits": [0], "more": 1}, "/more", "unknown_field"),
    ],
)
async def test_a_call_that_is_no_list_of_visits_fails_as_a_whole(
    http: httpx.AsyncClient, world: World, body: object, pointer: str, code: str
) -> None:
    answer = await http.post("/api/v1/visits", json=body, headers=world.admin)
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [(pointer, code)]


async def test_the_scope_is_needed(http: httpx.AsyncClient, world: World) -> None:
    body = {"visits": [visit()]}
    assert (await http.post("/api/v1/visits", json=body)).status_code == 401
    reader = await world.client("24", "units:read")
    answer = await http.post("/api/v1/visits", json=body, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    async with world.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Visit)) == 0


def test_openapi_documents_the_item_and_its_leniency(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    form, anything = schemas["VisitsIn"]["properties"]["visits"]["items"]["anyOf"]
    assert form == {"$ref": "#/components/schemas/VisitIn"}
    assert set(anything) == {"title", "description"}
    assert "example" in schemas["VisitIn"]


async def test_codes_of_another_deployment_do_not_fit(http: httpx.AsyncClient, world: World) -> None:
    (item,) = await register(http, world.admin, visit())
    assert LinkCodes("some other secret").read(item["link"]["code"]) is None
