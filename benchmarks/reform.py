"""A reform of one province: 500 communes become 99 by one file, with a year of visits, tablets and accounts.

Tried, done and taken back over HTTP, in a copy of the database, so that no other part meets its units. Beside
it, in the same run, the yardstick: the bare statements that move as many tablets, clients and roles and end
as many units, sent straight to PostgreSQL and rolled back. What is over is judging, history and the record.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import httpx

from app.core.clock import utc_now
from app.core.tokens import AccessTokens
from benchmarks import data
from benchmarks.ground import Ground
from benchmarks.report import Row, at_most

PART = "reform"
OLD, NEW = 500, 99
VISITS_A_COMMUNE = 3_000
QUICK_VISITS = 300
PROMISED_SECONDS = 5.0
COPY = "reform"
_TURNS = 3

_GROUND = (
    "INSERT INTO units (code, name, kind, search_text) VALUES ('R', 'Tỉnh R', 'province', 'r')",
    """
    INSERT INTO units (code, name, kind, parent_id, search_text)
    SELECT 'R' || n, 'Xã ' || n, 'commune', u.id, 'xa r' || n
    FROM generate_series(1, $1::int) n JOIN units u ON u.code = 'R'
    """,
    """
    INSERT INTO devices (unit_id, name, questionnaire_code)
    SELECT u.id, 'Quầy ' || n, 'quick-5' FROM units u, generate_series(1, 3) n WHERE u.code LIKE 'R_%'
    """,
    """
    INSERT INTO clients (name, secret_hash, scopes, unit_id)
    SELECT 'Một cửa', '', '{visits:write}', id FROM units WHERE code LIKE 'R_%'
    """,
    "INSERT INTO users (username) SELECT 'r' || n FROM generate_series(1, $1::int * 5) n",
    """
    INSERT INTO user_roles (user_id, role, unit_id)
    SELECT who.id, 'viewer', u.id FROM generate_series(1, $1::int * 5) n
    JOIN users who ON who.username = 'r' || n JOIN units u ON u.code = 'R' || n % $1::int + 1
    """,
    "UPDATE clients SET scopes = scopes || '{units:manage}' WHERE name = 'bench'",
)
_VISITS = """
INSERT INTO visits (unit_id, dossier_code, served_on, questionnaire_id, expires_at, answer_state, created_at)
SELECT u.id, u.code || '-' || n, served, form.id, served + 31, CASE WHEN n % 5 = 0 THEN 2 ELSE 0 END, served
FROM (SELECT n, $1::date - 1 - n % 365 AS served FROM generate_series(1, $2::int) n) days, units u,
    (SELECT min(id) AS id FROM questionnaires WHERE code = 'quick-5') form
WHERE u.code LIKE 'R_%' ORDER BY served
"""
_BARE = (
    "UPDATE devices SET unit_id = $1 WHERE unit_id = ANY($2)",
    "UPDATE clients SET unit_id = $1 WHERE unit_id = ANY($2)",
    "UPDATE user_roles SET unit_id = $1 WHERE unit_id = ANY($2)",
    "UPDATE units SET parent_id = $1, valid_to = current_date WHERE id = ANY($2)",
)


async def run(ground: Ground, *, quick: bool) -> list[Row]:
    """Try, do and take back, some times over; the slowest of each."""
    visits = QUICK_VISITS if quick else VISITS_A_COMMUNE
    copy = await _copied(ground)
    try:
        async with copy.connection() as connection:
            for statement in _GROUND:
                await connection.execute(statement, *([OLD] if "$1" in statement else []), timeout=300)
            await connection.execute(_VISITS, data.today(), visits, timeout=600)
            await connection.execute("VACUUM ANALYZE", timeout=300)
            bare = [await _bare(connection) for _ in range(_TURNS)]
        tried, done, back = await _turns(copy)
    finally:
        async with replace(ground, url=_other(ground, "postgres")).connection() as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
    what = f"{OLD} units into {NEW}, {OLD * visits:,} visits"
    return [
        Row(PART, "yardstick: the bare statements", f"{max(bare):.2f} s"),
        Row(PART, f"{what}: tried", f"{max(tried):.2f} s"),
        Row(PART, f"{what}: taken back", f"{max(back):.2f} s"),
        Row(PART, f"{what}: times the yardstick", f"x {max(done) / max(bare):.1f}"),
        at_most(PART, f"{what}: done", max(done), PROMISED_SECONDS, f"{max(done):.2f} s", " s"),
    ]


async def _turns(ground: Ground) -> tuple[list[float], list[float], list[float]]:
    tried, done, back = [], [], []
    async with (
        ground.running("app", "serve", "--workers", "1", "--no-worker") as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client,
    ):
        token = AccessTokens(ground.secret).issue(f"client:{ground.client}", ["units:manage"], utc_now())
        client.headers["authorization"] = f"Bearer {token}"
        for _ in range(_TURNS):
            tried.append((await _send(client, "?dry_run=true"))[0])
            took, number = await _send(client, "")
            done.append(took)
            began = time.perf_counter()
            answer = await client.post(f"/api/v1/units/reorganisations/{number}/revert")
            back.append(time.perf_counter() - began)
            answer.raise_for_status()
    return tried, done, back


async def _send(client: httpx.AsyncClient, query: str) -> tuple[float, int | None]:
    """How long the file took, and the number it got."""
    form = {"effective_on": str(data.today()), "decision": "NQ (thử)"}
    began = time.perf_counter()
    answer = await client.post(
        f"/api/v1/units/reorganisations/import{query}", files={"file": ("x.csv", _decree())}, data=form
    )
    took = time.perf_counter() - began
    answer.raise_for_status()
    made = answer.json()["reorganisation"]
    if (len(made["outcome"]["opened"]), len(made["outcome"]["closed"])) != (NEW, OLD):
        raise RuntimeError("the reform is not the one that was meant")
    number: int | None = made["id"]
    return took, number


def _decree() -> bytes:
    lines = ["kind,from,to_code,to_name,to_kind,to_parent"]
    lines += [f"merge,R{n},X{n % NEW},Phường {n % NEW},commune,R" for n in range(1, OLD + 1)]
    return "\n".join(lines).encode()


async def _bare(connection: asyncpg.Connection) -> float:
    units = [
        row[0] for row in await connection.fetch("SELECT id FROM units WHERE code LIKE 'R_%' ORDER BY id")
    ]
    groups: Sequence[list[int]] = [units[place::NEW] for place in range(NEW)]
    transaction = connection.transaction()
    await transaction.start()
    began = time.perf_counter()
    for group in groups:
        heir, *others = group
        for statement in _BARE:
            await connection.execute(statement, heir, others)
    took = time.perf_counter() - began
    await transaction.rollback()
    return took


def _other(ground: Ground, name: str) -> str:
    head, _, query = ground.url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


async def _copied(ground: Ground) -> Ground:
    async with ground.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
    async with replace(ground, url=_other(ground, "postgres")).connection() as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {COPY}")
        await connection.execute(f"CREATE DATABASE {COPY} TEMPLATE {name} STRATEGY file_copy", timeout=300)
    return replace(ground, url=_other(ground, COPY))
