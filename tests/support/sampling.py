"""Shorthand of tests about samples: visits to draw from, a draw, and people who answer it."""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import httpx
from sqlalchemy import insert, select, text

from app.core.clock import utc_now
from app.models.everything import metadata
from app.models.sample import Sample, SampleLink, SampleStratum
from app.models.unit import Unit
from app.models.visit import Visit
from tests.support import said
from tests.support.visits import day, today
from tests.support.world import World

SAMPLES = "/api/v1/samples"


class Came(NamedTuple):
    """A visit to draw from."""

    unit: str
    dossier: str
    procedure: str | None = None
    ago: int = 1


async def come(world: World, visits: Iterable[Came]) -> list[Came]:
    """Store visits; them, as a list."""
    visits = list(visits)
    rows = [
        {
            "unit_id": world.units[one.unit],
            "dossier_code": one.dossier,
            "served_on": today() - timedelta(days=one.ago),
            "procedure_id": None if one.procedure is None else world.procedures[one.procedure],
            "questionnaire_id": world.questionnaires["quick-5"],
            "expires_at": utc_now() + timedelta(days=20),
        }
        for one in visits
    ]
    async with world.database.transaction() as session:
        await session.execute(insert(Visit), rows)
    return visits


async def crowd(world: World, number: int = 40) -> list[Came]:
    """Visits of two communes, two procedures and none, and three days."""
    units, procedures = ("09001", "09002"), ("1.001193", "1.004222", None)
    return await come(
        world, [Came(units[at % 2], f"H-{at:03}", procedures[at % 3], at % 3) for at in range(number)]
    )


async def forget(world: World) -> None:
    """Leave nothing to draw from, and nothing drawn."""
    async with world.database.transaction() as session:
        for name in ("sample_responses", "sample_links", "sample_strata", "samples", "visits"):
            await session.execute(metadata.tables[name].delete())


def wanted(**more: object) -> dict[str, object]:
    """The body of a draw."""
    return {
        "name": "SIPAS 2026",
        "unit_code": "24",
        "from": day(30),
        "to": day(),
        "size": 10,
        "questionnaire": "quick-5",
        **more,
    }


async def draw(http: httpx.AsyncClient, world: World, **more: object) -> dict[str, Any]:
    """A draw that must succeed."""
    heard = await http.post(SAMPLES, json=wanted(**more), headers=world.admin)
    assert heard.status_code == 201, heard.text
    made: dict[str, Any] = heard.json()
    return made


async def read(http: httpx.AsyncClient, world: World, path: str, **query: str) -> Any:
    """What is told of a sample."""
    heard = await http.get(
        f"{SAMPLES}/{path}".rstrip("/"), params=query, headers={**world.admin, "Accept-Language": "en"}
    )
    assert heard.status_code == 200, heard.text
    return heard.json()


async def links(http: httpx.AsyncClient, world: World, sample: int) -> list[dict[str, Any]]:
    """Every link of a sample, page by page."""
    found: list[dict[str, Any]] = []
    query = {"limit": "7"}
    while True:
        page = await read(http, world, f"{sample}/links", **query)
        found += page["items"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def answer(http: httpx.AsyncClient, link: dict[str, Any], answers: Iterable[int]) -> None:
    """Answer a link as a citizen's app would."""
    codes = ("A1", "B1", "C1", "D1", "E1")
    given = {code: value or None for code, value in zip(codes, answers, strict=True)}
    heard = await http.post("/api/v1/responses", json=said.body(link=link["link"]["code"], answers=given))
    assert heard.status_code == 201, heard.text


async def close(http: httpx.AsyncClient, world: World, sample: int) -> dict[str, Any]:
    """End the time to answer."""
    heard = await http.post(f"{SAMPLES}/{sample}/close", headers=world.admin)
    assert heard.status_code == 200, heard.text
    told: dict[str, Any] = heard.json()
    return told


def first_by_hash(world: World, seed: str, visits: Iterable[Came], size: int) -> set[str]:
    """Which dossiers a draw must take: the smallest SHA-256 of seed, unit and dossier."""
    return {
        one.dossier
        for one in sorted(
            visits, key=lambda one: sha256(f"{seed}:{world.units[one.unit]}:{one.dossier}".encode()).digest()
        )[:size]
    }


async def stored(world: World, table: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    async with world.database.read() as session:
        return [dict(row) for row in (await session.execute(text(f"SELECT * FROM {table}"))).mappings()]  # noqa: S608


async def drawn_from(world: World, top: str, leaf: str, name: str) -> int:
    """A sample of one visit, straight into the tables; its id."""
    async with world.database.transaction() as session:
        units = {row[0]: row[1] for row in await session.execute(select(Unit.code, Unit.id))}
        form = world.questionnaires["quick-5"]
        sample = Sample(
            unit_id=units[top],
            name=name,
            first_day=today(),
            last_day=today(),
            unit_ids=[units[top], units[leaf]],
            stratify="none",
            questionnaire_id=form,
            seed="s",
            visits=3,
            size=1,
            digest="d",
            expires_at=utc_now() + timedelta(days=20),
            actor="system",
        )
        session.add(sample)
        await session.flush()
        session.add(SampleStratum(sample_id=sample.id, number=1, keys=[0], members=[None], visits=3, size=1))
        await session.flush()
        session.add(
            SampleLink(
                unit_id=units[leaf],
                sample_id=sample.id,
                stratum=1,
                dossier_code=f"{name}-1",
                served_on=today(),
            )
        )
        return sample.id
