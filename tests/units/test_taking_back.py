"""What keeps a reorganisation from being taken back: what stands on its new units, what heirs took since."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.clock import utc_now
from app.models.everything import metadata
from app.models.sample import Sample
from app.models.unit import Unit
from app.units.dependents import OTHERWISE, STANDING
from tests.support import par, said
from tests.support.hands import moved_clock
from tests.support.rows import Said, insert_responses
from tests.support.visits import day, register, today, visit
from tests.support.waiting import until
from tests.support.world import World
from tests.units.test_reorganise_loops import made, move, take_back

INTO_09002 = {"kind": "merge", "from": ["09001"], "to": ["09002"]}
INTO_NEW = {"kind": "merge", "from": ["09001", "09002"], "to": [{"code": "09900", "name": "Phường Mới"}]}
SHARED_OUT = {"kind": "split", "from": ["09001"], "to": ["09002", {"code": "09900", "name": "Phường Mới"}]}
Happening = Callable[[httpx.AsyncClient, World, str], Awaitable[object]]


@pytest.fixture(params=[-60, 60], ids=["behind the database", "ahead of it"])
def another_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """The service's machine and the database's do not agree on the time."""
    with moved_clock() as hands:
        hands.off = timedelta(seconds=request.param)
        yield


async def faults(http: httpx.AsyncClient, world: World, number: int) -> list[tuple[str, str]]:
    answer = await take_back(http, world, number)
    assert (answer.status_code, answer.json()["code"]) == (409, "reorganisation_in_use"), answer.text
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


async def a_visit(http: httpx.AsyncClient, world: World, code: str) -> None:
    assert (await register(http, world.admin, visit("H-9", code)))[0]["status"] == "created"


async def a_tablet(http: httpx.AsyncClient, world: World, code: str) -> None:
    sent = {"unit_code": code, "name": "Quầy 9"}
    assert (await http.post("/api/v1/devices", json=sent, headers=world.admin)).status_code == 201


async def a_client(http: httpx.AsyncClient, world: World, code: str) -> None:
    sent = {"name": "Một cửa", "unit_code": code, "scopes": ["visits:write"]}
    assert (await http.post("/api/v1/clients", json=sent, headers=world.admin)).status_code == 201


async def a_role(http: httpx.AsyncClient, world: World, code: str) -> None:
    await known(http, world, code)
    await world.person("mai", ("viewer", code))


async def a_period(http: httpx.AsyncClient, world: World, code: str) -> None:
    sent = {
        "unit": code,
        "from": day(9),
        "to": day(3),
        "questionnaire": "quick-5",
        "version": 1,
        "name": "Kỳ",
    }
    answer = await http.post("/api/v1/periods", json=sent, headers=world.admin)
    assert answer.status_code == 201, answer.text


async def a_sample(http: httpx.AsyncClient, world: World, code: str) -> None:
    """Its row: a draw wants visits, which would be told before."""
    await known(http, world, code)
    async with world.database.transaction() as session:
        session.add(
            Sample(
                unit_id=world.units[code],
                name="Mẫu",
                first_day=today(),
                last_day=today(),
                unit_ids=[world.units[code]],
                stratify="unit",
                questionnaire_id=world.questionnaires["quick-5"],
                seed="s",
                visits=1,
                size=1,
                digest="d",
                expires_at=utc_now(),
                actor="system",
            )
        )


async def a_sheet(http: httpx.AsyncClient, world: World, code: str) -> None:
    answer = await par.put(http, world.admin, code, 2025, par.sheet("50"))
    assert answer.status_code in {200, 201}, answer.text


async def a_figure(http: httpx.AsyncClient, world: World, code: str) -> None:
    sent = {"figures": [{"year": 2025, "value": "80", "n": 9, "source": "Báo cáo"}]}
    answer = await http.put(f"{par.PAR}/external/{code}/papi", json=sent, headers=world.admin)
    assert answer.status_code == 200, answer.text


async def known(http: httpx.AsyncClient, world: World, code: str) -> None:
    """Learn the id of a unit that the world did not begin with."""
    async with world.database.read() as session:
        world.units[code] = (await session.scalars(select(Unit.id).where(Unit.code == code))).one()


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (a_visit, "has_visits"),
        (a_tablet, "has_devices"),
        (a_client, "has_accounts"),
        (a_role, "has_accounts"),
        (a_period, "has_periods"),
        (a_sample, "has_samples"),
        (a_sheet, "has_par_sheets"),
        (a_figure, "has_external_figures"),
    ],
)
async def test_what_stands_on_a_unit_it_opened_keeps_it(
    http: httpx.AsyncClient, world: World, happens: Happening, code: str
) -> None:
    number = await made(http, world, INTO_NEW)
    await happens(http, world, "09900")
    assert await faults(http, world, number) == [("/units/09900", code)]


@pytest.mark.usefixtures("another_clock")
@pytest.mark.parametrize("change", [INTO_09002, SHARED_OUT], ids=["merged", "split"])
@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (a_visit, "has_visits"),
        (a_tablet, "has_devices"),
        (a_client, "has_accounts"),
        (a_role, "has_accounts"),
    ],
)
async def test_what_an_heir_took_since_keeps_it(
    http: httpx.AsyncClient, world: World, change: dict[str, Any], happens: Happening, code: str
) -> None:
    number = await made(http, world, change)
    await happens(http, world, "09002")
    assert await faults(http, world, number) == [("/units/09002", code)]


@pytest.mark.usefixtures("another_clock")
@pytest.mark.parametrize(("change", "unit"), [(INTO_NEW, "09900"), (INTO_09002, "09002")])
async def test_an_answer_keeps_it(
    http: httpx.AsyncClient, world: World, change: dict[str, Any], unit: str
) -> None:
    """Of a tablet that moved there, and not of one that had waited since before."""
    _, token = await said.device(world, "09001")
    number = await made(http, world, change)
    yesterday = (utc_now() - timedelta(days=1)).isoformat()
    late = await http.post("/api/v1/responses", json=said.body(submitted_at=yesterday), headers=token)
    assert late.status_code == 201, late.text
    if change is INTO_09002:
        assert (await take_back(http, world, number)).status_code == 200
        number = await made(http, world, change)
    answer = said.body()

    async def sent() -> int:
        return (await http.post("/api/v1/responses", json=answer, headers=token)).status_code

    # until the process has heard that the tablet was moved, it asks to send again
    assert await until(sent, lambda status: status != 503) == 201
    assert await faults(http, world, number) == [(f"/units/{unit}", "has_responses")]


async def test_a_tablet_it_moved_that_somebody_took_on_keeps_it_until_it_is_back(
    http: httpx.AsyncClient, world: World
) -> None:
    tablet, _ = await said.device(world, "09001")
    number = await made(http, world, INTO_NEW)

    async def take_to(code: str) -> None:
        path = f"/api/v1/devices/{tablet}"
        answer = await http.patch(path, json={"unit_code": code}, headers=world.admin)
        assert answer.status_code == 200, answer.text

    await take_to("SNV")
    assert await faults(http, world, number) == [("/units/09900", "has_devices")]
    await take_to("09900")
    assert (await take_back(http, world, number)).status_code == 200
    device = await http.get(f"/api/v1/devices/{tablet}", headers=world.admin)
    assert device.json()["unit"]["code"] == "09001"


@pytest.mark.usefixtures("another_clock")
async def test_what_an_heir_had_of_its_own_keeps_nothing(http: httpx.AsyncClient, world: World) -> None:
    """Before it was decided each unit took its own, even where the decision is dated back."""
    await a_tablet(http, world, "09002")
    await a_client(http, world, "09002")
    await a_visit(http, world, "09002")
    form = world.questionnaires["quick-5"]
    await insert_responses(
        world.database, [Said(world.units["09002"], today() - timedelta(days=2), form, (5, 5, 5, 5, 5))]
    )
    number = await made(http, world, INTO_09002, on=today() - timedelta(days=9))
    late = visit("H-10", "09002", served_on=day(20))
    assert (await register(http, world.admin, late))[0]["status"] == "created"
    assert (await take_back(http, world, number)).status_code == 200


async def test_neighbours_keep_nothing(http: httpx.AsyncClient, world: World) -> None:
    number = await made(http, world, INTO_09002)
    await a_visit(http, world, "09101")
    await a_tablet(http, world, "SNV")
    await a_role(http, world, "24")
    assert (await take_back(http, world, number)).status_code == 200


async def test_a_later_change_of_its_units_keeps_it(http: httpx.AsyncClient, world: World) -> None:
    number = await made(http, world, INTO_09002, on=today() - timedelta(days=9))
    rename = {"kind": "rename", "from": ["09002"], "to": [{"code": "09002", "name": "Xã Khác"}]}
    later = await made(http, world, rename)
    assert ("/units/09002", "reorganised_since") in await faults(http, world, number)
    assert (await take_back(http, world, later)).status_code == 200
    assert (await take_back(http, world, number)).status_code == 200


@pytest.mark.parametrize("ahead", [-3, 60], ids=["in force", "to come"])
async def test_the_end_of_its_unit_keeps_it(http: httpx.AsyncClient, world: World, ahead: int) -> None:
    """Closed without a successor, which leaves nothing but its last day."""
    rename = {"kind": "rename", "from": ["09002"], "to": [{"code": "09002", "name": "Xã Khác"}]}
    number = await made(http, world, rename, on=today() - timedelta(days=9))
    ends = today() + timedelta(days=ahead)
    later = await made(http, world, {"kind": "close", "from": ["09002"]}, on=ends)
    assert await faults(http, world, number) == [("/units/09002", "reorganised_since")]
    assert (await take_back(http, world, later)).status_code == 200
    assert (await take_back(http, world, number)).status_code == 200


async def test_the_end_of_a_unit_to_come_keeps_what_opens_it(http: httpx.AsyncClient, world: World) -> None:
    number = await made(http, world, INTO_NEW, on=today() + timedelta(days=20))
    later = await made(http, world, {"kind": "close", "from": ["09900"]}, on=today() + timedelta(days=30))
    assert await faults(http, world, number) == [("/units/09900", "reorganised_since")]
    assert (await take_back(http, world, later)).status_code == 200
    assert (await take_back(http, world, number)).status_code == 200


async def test_a_former_parent_that_has_ended_keeps_it(http: httpx.AsyncClient, world: World) -> None:
    number = await made(http, world, move("09101", "24"), on=today() - timedelta(days=9))
    await made(http, world, {"kind": "close", "from": ["27"]})
    assert ("/units/27", "parent_closed_since") in await faults(http, world, number)


async def test_a_file_that_changed_its_unit_keeps_it(http: httpx.AsyncClient, world: World) -> None:
    number = await made(http, world, move("09101", "24"), on=today() - timedelta(days=9))
    content = "code,name,kind,parent_code,valid_from\n09101,Xã Khác,commune,,\n"
    files = {"file": ("x.csv", content.encode())}
    answer = await http.post("/api/v1/units/import", files=files, headers=world.admin)
    assert answer.json()["updated"] == 1, answer.text
    assert await faults(http, world, number) == [("/units/09101", "changed_since")]


def test_whatever_may_lead_to_a_unit_is_looked_at_before_it_goes() -> None:
    leads = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        for key in column.foreign_keys
        if key.target_fullname == "units.id"
    }
    assert not STANDING.keys() & OTHERWISE.keys()
    assert leads == STANDING.keys() | OTHERWISE.keys()
