"""What the public feed tells to somebody who guesses hidden figures: nothing that chance would not."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import httpx
import orjson
import pytest
from sqlalchemy import select, text, update

from app.commands.period import reissue_documents
from app.core.database import Database
from app.core.settings import Settings
from app.doctor import facts
from app.models.period import Reissue, Snapshot
from app.models.questionnaire import Questionnaire
from app.models.unit import Unit
from app.periods.commitment import commitment_of
from app.periods.figures import canonical, digest_of
from app.periods.recount import verify
from app.questionnaires.definition import Definition
from tests.support.branches import count
from tests.support.guessing import Feed, Guess, found_by_guessing, read_feed
from tests.support.periods import FIRST, PERIODS, PUBLIC, post, public, quarter, snapshot
from tests.support.rows import Said, insert_responses
from tests.support.world import World

Two = tuple[dict[str, str], dict[str, str]]
ROOT = Path(__file__).parents[2]
COMMUNES = ("09001", "09002", "SNV")


async def one_question(http: httpx.AsyncClient, world: World) -> Definition:
    """A published questionnaire that asks one thing."""
    new = {
        "code": "one",
        "version": 1,
        "title": {"vi": "Một câu", "en": "One question"},
        "components": [{"code": "access", "title": {"vi": "Tiếp cận", "en": "Access"}}],
        "criteria": [
            {"code": "A1", "component": "access", "text": {"vi": "Hỏi", "en": "Asked"}, "required": True}
        ],
    }
    url = "/api/v1/questionnaires"
    made = await http.post(url, json=new, headers=world.admin)
    assert made.status_code == 201, made.text
    assert (await http.post(f"{url}/one/1/publish", headers=world.admin)).status_code == 200
    async with world.database.read() as session:
        row = (await session.scalars(select(Questionnaire).where(Questionnaire.code == "one"))).one()
        world.questionnaires["one"] = row.id
        return Definition.model_validate(row.definition)


async def desks(http: httpx.AsyncClient, world: World, chance: Random) -> dict[str, Guess]:
    """Two desks in each commune, of three and four answers that nobody knows."""
    said, truth = list[Said](), dict[str, Guess]()
    for commune in COMMUNES:
        answers = tuple(tuple(sorted(chance.choices(range(1, 6), k=many))) for many in (3, 4))
        truth[commune] = answers[0], answers[1]
        for number, desk in enumerate(answers, 1):
            code = f"{commune}-{number}"
            new = {"code": code, "name": f"Quầy {number}", "kind": "centre", "parent_code": commune}
            assert (await http.post("/api/v1/units", json=new, headers=world.admin)).status_code == 201
            async with world.database.read() as session:
                unit = (await session.scalars(select(Unit.id).where(Unit.code == code))).one()
            form = world.questionnaires["one"]
            said += [Said(unit, FIRST, form, (answer,)) for answer in desk]
    await insert_responses(world.database, said)
    await count(world.database)
    return truth


async def publish(http: httpx.AsyncClient, two: Two, commune: str) -> int:
    made = await post(http, two[0], "", quarter(unit=commune, questionnaire="one"))
    await post(http, two[0], f"/{made['id']}/close")
    await post(http, two[1], f"/{made['id']}/publish", {"revision": 1})
    number: int = made["id"]
    return number


async def make_as_before(database: Database) -> None:
    """Every document as a release published it that knew no salt."""
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        for row in (await session.scalars(select(Snapshot))).all():
            told = orjson.loads(row.public_body or "")
            for name in ("issue", "issued_at", "snapshot_sha256_of"):
                del told[name]
            body = canonical({**told, "snapshot_sha256": row.digest})
            columns = {"public_body": body, "public_digest": digest_of(body), "salt": None}
            await session.execute(update(Snapshot).where(Snapshot.id == row.id).values(columns))
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))


async def attack(feed: Feed, definition: Definition, *hashes: str) -> tuple[set[Guess], int]:
    """By all hashes of the feed, or by some of them alone."""
    known = frozenset(hashes) or feed.hashes
    return await asyncio.to_thread(found_by_guessing, feed, definition, known)


async def test_hidden_desks_are_not_found_from_the_feed(
    http: httpx.AsyncClient, world: World, two: Two
) -> None:
    """The attacker is told by no value which guess is right, and would be by the snapshot's own hash."""
    definition = await one_question(http, world)
    truth = await desks(http, world, Random(20261130))
    found, expected_by_chance, found_by_hash = 0, 0.0, 0
    for commune in COMMUNES:
        number = await publish(http, two, commune)
        feed = await read_feed(http, number)
        assert [unit["suppressed"] for unit in feed.document["units"]] == [False, True, True]
        hits, tries = await attack(feed, definition)
        found += truth[commune] in hits
        expected_by_chance += 1 / tries
        taken = await snapshot(http, two[0], number)
        hits, _ = await attack(feed, definition, taken["sha256"])
        found_by_hash += hits == {truth[commune]}
    assert (found, found_by_hash) == (0, len(COMMUNES))
    assert expected_by_chance < 0.01


async def test_documents_of_an_earlier_release_are_testable_until_they_are_issued_anew(
    http: httpx.AsyncClient, world: World, two: Two, database: Database, settings: Settings
) -> None:
    definition = await one_question(http, world)
    truth = await desks(http, world, Random(7))
    numbers = {commune: await publish(http, two, commune) for commune in COMMUNES[:2]}
    await make_as_before(database)
    before = {number: await public(http, number) for number in numbers.values()}
    for commune, number in numbers.items():
        feed = await read_feed(http, number)
        etag = (await http.get(f"{PUBLIC}/{number}")).headers["etag"].strip('"')
        # the document's own hash, which the list names, and its tag are tests as good as the snapshot's hash
        for told in (feed.document["snapshot_sha256"], feed.document["sha256"], etag):
            assert told in feed.hashes
            assert (await attack(feed, definition, told))[0] == {truth[commune]}
    assert [one.testable for one in await verify(database, None)] == [True, True]

    assert (await facts.ask(settings)).testable_documents == 2
    done = await reissue_documents(database, settings.zone, None)
    assert [(one.period, one.revision) for one in done] == [(number, 1) for number in numbers.values()]
    for number in numbers.values():
        feed = await read_feed(http, number)
        assert (await attack(feed, definition))[0] == set()
        assert before[number]["sha256"] not in feed.hashes
        changed = {"issue", "issued_at", "snapshot_sha256", "snapshot_sha256_of", "sha256"}
        same = feed.document.keys() - changed
        assert {name: feed.document[name] for name in same} == {name: before[number][name] for name in same}
        assert feed.document["issue"] == 2
    assert await reissue_documents(database, settings.zone, None) == []
    assert (await facts.ask(settings)).testable_documents == 0
    assert [(one.sound, one.testable) for one in await verify(database, None)] == [(True, False)] * 2


async def test_a_reissue_stands_in_the_record_and_auditors_can_check_both_documents(
    http: httpx.AsyncClient, world: World, two: Two, database: Database, settings: Settings
) -> None:
    await one_question(http, world)
    await desks(http, world, Random(1))
    number = await publish(http, two, "09001")
    await make_as_before(database)
    old = await public(http, number)
    assert (await snapshot(http, two[0], number))["salt"] is None
    (done,) = await reissue_documents(database, settings.zone, number)
    new, taken = await public(http, number), await snapshot(http, two[0], number)
    assert (new["sha256"], new["snapshot_sha256"]) == (done.sha256, taken["commitment"])
    assert taken["commitment"] == commitment_of(canonical(taken["figures"]), bytes.fromhex(taken["salt"]))
    assert taken["sha256"] == old["snapshot_sha256"]
    read = (await http.get(f"{PERIODS}/{number}", headers=two[0])).json()["revisions"][0]
    assert [(one["issue"], one["sha256"]) for one in read["issues"]] == [
        (1, old["sha256"]),
        (2, new["sha256"]),
    ]
    async with database.read() as session:
        query = text("SELECT actor, details FROM audit_lines WHERE action = 'period.reissue' AND target = :t")
        ((actor, details),) = (await session.execute(query, {"t": f"period:{number}"})).all()
    assert actor == "system"
    assert details == {"revision": 1, "commitment": taken["commitment"], "public_digest": new["sha256"]}
    async with database.transaction() as session:
        with pytest.raises(Exception, match="a published document never changes"):
            await session.execute(update(Reissue).values(body="{}"))


async def test_the_command_says_what_it_issued_anew(
    http: httpx.AsyncClient, world: World, two: Two, database: Database
) -> None:
    await one_question(http, world)
    await desks(http, world, Random(4))
    number = await publish(http, two, "09001")
    await make_as_before(database)
    verified = await run(database, "verify")
    assert (verified.returncode, "sipas period reissue" in verified.stdout) == (0, True)
    done = await run(database, "reissue", str(number))
    assert done.returncode == 0, done.stderr
    told = await public(http, number)
    assert done.stdout == f"period {number}, revision 1: issued anew, sha256 {told['sha256']}\n"
    again = await run(database, "reissue")
    assert again.stdout == "Every public document carries a hash that tells nothing.\n"
    missing = await run(database, "reissue", "999")
    assert (missing.returncode, "not known" in missing.stderr) == (1, True)


async def run(database: Database, *words: str) -> subprocess.CompletedProcess[str]:
    """`sipas period` as an operator calls it."""
    environment = os.environ | {"SIPAS_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "app.cli", "period", *words]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


async def test_no_line_of_the_record_tells_the_hash_of_a_snapshot(
    http: httpx.AsyncClient, world: World, two: Two, database: Database
) -> None:
    """Auditors of the record may lack the right to read the snapshot; seals pass its lines on to others."""
    await one_question(http, world)
    await desks(http, world, Random(2))
    number = await publish(http, two, "09001")
    taken = await snapshot(http, two[0], number)
    async with database.read() as session:
        query = text("SELECT details FROM audit_lines WHERE target = :t ORDER BY id")
        lines = list(await session.scalars(query, {"t": f"period:{number}"}))
    assert [line.get("commitment") for line in lines[2:]] == [taken["commitment"]] * 2
    assert taken["sha256"] not in str(lines)
    auditor = await world.client("24", "audit:read")
    told = await http.get("/api/v1/audit", headers=auditor)
    assert told.status_code == 200
    assert taken["sha256"] not in told.text
    assert taken["salt"] not in told.text


async def test_a_snapshot_of_an_earlier_release_is_published_with_a_salt(
    http: httpx.AsyncClient, world: World, two: Two, database: Database
) -> None:
    await one_question(http, world)
    await desks(http, world, Random(3))
    made = await post(http, two[0], "", quarter(unit="09001", questionnaire="one"))
    await post(http, two[0], f"/{made['id']}/close")
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE period_snapshots DISABLE TRIGGER period_snapshots_frozen"))
        await session.execute(update(Snapshot).values(salt=None))
        await session.execute(text("ALTER TABLE period_snapshots ENABLE TRIGGER period_snapshots_frozen"))
    done = await post(http, two[1], f"/{made['id']}/publish", {"revision": 1})
    told = await public(http, made["id"])
    assert told["snapshot_sha256"] == done["commitment"] != done["sha256"]
    assert [one.sound for one in await verify(database, None)] == [True]
