"""What `/metrics` and `/readyz` tell, asked through the application in this process."""

import asyncio
import random
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.core import backups, metrics
from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.revision import HEAD
from app.core.writable import WriteProbe
from app.operations import readiness
from app.operations.figures import Figures
from app.responses.intake import Intake
from tests.support import said
from tests.support.server import free_port
from tests.support.world import World

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NO_DATABASE = "postgresql://sipas:secret@127.0.0.1:1/none"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "operations" / "runbooks.md"
SILENT_UNITS = RUNBOOKS.read_text().partition("## Unit silent")[2].partition("```sql")[2].partition("```")[0]
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(told: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }


async def scrape(http: httpx.AsyncClient) -> Series:
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    return series(answer.text)


def value(found: Series, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def test_strange_paths_and_methods_make_no_new_series(http: httpx.AsyncClient) -> None:
    dice = random.Random(6)
    places = ("/", "/api/v1/units/", "/static/1/", "/api/v1/public/periods/", "/healthz", "/healthz/")
    shapes = [
        (
            dice.choice([*sorted(metrics.METHODS), "STRANGE", "STRANGE"]),
            dice.choice(places),
            "".join(dice.choices("aaaaa0/.-", k=dice.randint(0, 30))),
        )
        for _ in range(200)
    ]

    def other(kind: str) -> str:
        """Another character of the same kind."""
        return dice.choice({"a": string.ascii_lowercase, "0": string.digits}.get(kind, kind))

    async def ask() -> set[tuple[str, frozenset[tuple[str, str]]]]:
        for method, place, shape in shapes:
            verb = "X" + "".join(dice.choices(string.ascii_uppercase, k=6)) if method == "STRANGE" else method
            await http.request(verb, place + "".join(map(other, shape)))
        return {key for key in await scrape(http) if dict(key[1]).get("route") != "/metrics"}

    before = await ask()
    assert await ask() - before == set()
    told = [dict(labels) for name, labels in before if name == "sipas_http_requests_total"]
    assert {labels["method"] for labels in told} <= metrics.METHODS | {"OTHER"}
    assert {"unmatched", "/static/{version}/{name}"} <= {labels["route"] for labels in told}


async def test_responses_are_counted_by_what_became_of_them(http: httpx.AsyncClient, world: World) -> None:
    _, tablet = await said.device(world)
    before = await scrape(http)
    sent = said.body()
    wrong = said.body(answers={"A1": 9})
    for body in (sent, sent, wrong):
        await http.post("/api/v1/responses", json=body, headers=tablet)
    batch = {"responses": [said.body(), sent, {"nothing": 1}]}
    await http.post("/api/v1/responses/batch", json=batch, headers=tablet)
    await http.post("/api/v1/responses", json=said.body(link="x" * 20))
    after = await scrape(http)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("sipas_responses_acknowledged_total", outcome="stored") == 2
    assert grown("sipas_responses_acknowledged_total", outcome="replayed") == 2
    assert grown("sipas_responses_refused_total", reason="invalid_request") == 2
    assert grown("sipas_responses_refused_total", reason="link_unknown") == 1
    assert grown("sipas_problems_total", code="link_unknown") == 1
    route = "/api/v1/responses"
    assert grown("sipas_http_requests_total", route=route, method="POST", status="201") == 1
    assert grown("sipas_http_requests_total", route=route, method="POST", status="422") == 1
    assert grown("sipas_http_request_duration_seconds_count", route=route, method="POST") == 4
    assert grown("sipas_intake_batch_responses_sum") == 4
    assert grown("sipas_intake_batch_write_seconds_count") == grown("sipas_intake_batch_responses_count")
    assert value(after, "sipas_intake_queue_length") == 0
    assert value(after, "sipas_intake_queue_limit") == 5000


async def test_the_deployments_figures_come_from_the_database(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await said.device(world)
    quiet, _ = await said.device(world)
    always = {name: [["00:00", "24:00"]] for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    await http.patch("/api/v1/units/24", json={"opening_hours": always}, headers=world.admin)
    day = local_day(utc_now(), ZONE) - timedelta(days=1)
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE devices SET last_seen_at = now() - interval '2 hours', queue_length = 7"
                " WHERE id = :id"
            ),
            {"id": quiet},
        )
        await session.execute(
            text(
                "INSERT INTO stale_unit_days (unit_id, local_day, marked_at)"
                " SELECT :unit, :day, now() - interval '90 seconds' FROM generate_series(1, 3)"
            ),
            {"unit": world.units["09001"], "day": day},
        )
        for code, weeks in (("09001", (0, 1, 2, 3)), ("09002", (0, 1, 2, 3)), ("SNV", (1, 3))):
            for back in weeks:
                await session.execute(
                    text(
                        "INSERT INTO unit_day"
                        " (unit_id, local_day, questionnaire_id, responses, held_back, tally)"
                        " VALUES (:unit, :day, :asked, :responses, 0, 0)"
                    ),
                    {
                        "responses": 0
                        if code == "09002" and back == 0
                        else 2,  # all that came is not counted
                        "unit": world.units[code],
                        "day": day - timedelta(weeks=back),
                        "asked": world.questionnaires["quick-5"],
                    },
                )
    found = await scrape(http)
    assert value(found, "sipas_database_up") == 1
    assert value(found, "sipas_devices_in_use") == 2
    assert value(found, "sipas_devices_silent") == 1
    assert value(found, "sipas_devices_responses_waiting") == 7
    assert value(found, "sipas_stale_unit_days") == 1
    assert value(found, "sipas_stale_oldest_age_seconds") >= 90
    assert value(found, "sipas_units_silent") == 1
    async with database.read() as session:
        named = (await session.execute(text(SILENT_UNITS))).all()
    assert [unit.code for unit in named] == ["09002"], "the runbook names those that the alert has counted"
    assert value(found, "sipas_database_size_bytes") > 1_000_000
    for part in ("stale", "jobs", "size", "devices", "units"):
        assert value(found, "sipas_figures_read", figures=part) == 1


async def test_how_jobs_have_fared_is_told_by_name_and_without_their_errors_words(
    http: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO job_states (name, last_started_at, last_finished_at, last_seconds, runs,"
                " failures, failures_in_a_row, set_aside, last_error) VALUES"
                " ('a.good', '2026-11-20T01:00:00Z', '2026-11-20T01:00:02Z', 2, 9, 1, 0, false, NULL),"
                " ('b.bad', '2026-11-20T01:00:00Z', NULL, NULL, 9, 8, 5, true, 'words of an error')"
            )
        )
    answer = await http.get("/metrics")
    found = series(answer.text)
    assert value(found, "sipas_job_runs_total", job_name="a.good") == 9
    assert value(found, "sipas_job_last_seconds", job_name="a.good") == 2
    assert value(found, "sipas_job_last_finished_timestamp_seconds", job_name="a.good") == 1795136402
    assert value(found, "sipas_job_failures_in_a_row", job_name="b.bad") == 5
    assert value(found, "sipas_job_failures_total", job_name="b.bad") == 8
    assert value(found, "sipas_job_set_aside", job_name="b.bad") == 1
    assert "words of an error" not in answer.text


async def test_a_run_of_a_job_is_observed(http: httpx.AsyncClient) -> None:
    metrics.job_finished("rooms.job", 3.0, ok=False)
    found = await scrape(http)
    assert value(found, "sipas_job_duration_seconds_sum", job_name="rooms.job", outcome="failed") == 3


async def test_the_age_of_backups_is_told_where_they_lie(database: Database, tmp_path: Path) -> None:
    async def newest() -> list[float]:
        found = await Figures(database, ZONE, tmp_path).read()
        (told,) = [metric for metric in found if metric.name == "sipas_backup_newest_timestamp_seconds"]
        return [sample.value for sample in told.samples]

    assert await newest() == []
    taken_at = datetime(2026, 11, 20, 1, tzinfo=UTC)
    proof = backups.Proof(at=taken_at, seconds=1, faults=[])
    manifest = backups.Manifest(
        bytes=1,
        sha256="0",
        taken_at=taken_at,
        revision="0001",
        release="0",
        server="18",
        client="18",
        rows={},
        record_head=None,
        secret_check=None,
        proof=proof,
    )
    dump = tmp_path / backups.file_name(taken_at)
    dump.touch()
    backups.write_manifest(dump, manifest)
    assert await newest() == [taken_at.timestamp()]


async def told_without(url: str) -> dict[str, float]:
    database = Database(url)
    try:
        async with asyncio.timeout(60):
            found = await Figures(database, ZONE, Path("nowhere")).read()
    finally:
        await database.close()
    return {metric.name: metric.samples[0].value for metric in found if metric.samples}


async def test_without_a_database_figures_are_absent_and_it_is_said() -> None:
    assert await told_without(NO_DATABASE) == {"sipas_database_up": 0, "sipas_figures_read": 0}


async def test_a_database_that_never_answers_is_not_waited_for() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    port = free_port()
    async with await asyncio.start_server(silent, "127.0.0.1", port):
        told = await told_without(f"postgresql://sipas@127.0.0.1:{port}/none")
        over.set()
    assert told == {"sipas_database_up": 0, "sipas_figures_read": 0}


async def test_pools_tell_who_is_at_work_and_who_waits(database: Database) -> None:
    def now(name: str, pool: str) -> float:
        return value(series(metrics.render().decode()), name, pool=pool)

    used, waiting = now("sipas_database_pool_in_use", "alone"), now("sipas_database_pool_waiting", "alone")
    started, leave = asyncio.Semaphore(0), asyncio.Event()

    async def work() -> None:
        started.release()
        async with database.alone():
            await leave.wait()

    working = [asyncio.create_task(work()) for _ in range(5)]
    for _ in working:
        await started.acquire()
    async with asyncio.timeout(60):
        while now("sipas_database_pool_in_use", "alone") - used < 3:
            await asyncio.sleep(0.02)
    assert now("sipas_database_pool_waiting", "alone") - waiting == 2
    assert now("sipas_database_pool_limit", "alone") == 3
    leave.set()
    await asyncio.gather(*working)
    assert now("sipas_database_pool_in_use", "alone") == used
    assert now("sipas_database_pool_waiting", "alone") == waiting


async def test_a_job_runner_of_its_own_answers_on_its_port() -> None:
    port = free_port()
    server = metrics.listen("127.0.0.1", port)
    try:
        async with httpx.AsyncClient() as client:
            found = series((await client.get(f"http://127.0.0.1:{port}/metrics")).text)
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
    assert value(found, "sipas_process_resident_memory_bytes", process="jobs0") > 0


async def test_ready_names_each_check(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    checks = {check["name"]: check["ok"] for check in answer.json()["checks"]}
    assert checks == dict.fromkeys(["database", "writing", "revision", "intake", "staying"], True)


async def test_a_database_that_is_behind_is_told_with_what_to_do(
    http: httpx.AsyncClient, database: Database
) -> None:
    async def stand_at(revision: str) -> None:
        async with database.transaction() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})

    await stand_at("0001")
    try:
        answer = await http.get("/readyz")
    finally:
        await stand_at(HEAD)
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["revision"]) == ("reachable", "0001")
    check = next(check for check in answer.json()["checks"] if not check["ok"])
    assert check["name"] == "revision"
    assert "0001" in check["detail"]
    assert "sipas migrate" in check["detail"]


async def test_whatever_the_database_answers_instead_it_is_not_ready(
    http: httpx.AsyncClient, database: Database
) -> None:
    async def renamed(old: str, new: str) -> None:
        async with database.transaction() as session:
            await session.execute(text(f"ALTER TABLE alembic_version RENAME COLUMN {old} TO {new}"))

    await renamed("version_num", "elsewhere")
    try:
        answer = await http.get("/readyz")
    finally:
        await renamed("elsewhere", "version_num")
    assert (answer.status_code, answer.json()["database"]) == (503, "unreachable")
    assert answer.json()["checks"][0]["detail"] == "cannot be reached (ProgrammingError)"


async def test_what_is_not_ready_says_why_and_shows_no_secret() -> None:
    database = Database(NO_DATABASE)
    found = await readiness.ready(
        database,
        WriteProbe(database),
        Intake(NO_DATABASE, queue_size=1),  # its writer never began
    )
    await database.close()
    assert found.status == "not_ready"
    assert found.database == "unreachable"
    assert [check.name for check in found.checks if not check.ok] == [
        "database",
        "writing",
        "revision",
        "intake",
    ]
    assert "secret" not in found.model_dump_json()
    assert "127.0.0.1" not in found.model_dump_json()
