"""The doctor finds what is wrong and says what to do; where there is nothing yet, it does what it can."""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import app as cli
from app.core.backups import read_manifest, write_manifest
from app.core.database import Database
from app.core.revision import HEAD
from app.core.settings import Settings
from app.doctor import machine, server
from app.doctor.examine import DATABASE, MACHINE, examine
from app.doctor.facts import Facts, ask
from app.doctor.finding import Finding, span
from tests.conftest import SECRET
from tests.support.backed_up import folder_of, planted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WELL = Facts(
    version="18.1",
    major=18,
    settings={
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "200",
        "superuser_reserved_connections": "3",
        "shared_buffers": str(2**28),
        "TimeZone": "UTC",
        "statement_timeout": "30000",
    },
    encoding="UTF8",
    bytes=10**8,
    encrypted=True,
    skew=timedelta(milliseconds=3),
    now=NOW,
    revision=HEAD,
    last_line=NOW - timedelta(hours=1),
    oldest_stale=NOW - timedelta(seconds=2),
    jobs_seen=NOW - timedelta(seconds=8),
)
FAR = "postgresql://sipas@db.example.vn/sipas"


def given(**changes: object) -> Settings:
    return Settings(
        **{"environment": "production", "secret_key": SecretStr(SECRET), "database_url": FAR, **changes}  # type: ignore[arg-type]  # fields of any kind
    )


def said(**changes: str) -> dict[str, str]:
    return {**WELL.settings, **changes}


def test_a_sound_database_has_no_finding_but_ok(tmp_path: Path) -> None:
    settings = given(pg_bin=folder_of(tmp_path, "18.1"))
    for name, check in DATABASE.items():
        assert check(settings, WELL).level == "ok", name


@pytest.mark.parametrize(
    ("check", "facts", "level", "part"),
    [
        ("version", replace(WELL, major=14, version="14.9"), "fault", "PostgreSQL 15"),
        ("durability", replace(WELL, settings=said(fsync="off")), "fault", "SET fsync = on"),
        ("durability", replace(WELL, settings=said(synchronous_commit="off")), "fault", "synchronous_commit"),
        ("sessions", replace(WELL, settings=said(TimeZone="Asia/Ho_Chi_Minh")), "fault", "UTC"),
        ("sessions", replace(WELL, settings=said(statement_timeout="0")), "warning", "time-out"),
        ("encoding", replace(WELL, encoding="SQL_ASCII"), "fault", "ENCODING 'UTF8'"),
        ("revision", replace(WELL, revision=None), "fault", "sipas migrate"),
        ("revision", replace(WELL, revision="0001"), "fault", "sipas migrate"),
        ("revision", replace(WELL, revision="9999"), "warning", "ahead"),
        ("clock", replace(WELL, skew=timedelta(seconds=-5)), "warning", "5 s behind"),
        ("clock", replace(WELL, skew=timedelta(minutes=5)), "fault", "5 min ahead of"),
        ("clock", replace(WELL, last_line=NOW + timedelta(hours=3)), "fault", "set back"),
        ("connections", replace(WELL, settings=said(max_connections="40")), "warning", "max_connections"),
        (
            "memory",
            replace(WELL, bytes=10**10, settings=said(shared_buffers=str(2**27))),
            "warning",
            "shared_buffers",
        ),
        ("encryption", replace(WELL, encrypted=False), "fault", "TLS"),
        ("backup tools", replace(WELL, major=99), "fault", "postgresql-client-99"),
        ("jobs", replace(WELL, jobs_seen=None), "warning", "sipas worker"),
        ("jobs", replace(WELL, jobs_seen=NOW - timedelta(hours=3)), "fault", "3 h"),
        ("jobs", replace(WELL, set_aside=("rollups.nightly_recount",)), "fault", "rollups.nightly_recount"),
        ("figures", replace(WELL, oldest_stale=NOW - timedelta(minutes=3)), "warning", "3 min"),
        ("figures", replace(WELL, oldest_stale=NOW - timedelta(hours=1)), "fault", "job runner"),
        ("publications", replace(WELL, testable_documents=2), "warning", "sipas period reissue"),
    ],
)
def test_what_is_wrong_with_a_database_is_named_with_what_to_do(
    check: str, facts: Facts, level: str, part: str
) -> None:
    finding = DATABASE[check](given(), facts)
    assert finding.level == level
    assert part in f"{finding.says} {finding.do}"
    assert finding.do


@pytest.mark.parametrize(
    ("check", "settings", "level", "part"),
    [
        (machine.environment, {"environment": "development"}, "warning", "SIPAS_ENVIRONMENT"),
        (machine.address, {}, "fault", "SIPAS_BASE_URL"),
        (machine.address, {"base_url": "http://sipas.example.vn"}, "fault", "not encrypted"),
        (machine.address, {"base_url": "https://sipas.example.vn"}, "ok", "https"),
        (machine.origins, {"cors_origins": ["*"]}, "warning", "SIPAS_CORS_ORIGINS"),
        (machine.proxies, {"forwarded_allow_ips": "*"}, "warning", "SIPAS_FORWARDED_ALLOW_IPS"),
        (machine.transport, {}, "warning", "verify-full"),
        (machine.transport, {"database_url": f"{FAR}?sslmode=verify-full"}, "ok", "checked"),
        (machine.transport, {"database_url": "postgresql:///d?host=db.example.vn"}, "warning", "verify-full"),
        (machine.transport, {"database_url": "postgresql:///d?host=%2Frun"}, "ok", "this machine"),
    ],
)
def test_settings_that_are_allowed_and_not_wise_are_named(
    check: object, settings: dict[str, object], level: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    assert callable(check)
    finding: Finding = check(given(**settings))
    assert finding.level == level
    assert part in f"{finding.says} {finding.do}"


def test_files_others_may_read_are_named(tmp_path: Path) -> None:
    settings = given(environment="development", secret_key=None, database_url=None, data_dir=tmp_path)
    assert settings.secret
    tmp_path.chmod(0o700)
    assert (machine.secret(settings).level, machine.rights(settings).level) == ("ok", "ok")
    settings.secret_file.chmod(0o644)
    tmp_path.chmod(0o755)
    assert machine.secret(settings) == Finding(
        "fault",
        f"others may read {settings.secret_file}, and forge links with it",
        f"chmod 600 {settings.secret_file}",
    )
    assert machine.rights(settings).do == f"chmod go-rw {tmp_path}"


@pytest.mark.parametrize(
    ("unsettled", "says"),
    [(0, "none ties"), (3, "1 made with answered visits"), (None, "1 made with answered")],
)
def test_backups_from_which_responses_can_be_tied_to_visits_are_named(
    tmp_path: Path, unsettled: int | None, says: str
) -> None:
    """None: a backup of an older release, which did not look."""
    dump = planted(tmp_path, 0, [])
    write_manifest(dump, read_manifest(dump).model_copy(update={"unsettled": unsettled}))  # type: ignore[union-attr]  # just written
    finding = machine.settled(given(backup_dir=tmp_path))
    assert finding.says.startswith(says)
    assert (finding.level, dump.name in finding.says) == (
        ("ok", False) if unsettled == 0 else ("warning", True)
    )


@pytest.mark.parametrize(("free", "level"), [(50, "ok"), (5, "warning"), (1, "fault")])
def test_a_disk_that_fills_up_is_named(free: int, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=100 * 10**9, free=free * 10**9)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert machine.disk(given()).level == level


async def test_a_running_database_is_asked_about_itself(database: Database, settings: Settings) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO audit_lines (actor, action, target, details) VALUES ('system', 'a', 't', '{}')")
        )
        await session.execute(text("INSERT INTO stale_unit_days (unit_id, local_day) VALUES (1, now())"))
    facts = await ask(settings)
    assert facts.major >= 15
    assert facts.settings["TimeZone"] == "UTC"
    assert facts.revision == HEAD
    assert facts.bytes > 10**6
    assert facts.last_line is not None
    assert facts.oldest_stale is not None
    assert server.durability(settings, facts).level == "ok"
    found = dict(await asyncio.to_thread(lambda: list(examine(settings))))
    assert found.keys() == {*MACHINE, *DATABASE, "way to it", "database", "backup's way"}


def run(monkeypatch: pytest.MonkeyPatch, **settings: str) -> tuple[int, dict[str, str]]:
    for name in [name for name in os.environ if name.startswith("SIPAS_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(f"SIPAS_{name.upper()}", value)
    ended = CliRunner().invoke(cli, ["doctor", "--json"])
    lines = orjson.loads(ended.stdout)
    assert max(Counter(line["check"] for line in lines).values()) == 1
    return ended.exit_code, {line["check"]: line["level"] for line in lines}


def test_before_the_first_start_nothing_is_made_and_nothing_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, found = run(monkeypatch, data_dir=str(tmp_path / "new"))
    assert code == 0
    assert found["database"] == "ok"
    assert found["backups"] == "warning"
    assert not (tmp_path / "new").exists()


def test_a_database_that_is_down_is_one_fault_and_the_rest_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    down = "postgresql://nobody@127.0.0.1:1/none"
    code, found = run(monkeypatch, data_dir=str(tmp_path), database_url=down)
    assert code == 1
    assert found["database"] == "fault"
    assert found.keys() == {"settings", *MACHINE, "way to it", "database"}


def test_settings_that_cannot_be_read_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, environment="production", secret_key=SECRET) == (1, {"settings": "fault"})


@pytest.mark.parametrize(
    ("seconds", "shown"), [(3, "3 s"), (-90, "90 s"), (600, "10 min"), (90_000, "25 h"), (864_000, "10 days")]
)
def test_a_span_is_said_as_people_say_it(seconds: int, shown: str) -> None:
    assert span(timedelta(seconds=seconds)) == shown
