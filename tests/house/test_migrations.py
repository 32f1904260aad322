"""Migrations are one line of numbered steps, match the models, and go down and up with rows present."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text

from app.auth.roles import ROLES
from app.auth.scopes import SCOPES
from app.bootstrap import alembic_config, load_questionnaires, migrate
from app.core.database import Database, plain_url
from app.core.revision import HEAD
from app.models.everything import metadata

SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
ONE = uuid4()
CELL = {"unit_id": 1, "questionnaire_id": 1, "responses": 1, "tally": 10**12}
WHOLE_CELL = {**CELL, "held_back": 0}
ROWS: Mapping[str, Mapping[str, object]] = {
    "account_links": {"token_hash": b"x", "user_id": ONE, "kind": "reset", "expires_at": NOW},
    "audit_lines": {"actor": "system", "action": "a", "target": "t", "details": {}},
    "channel_day": {**WHOLE_CELL, "local_day": DAY, "channel": "link"},
    "channel_month": {**WHOLE_CELL, "local_month": DAY, "channel": "link"},
    "clients": {"id": ONE, "name": "Một cửa", "secret_hash": b"x", "scopes": ["visits:write"], "unit_id": 1},
    "client_secrets": {"client_id": ONE, "secret_hash": b"x"},
    "deployment_facts": {"name": "demo", "value": {}},
    "devices": {"id": ONE, "unit_id": 1, "name": "Bàn 1", "questionnaire_code": "quick-5"},
    "export_parts": {"export_id": ONE, "place": 0, "content": b"x"},
    "exports": {"id": ONE, "actor": "system", "state": "done", "query": {}, "tops": [1], "expires_at": NOW},
    "external_figures": {"unit_id": 1, "instrument": "papi", "year": 2020, "value": 43, "source": "PAPI"},
    "job_states": {"name": "visits.settle_answered"},
    "oidc_identities": {"issuer": "https://sso", "subject": "s", "user_id": ONE},
    "pairing_failures": {},
    "par_scores": {
        "sheet_id": 1,
        "domain": "1",
        "position": 0,
        "title_vi": "v",
        "title_en": "e",
        "max_points": 100,
        "points": 85,
    },
    "par_sheets": {
        "unit_id": 1,
        "year": 2020,
        "revision": 1,
        "state": "final",
        "template": "own",
        "recorded_by": "system",
    },
    "period_reissues": {
        "snapshot_id": 1,
        "salt": b"x" * 32,
        "body": "{}",
        "digest": "d",
        "issued_by": "system",
        "issued_at": NOW,
    },
    "period_snapshots": {
        "period_id": 1,
        "revision": 1,
        "body": "{}",
        "digest": "d",
        "taken_by": "system",
        "taken_at": NOW,
    },
    "periods": {
        "unit_id": 1,
        "first_day": DAY,
        "last_day": DAY,
        "questionnaire_id": 1,
        "name": "Quý IV",
        "state": "closed",
        "opened_by": "system",
    },
    "procedure_day": {**CELL, "local_day": DAY, "procedure_id": 1},
    "procedure_month": {**CELL, "local_month": DAY, "procedure_id": 1},
    "procedures": {
        "code": "1.1",
        "name": "Khai sinh",
        "field": "Hộ tịch",
        "level": "commune",
        "search_text": "",
    },
    "questionnaires": {"code": "q", "version": 1, "status": "published", "definition": {}, "digest": "d"},
    "questionnaire_mappings": {"questionnaire_id": 1, "earlier_id": 1, "criteria": {"A1": "A1"}},
    "recovery_codes": {"user_id": ONE, "code_hash": b"x"},
    "refresh_tokens": {"token_hash": b"x", "family": ONE, "user_id": ONE, "expires_at": NOW},
    "reorganisations": {
        "decision": "NQ 1",
        "effective_on": DAY,
        "effective_at": NOW,
        "state": "in_force",
        "digest": b"x",
        "changes": [],
        "outcome": {},
        "touched": [],
        "unit_ids": [1],
        "actor": "system",
    },
    "responses": {
        "unit_id": 1,
        "id": ONE,
        "questionnaire_id": 1,
        "local_day": DAY,
        "channel": "kiosk",
        "verdict": "counted",
        "device_id": ONE,
        "procedure_id": 1,
        "answers": b"\5",
        "submitted_at": NOW,
        "received_at": NOW,
        "content_digest": b"x" * 16,
    },
    "sample_links": {
        "unit_id": 1,
        "sample_id": 1,
        "stratum": 1,
        "dossier_code": "d",
        "served_on": DAY,
        "procedure_id": 1,
    },
    "sample_responses": {
        "sample_id": 1,
        "id": ONE,
        "stratum": 1,
        "verdict": "counted",
        "answers": b"\5",
        "complete": True,
        "received_at": NOW,
        "content_digest": b"x" * 16,
    },
    "sample_strata": {
        "sample_id": 1,
        "number": 1,
        "keys": [1],
        "members": ["09001"],
        "visits": 2,
        "size": 1,
    },
    "samples": {
        "unit_id": 1,
        "name": "2026",
        "first_day": DAY,
        "last_day": DAY,
        "unit_ids": [1],
        "stratify": "unit",
        "questionnaire_id": 1,
        "seed": "s",
        "visits": 2,
        "size": 1,
        "digest": "d",
        "expires_at": NOW,
        "actor": "system",
    },
    "sign_in_codes": {"code_hash": b"x", "user_id": ONE, "challenge": "c", "expires_at": NOW},
    "sign_in_failures": {"name": "n", "address": "::1"},
    "sign_in_sessions": {"id": ONE, "user_id": ONE, "address": "::1", "user_agent": ""},
    "stale_unit_days": {"unit_id": 1, "local_day": DAY},
    "totp_secrets": {"user_id": ONE, "sealed": b"x"},
    "unit_day": {**WHOLE_CELL, "local_day": DAY},
    "unit_month": {**WHOLE_CELL, "local_month": DAY},
    "unit_successions": {
        "from_unit": 1,
        "to_unit": 1,
        "effective_on": DAY,
        "kind": "split",
        "reorganisation_id": 1,
    },
    "unit_versions": {
        "unit_id": 1,
        "valid_to": DAY,
        "code": "09001",
        "name": "Xã A",
        "kind": "commune",
        "search_text": "xa a",
        "reorganisation_id": 1,
    },
    "units": {"code": "09001", "name": "Phường A", "kind": "commune", "search_text": "phuong a"},
    "user_roles": {"user_id": ONE, "role": "viewer", "unit_id": 1},
    "users": {"id": ONE, "username": "u", "password_hash": "p", "scopes": [], "unit_id": 1},
    "visit_day": {"unit_id": 1, "local_day": DAY, "visits": 1, "answered": 1},
    "visit_month": {"unit_id": 1, "local_month": DAY, "visits": 1, "answered": 1},
    "visits": {"unit_id": 1, "dossier_code": "d", "served_on": DAY, "questionnaire_id": 1, "expires_at": NOW},
}
"""One row for each table: a new table is given one here, so that its migration is tried on something."""

# Everything in the schema that is ours, said so that two databases can be compared.
SCHEMA = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       a.attidentity::text, coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'sequence', sequencename, '', data_type::text, start_value::text, '', ''
FROM pg_sequences WHERE schemaname = 'public'
UNION ALL
SELECT 'view', viewname, '', definition, '', '', '' FROM pg_views WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', ''
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', proname, '', prosrc, '', '', ''
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
NOT_OURS = ("pgqueuer", "fn_pgqueuer", "tg_pgqueuer", "alembic_version")
Thing = tuple[str, ...]


async def schema(database: Database) -> set[Thing]:
    """Columns, constraints, indexes, sequences, views, triggers and functions; the job queue's left out."""
    async with database.engine.connect() as connection:
        rows = [tuple(row) for row in await connection.execute(text(SCHEMA))]
    return {row for row in rows if not any(name in part for name in NOT_OURS for part in row[1:3])}


async def step(database: Database, direction: str, revision: str) -> None:
    def run(connection: Connection) -> None:
        move = {"up": command.upgrade, "down": command.downgrade}[direction]
        move(alembic_config(connection), revision)

    async with database.engine.connect() as connection:
        await connection.run_sync(run)


async def fill(database: Database) -> None:
    async with database.transaction() as session:
        for table in metadata.sorted_tables:
            await session.execute(table.insert().values(**ROWS[table.name]))


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


@pytest.fixture
async def empty(postgres_url: str) -> AsyncIterator[Database]:
    """A database of its own with nothing in it, dropped afterwards."""
    name = f"sipas_house_{uuid4().hex[:12]}"
    owner = await asyncpg.connect(plain_url(postgres_url))
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        database = Database(urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")))
        try:
            yield database
        finally:
            await database.close()
            await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


def follows(revisions: Sequence[str]) -> list[str | None]:
    return [None, *revisions[:-1]]


def test_migrations_are_numbered_without_gaps_and_each_follows_the_one_before() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert [SCRIPTS.get_revision(one).down_revision for one in REVISIONS] == follows(REVISIONS)
    assert SCRIPTS.get_heads() == [REVISIONS[-1]]


def test_the_release_expects_the_newest_migration() -> None:
    assert REVISIONS[-1] == HEAD


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_explains_itself_and_its_file_bears_its_number(revision: str) -> None:
    script = SCRIPTS.get_revision(revision)
    assert script.path.rsplit("/", 1)[-1].startswith(f"{revision}_")
    assert len((script.module.__doc__ or "").split("\n\n")) >= 2, (
        "a subject, and what it means for a running system"
    )


def test_every_table_has_a_row_to_be_tried_with() -> None:
    assert ROWS.keys() == metadata.tables.keys()


async def test_the_migrations_build_what_the_models_say(empty: Database) -> None:
    await migrate(empty)
    migrated = await schema(empty)
    async with empty.engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
        await connection.run_sync(metadata.create_all)
    modelled = await schema(empty)
    # views, triggers and functions live in migrations alone; a view's columns too
    views = {thing[1] for thing in migrated if thing[0] == "view"}
    tables = {
        thing
        for thing in migrated
        if thing[0] not in {"view", "trigger", "function"} and thing[1] not in views
    }
    assert tables - modelled == set()
    assert modelled - tables == set()
    assert len(modelled) > 200


async def test_alembic_finds_nothing_left_to_migrate(empty: Database) -> None:
    await migrate(empty)

    def check(connection: Connection) -> None:
        command.check(alembic_config(connection))

    async with empty.engine.connect() as connection:
        await connection.run_sync(check)


async def test_migrations_go_down_to_nothing_and_up_again_with_rows_in_every_table(empty: Database) -> None:
    await migrate(empty)
    before = await schema(empty)
    await fill(empty)
    assert set((await counts(empty)).values()) == {1}

    await step(empty, "down", "base")
    assert await schema(empty) == set()

    await step(empty, "up", "head")
    assert await schema(empty) == before
    await fill(empty)
    assert set((await counts(empty)).values()) == {1}


async def test_each_migration_alone_goes_down_and_up_with_rows_present(empty: Database) -> None:
    await migrate(empty)
    await fill(empty)
    for revision, below in zip(REVISIONS[::-1], follows(REVISIONS)[::-1], strict=True):
        standing = await schema(empty)
        await step(empty, "down", below or "base")
        assert await schema(empty) != standing, revision
        await step(empty, "up", revision)
        assert await schema(empty) == standing, revision
        await step(empty, "down", below or "base")
    await migrate(empty)
    assert await empty.revision() == HEAD


async def test_migrating_again_changes_nothing(empty: Database) -> None:
    await migrate(empty)
    await load_questionnaires(empty)
    before = await schema(empty), await counts(empty)
    await migrate(empty)
    await load_questionnaires(empty)
    assert (await schema(empty), await counts(empty)) == before
    assert before[1]["questionnaires"] == 3


@pytest.mark.parametrize(
    ("scopes", "unit", "role"),
    [
        (SCOPES, None, "system_admin"),
        (SCOPES, 1, "unit_admin"),
        (sorted(ROLES["unit_admin"]), 1, "unit_admin"),
        (["units:read", "indices:read", "responses:read", "exports:create"], 1, "analyst"),
        (["units:read", "indices:read", "users:manage"], None, "viewer"),
        (["units:read"], 1, None),
        ([], None, None),
    ],
)
async def test_an_account_from_before_the_roles_gets_the_widest_role_that_allows_nothing_new(
    empty: Database, scopes: Sequence[str], unit: int | None, role: str | None
) -> None:
    await step(empty, "up", "0003")
    async with empty.transaction() as session:
        await session.execute(
            text("INSERT INTO units (code, name, kind, search_text) VALUES ('24', 'x', 'province', 'x')")
        )
        await session.execute(
            text("INSERT INTO users (username, password_hash, scopes, unit_id) VALUES ('lan', 'x', :s, :u)"),
            {"s": list(scopes), "u": unit},
        )
    await step(empty, "up", "0004")
    async with empty.read() as session:
        held = (await session.execute(text("SELECT role, unit_id FROM user_roles"))).all()
    assert [tuple(row) for row in held] == ([] if role is None else [(role, unit)])
