from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.database import Database
from app.models.record import AuditLine
from app.rollups.jobs import refresh
from tests.support.par import PAR, put, sheet
from tests.support.people import faults, refusal
from tests.support.rows import Said, insert_responses
from tests.support.visits import today
from tests.support.world import World

PAPI_2020 = {"year": 2020, "value": "43.3500", "n": 384, "source": "PAPI 2020"}


async def record(
    http: httpx.AsyncClient,
    headers: dict[str, str],
    instrument: str,
    *figures: dict[str, Any],
    unit: str = "24",
) -> httpx.Response:
    return await http.put(
        f"{PAR}/external/{unit}/{instrument}", json={"figures": list(figures)}, headers=headers
    )


async def beside(http: httpx.AsyncClient, headers: dict[str, str], unit: str = "24") -> Any:
    answer = await http.get(f"{PAR}/external/{unit}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_instrument_stands_in_its_own_block_with_its_note(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    year = today().year
    national = {"year": year, "value": 80.08, "source": "Bộ Nội vụ"}
    await record(http, world.admin, "papi", PAPI_2020)
    await record(http, world.admin, "sipas_national", national)
    await record(http, world.admin, "pci", {"year": 2020, "value": 70, "source": "VCCI"}, unit="27")
    await put(http, world.admin, "24", 2020, sheet("55.59"))
    await put(http, world.admin, "24", 2021, sheet("20", final=False))
    quick = world.questionnaires["quick-5"]
    said = [
        Said(world.units["09001"], today(), quick, answers) for answers in ((5, 4, 5, 2, 0), (4, 4, 3, 5, 4))
    ]
    await insert_responses(database, [*said, Said(world.units["27"], today(), quick, (1, 1, 1, 1, 1))])
    while await refresh(database):
        pass
    body = await beside(http, world.admin)
    blocks = {block["instrument"]: block for block in body["instruments"]}
    assert list(blocks) == ["par_index", "visits:quick-5/1", "sipas_national", "papi"]
    assert {name: block["figures"] for name, block in blocks.items()} == {
        "par_index": [{"year": 2020, "value": "85.59", "n": None, "source": None}],
        "visits:quick-5/1": [{"year": year, "value": "77.78", "n": 2, "source": None}],
        "sipas_national": [{"year": year, "value": "80.08", "n": None, "source": "Bộ Nội vụ"}],
        "papi": [{"year": 2020, "value": "43.35", "n": 384, "source": "PAPI 2020"}],
    }
    assert [block["ours"] for block in body["instruments"]] == [True, True, False, False]
    notes = [body["note"], *(block["note"] for block in body["instruments"])]
    assert all(note["vi"] and note["en"] and note["vi"] != note["en"] for note in notes)
    assert len({note["vi"] for note in notes}) == len(notes)


async def test_figures_are_replaced_and_a_repetition_writes_nothing(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    other = {"year": 2019, "value": 42, "source": "PAPI 2019"}
    for figures in ([PAPI_2020, other], [other, PAPI_2020], [PAPI_2020]):
        answer = await record(http, world.admin, "papi", *figures)
        assert answer.status_code == 200, answer.text
        assert (await beside(http, world.admin))["instruments"] == [answer.json()]
    shown = (await beside(http, world.admin))["instruments"]
    assert [figure["year"] for figure in shown[0]["figures"]] == [2020]
    await record(http, world.admin, "papi")
    assert (await beside(http, world.admin))["instruments"] == []
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    assert [(line.action, line.target) for line in lines] == [("par.external", "unit:24")] * 3
    assert lines[1].details["instrument"] == "papi"
    assert [year for year, _ in lines[1].details["before"]] == [2019, 2020]
    assert [year for year, _ in lines[1].details["after"]] == [2020]


async def test_every_fault_has_its_pointer(http: httpx.AsyncClient, world: World) -> None:
    figures = [
        PAPI_2020,
        {"year": 2020, "value": "80.01", "source": "PAPI"},
        {"year": 2021, "value": "-1", "source": "PAPI"},
        {"year": 2022, "value": "1.00001", "source": "PAPI"},
    ]
    assert faults(await record(http, world.admin, "papi", *figures)) == [
        ("/figures/1/year", "duplicate_year"),
        ("/figures/1/value", "above_maximum"),
        ("/figures/2/value", "too_small"),
        ("/figures/3/value", "too_many_decimals"),
    ]
    wrong = {"year": 1999, "value": None, "n": 0}
    assert set(faults(await record(http, world.admin, "pci", wrong))) == {
        ("/figures/0/year", "too_small"),
        ("/figures/0/value", "invalid_points"),
        ("/figures/0/n", "too_small"),
        ("/figures/0/source", "missing"),
    }
    assert (await record(http, world.admin, "par", PAPI_2020)).status_code == 422


@pytest.mark.parametrize("unit", ["24", "09001"])
async def test_outside_the_reach_nothing_exists(http: httpx.AsyncClient, world: World, unit: str) -> None:
    await record(http, world.admin, "papi", PAPI_2020, unit=unit)
    neighbour = await world.client("27", "indices:read", "periods:publish")
    reader = await world.client("24", "indices:read")
    hidden = await http.get(f"{PAR}/external/{unit}", headers=neighbour)
    assert refusal(hidden) == (404, "unit_unknown")
    assert refusal(await record(http, neighbour, "papi", unit=unit)) == (404, "unit_unknown")
    assert refusal(await record(http, reader, "papi", unit=unit)) == (403, "missing_scope")
    assert len((await beside(http, reader, unit))["instruments"]) == 1
