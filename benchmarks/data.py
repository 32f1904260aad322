"""Two million responses and a year of visits, made inside PostgreSQL in well under a minute.

Plausible in what counting and reading depend on: a few large communes and many small ones, quiet weekends, a
tenth of the responses on 16 criteria, two fifths by link and so with their procedure, 2 % held back, a
neighbour province of 10 % more rows that must not count. Rows lie on disk in the order of their days, as they
would have come in.
"""

import random
from datetime import date, timedelta
from itertools import accumulate
from uuid import UUID

import asyncpg

from app.core.clock import local_day, utc_now
from app.core.settings import load_settings
from benchmarks.ground import COMMUNES, NEIGHBOURS, PROVINCE, Ground

DAYS = 365
PROCEDURES = 60
_SLOTS = 10_000
_SHEETS = 20_000  # different filled-in questionnaires
_NEIGHBOURS_SHARE = 0.1

_FILL = """
INSERT INTO responses (unit_id, id, questionnaire_id, local_day, channel, verdict, verdict_reason,
    procedure_id, counter, device_id, answers, comment, respondent, language, submitted_at, duration_seconds,
    received_at, content_digest)
SELECT desks.unit_id, uuidv7(days.day - now()), sheets.questionnaire_id, days.day,
    CASE WHEN link THEN 'link' ELSE 'kiosk' END,
    CASE WHEN late THEN 'quarantined' ELSE 'counted' END, CASE WHEN late THEN 'late' END,
    CASE WHEN link THEN ($3::int[])[procedure_slot] END, CASE WHEN link THEN '3' END,
    CASE WHEN NOT link THEN desks.device_id END, sheets.answers,
    CASE WHEN chatty THEN 'Cán bộ hướng dẫn rất tận tình, cảm ơn.' END,
    CASE WHEN known THEN '{"gender": "female", "age_band": "35-44"}'::jsonb END,
    'vi', days.day + seconds, 40, days.day + seconds, decode(md5(drawn.place::text), 'hex')
FROM (
    SELECT place, place * $2::bigint / ($1::bigint + 1) AS day_slot, floor(random() * $2)::int AS desk_slot,
        floor(random() * $4)::int AS sheet, 1 + floor(random() * $2)::int AS procedure_slot,
        random() < 0.4 AS link, random() < 0.02 AS late, random() < 0.125 AS chatty, random() < 0.33 AS known,
        make_interval(secs => 3600 + random() * 36000) AS seconds
    FROM generate_series(1, $1::bigint) AS place OFFSET 0
) drawn
JOIN bench_days days ON days.slot = drawn.day_slot
JOIN bench_desks desks ON desks.slot = drawn.desk_slot
JOIN bench_sheets sheets ON sheets.slot = drawn.sheet
"""
_VISITS = """
INSERT INTO visit_day (unit_id, local_day, visits, answered)
SELECT u.id, d.day, 60, 12 FROM units u CROSS JOIN (SELECT DISTINCT day FROM bench_days) d
WHERE u.kind = 'commune'
"""
_VISIT_MONTHS = """
INSERT INTO visit_month (unit_id, local_month, visits, answered)
SELECT unit_id, date_trunc('month', local_day::timestamp)::date, sum(visits), sum(answered)
FROM visit_day GROUP BY 1, 2
"""


def today() -> date:
    """The last day of the data."""
    return local_day(utc_now(), load_settings().zone)


def first_day() -> date:
    """The first day of the data."""
    return today() - timedelta(days=DAYS - 1)


async def fill(ground: Ground, responses: int) -> int:
    """So many responses for the province and a tenth more for its neighbour; returns how many in all."""
    chance = random.Random(24)
    total = responses + int(responses * _NEIGHBOURS_SHARE)
    async with ground.connection() as connection:
        await connection.execute("TRUNCATE responses, stale_unit_days")
        # no checks of foreign keys while rows are made of known ids
        await connection.execute("SET session_replication_role = replica")
        await _days(connection)
        await _desks(connection)
        await _sheets(connection, chance)
        procedures = await _procedures(connection)
        await connection.execute(_FILL, total, _SLOTS, procedures, _SHEETS, timeout=600)
        await connection.execute("SET session_replication_role = DEFAULT")
        await connection.execute("VACUUM (ANALYZE) responses", timeout=600)
    return total


async def fill_visits(ground: Ground) -> None:
    """A year of visit cells: 60 visits a day in every commune, 12 of them answered."""
    async with ground.connection() as connection:
        await connection.execute("TRUNCATE visit_day, visit_month")
        await _days(connection)
        await connection.execute(_VISITS)
        await connection.execute(_VISIT_MONTHS)
        await connection.execute("VACUUM (ANALYZE) visit_day")
        await connection.execute("VACUUM (ANALYZE) visit_month")


def _slots(weights: list[float]) -> list[int]:
    """Which of the weighted things has which of the slots."""
    bounds = [_SLOTS * reached / sum(weights) for reached in accumulate(weights)]
    owner, owners = 0, []
    for slot in range(_SLOTS):
        while slot >= bounds[owner] and owner < len(bounds) - 1:
            owner += 1
        owners.append(owner)
    return owners


async def _days(connection: asyncpg.Connection) -> None:
    days = [first_day() + timedelta(days=place) for place in range(DAYS)]
    weights = [0.05 if day.weekday() == 6 else 0.3 if day.weekday() == 5 else 1.0 for day in days]
    await connection.execute("CREATE TEMP TABLE bench_days (slot bigint PRIMARY KEY, day date)")
    records = [(slot, days[owner]) for slot, owner in enumerate(_slots(weights))]
    await connection.copy_records_to_table("bench_days", records=records)


async def _desks(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch(
        "SELECT u.id, u.code, min(d.id::text)::uuid AS device FROM units u"
        " LEFT JOIN devices d ON d.unit_id = u.id WHERE u.kind = 'commune' GROUP BY 1, 2 ORDER BY 2"
    )
    ours = sum(1 / (rank + 10) for rank in range(COMMUNES))
    theirs = _NEIGHBOURS_SHARE * ours / NEIGHBOURS
    rank, weights = 0, []
    for row in rows:
        inside = row["code"].startswith(PROVINCE)
        weights.append(1 / (rank + 10) if inside else theirs)
        rank += inside
    device: UUID = next(row["device"] for row in rows if row["device"])
    await connection.execute(
        "CREATE TEMP TABLE bench_desks (slot int PRIMARY KEY, unit_id int, device_id uuid)"
    )
    records = [
        (slot, rows[owner]["id"], rows[owner]["device"] or device)
        for slot, owner in enumerate(_slots(weights))
    ]
    await connection.copy_records_to_table("bench_desks", records=records)


async def _sheets(connection: asyncpg.Connection, chance: random.Random) -> None:
    """Every tenth sheet has 16 criteria, the others 5; people differ in mood, some skip a question."""
    known = await connection.fetch("SELECT code, id FROM questionnaires WHERE version = 1")
    ids: dict[str, int] = {row["code"]: row["id"] for row in known}
    records = []
    for slot in range(_SHEETS):
        code, criteria = ("service-16", 16) if slot % 10 == 0 else ("quick-5", 5)
        mood = chance.choice(((1, 2, 6, 46, 45), (0, 1, 4, 35, 60), (6, 12, 30, 40, 12)))
        answers = [
            0 if chance.random() < 0.1 else chance.choices((1, 2, 3, 4, 5), mood)[0] for _ in range(criteria)
        ]
        answers[0] = answers[0] or 4
        records.append((slot, ids[code], bytes(answers)))
    await connection.execute(
        "CREATE TEMP TABLE bench_sheets (slot int PRIMARY KEY, questionnaire_id int, answers bytea)"
    )
    await connection.copy_records_to_table("bench_sheets", records=records)


async def _procedures(connection: asyncpg.Connection) -> list[int]:
    """One procedure id for each slot; certified copies alone are two fifths of what a commune does."""
    rows = await connection.fetch(
        "INSERT INTO procedures (code, name, field, level, search_text)"
        " SELECT 'P' || n, 'P' || n, 'Hộ tịch', 'commune', 'p' || n FROM generate_series(1, $1::int) n"
        " ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING id",
        PROCEDURES,
    )
    return [rows[owner]["id"] for owner in _slots([(rank + 1) ** -1.5 for rank in range(PROCEDURES)])]
