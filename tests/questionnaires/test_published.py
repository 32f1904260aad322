import asyncio
from typing import Any

import pytest
from sqlalchemy import event, text

from app.core.database import Database
from app.models.questionnaire import Questionnaire
from app.questionnaires import published, service
from app.questionnaires.definition import Definition, digest
from app.questionnaires.published import REMEMBERED, PublishedQuestionnaires
from app.questionnaires.schemas import EXAMPLE


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Queries:
    """Counts what reaches the table of questionnaires."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.aside.kw["bind"].sync_engine, "before_cursor_execute", self._count)

    def _count(self, _conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.count += "FROM questionnaires" in statement


async def add(database: Database, status: str = "published", **changes: object) -> int:
    definition = Definition.model_validate({**EXAMPLE, **changes})
    row = Questionnaire(
        code=definition.code,
        version=definition.version,
        status=status,
        definition=definition.model_dump(mode="json"),
        digest=digest(definition),
    )
    async with database.transaction() as session:
        session.add(row)
        await session.flush()
        return row.id


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(database: Database, clock: Clock) -> PublishedQuestionnaires:
    return PublishedQuestionnaires(database, clock)


@pytest.fixture
def queries(database: Database) -> Queries:
    return Queries(database)


async def test_a_published_version_is_found_with_its_layout(kept: PublishedQuestionnaires) -> None:
    found = await kept.get("quick-5", 1)
    assert found is not None
    assert (found.code, found.version, found.status) == ("quick-5", 1, "published")
    assert found.layout.codes == ("A1", "B1", "C1", "D1", "E1")
    assert found.definition.criteria[0].code == "A1"


async def test_a_version_is_read_once_for_good(
    kept: PublishedQuestionnaires, clock: Clock, queries: Queries
) -> None:
    first = await kept.get("quick-5", 1)
    clock.now = 1e9
    assert await kept.get("quick-5", 1) is first
    assert first is not None
    assert await kept.by_id(first.id) is first
    assert queries.count == 1


async def test_a_crowd_that_misses_the_same_version_asks_once(
    kept: PublishedQuestionnaires, queries: Queries
) -> None:
    found = await asyncio.gather(*(kept.get("service-22", 1) for _ in range(50)))
    assert len({id(one) for one in found}) == 1
    assert queries.count == 1


async def test_drafts_are_never_given_out(database: Database, kept: PublishedQuestionnaires) -> None:
    draft = await add(database, "draft")
    assert await kept.get("quick-2", 1) is None
    assert await kept.latest("quick-2") is None
    with pytest.raises(LookupError):
        await kept.by_id(draft)


async def test_a_retired_version_can_still_be_answered_but_is_not_the_latest(
    database: Database, kept: PublishedQuestionnaires
) -> None:
    await add(database, "published", version=1)
    await add(database, "retired", version=2)
    assert await kept.get("quick-2", 2) is not None
    latest = await kept.latest("quick-2")
    assert latest is not None
    assert latest.version == 1


async def test_the_latest_is_the_highest_number_not_the_last_made(
    database: Database, kept: PublishedQuestionnaires
) -> None:
    await add(database, version=10)
    await add(database, version=9)
    latest = await kept.latest("quick-2")
    assert latest is not None
    assert latest.version == 10


async def test_an_unknown_version_is_asked_for_once_in_a_while(
    database: Database, kept: PublishedQuestionnaires, clock: Clock, queries: Queries
) -> None:
    for _ in range(10):
        assert await kept.get("quick-2", 1) is None
    assert queries.count == 1
    await add(database)
    assert await kept.get("quick-2", 1) is None
    clock.now = REMEMBERED
    assert await kept.get("quick-2", 1) is not None


async def test_the_latest_is_remembered_for_seconds(
    database: Database, kept: PublishedQuestionnaires, clock: Clock, queries: Queries
) -> None:
    await add(database, version=1)
    first = await kept.latest("quick-2")
    await add(database, version=2)
    assert await kept.latest("quick-2") is first
    assert queries.count == 1
    clock.now = REMEMBERED
    latest = await kept.latest("quick-2")
    assert latest is not None
    assert latest.version == 2


async def test_forgetting_a_code_makes_its_changes_felt_at_once(
    database: Database, kept: PublishedQuestionnaires
) -> None:
    assert await kept.get("quick-2", 1) is None
    assert await kept.latest("quick-2") is None
    await add(database)
    kept.forget("quick-2")
    assert await kept.get("quick-2", 1) is not None
    assert await kept.latest("quick-2") is not None


@pytest.mark.parametrize(
    ("code", "version"),
    [
        ("a" * 41, 1),
        ("a\0b", 1),
        ("phiếu", 1),
        ("\ud800", 1),
        ("quick-5", 0),
        ("quick-5", -1),
        ("quick-5", 2**63),
    ],
)
async def test_what_cannot_be_a_version_does_not_reach_the_database(
    kept: PublishedQuestionnaires, queries: Queries, code: str, version: int
) -> None:
    assert await kept.get(code, version) is None
    assert queries.count == 0


@pytest.mark.parametrize("code", ["a" * 41, "a\0b", "phiếu", "\ud800"])
async def test_what_cannot_be_a_code_has_no_latest(
    kept: PublishedQuestionnaires, queries: Queries, code: str
) -> None:
    assert await kept.latest(code) is None
    assert queries.count == 0


async def test_nonsense_does_not_fill_the_memory(
    kept: PublishedQuestionnaires, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "MAX_REMEMBERED", 3)
    for version in (1, 2, 3, 4):
        await kept.get("nonsense", version)
    await kept.get("nonsense", 4)
    assert queries.count == 4
    await kept.get("nonsense", 1)  # pushed out by the fourth
    assert queries.count == 5


async def test_many_ids_are_read_in_one_query(
    kept: PublishedQuestionnaires, database: Database, queries: Queries
) -> None:
    ids = [await add(database, version=version) for version in (1, 2, 3)]
    found = await kept.by_ids(ids)
    assert [found[one].version for one in ids] == [1, 2, 3]
    assert queries.count == 1
    assert await kept.by_ids([]) == {}


async def test_shipping_again_changes_nothing(database: Database) -> None:
    async def rows() -> list[Any]:
        async with database.read() as session:
            return list((await session.execute(text("SELECT * FROM questionnaires ORDER BY id"))).all())

    before = await rows()

    async def ship() -> None:
        async with database.transaction() as session:
            await service.load_shipped(session)

    await asyncio.gather(*(ship() for _ in range(4)))
    assert await rows() == before
    assert {row.code for row in before} == {"quick-5", "service-16", "service-22"}


async def test_two_processes_may_ship_at_once_into_an_empty_database(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE questionnaires DISABLE TRIGGER questionnaires_frozen"))
        await session.execute(text("DELETE FROM questionnaires"))
        await session.execute(text("ALTER TABLE questionnaires ENABLE TRIGGER questionnaires_frozen"))

    async def ship() -> None:
        async with database.transaction() as session:
            await service.load_shipped(session)

    await asyncio.gather(*(ship() for _ in range(4)))
    async with database.read() as session:
        lines = await session.execute(text("SELECT actor, action, target FROM audit_lines ORDER BY target"))
        published = await session.scalar(
            text("SELECT count(*) FROM questionnaires WHERE status = 'published'")
        )
        assert lines.all() == [
            ("system", "questionnaire.publish", "questionnaire:quick-5/1"),
            ("system", "questionnaire.publish", "questionnaire:service-16/1"),
            ("system", "questionnaire.publish", "questionnaire:service-22/1"),
        ]
        assert published == 3


async def test_a_published_version_with_other_content_than_shipped_is_named(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE questionnaires DISABLE TRIGGER questionnaires_frozen"))
        await session.execute(text("UPDATE questionnaires SET digest = 'x' || digest WHERE code = 'quick-5'"))
    try:
        with pytest.raises(service.ShippedQuestionnaireDiffers, match="quick-5 version 1"):
            async with database.transaction() as session:
                await service.load_shipped(session)
    finally:
        async with database.transaction() as session:
            await session.execute(
                text("UPDATE questionnaires SET digest = substr(digest, 2) WHERE code = 'quick-5'")
            )
            await session.execute(text("ALTER TABLE questionnaires ENABLE TRIGGER questionnaires_frozen"))
