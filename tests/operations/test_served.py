"""A real service as its operator sees it: one scrape for all its processes, and a log that names nobody."""

import asyncio
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from sqlalchemy import text

from app.core import metrics
from app.core.database import Database
from app.core.processes import VARIABLE
from app.core.settings import Settings
from app.core.tokens import derive_key
from app.visits.links import LinkCodes
from tests.operations.test_rules import ALERTS, DASHBOARD, OPERATIONS
from tests.support import said
from tests.support.server import Server, start
from tests.support.waiting import until
from tests.support.world import World

OF_OTHERS = {
    "up": "Prometheus itself",
    "probe_ssl_earliest_cert_expiry": "blackbox exporter",
    "probe_success": "blackbox exporter",
    "node_filesystem_avail_bytes": "node exporter",
    "node_filesystem_size_bytes": "node exporter",
}
WORDS_OF_PROMQL = {"by", "on", "and", "or", "vector", "le"}


@pytest.fixture(scope="module")
def server(migrated_url: str, settings: Settings) -> Iterator[Server]:
    """Two web processes and a job runner on the tests' database; every request is logged."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-served-"))
    served = start(
        directory,
        "--workers",
        "2",
        database_url=migrated_url,
        secret_key=settings.secret,
        log_sample="1",
    )
    yield served
    served.stop()
    shutil.rmtree(directory, ignore_errors=True)


def get(server: Server, path: str) -> str:
    """By a connection of its own: now one process takes it, now another."""
    answer = httpx.get(f"{server.url}{path}", timeout=60)
    assert answer.status_code == 200
    return answer.text


def samples(server: Server) -> list[Sample]:
    told = text_string_to_metric_families(get(server, "/metrics"))
    return [sample for family in told for sample in family.samples]


def total(found: list[Sample], name: str, **labels: str) -> float:
    return sum(
        sample.value for sample in found if sample.name == name and labels.items() <= sample.labels.items()
    )


def places(server: Server) -> set[str]:
    return {
        sample.labels["process"]
        for sample in samples(server)
        if sample.name == "sipas_process_resident_memory_bytes"
    }


def directory_of(server: Server) -> Path:
    """Where its processes leave their figures."""
    for child in psutil.Process(server.process.pid).children(recursive=True):
        if named := child.environ().get(VARIABLE):
            return Path(named)
    raise AssertionError("no process knows the directory")


async def test_one_scrape_tells_of_all_processes_and_goes_on_when_one_is_killed(
    server: Server, database: Database
) -> None:
    async def alive() -> set[str]:
        return places(server)

    everybody = {"web0", "web1", "jobs0"}
    assert await until(alive, lambda found: found == everybody) == everybody
    before = total(samples(server), "sipas_http_requests_total", route="/healthz")
    for _ in range(20):
        get(server, "/healthz")
    found = samples(server)
    assert total(found, "sipas_http_requests_total", route="/healthz", status="200") == before + 20
    assert total(found, "sipas_intake_queue_limit") == 10_000
    killed = int((directory_of(server) / "web0").read_text())
    os.kill(killed, signal.SIGKILL)

    async def after() -> list[Sample]:
        return samples(server)

    def succeeded(found: list[Sample]) -> bool:
        """Its successor has taken the place and, now that it serves, has a queue of its own."""
        place = (directory_of(server) / "web0").read_text()
        return place not in {"", str(killed)} and total(found, "sipas_intake_queue_limit") == 10_000

    found = await until(after, succeeded)
    assert places(server) == everybody
    assert total(found, "sipas_http_requests_total", route="/healthz", status="200") == before + 20


def named_in(expression: str) -> set[str]:
    """The metrics a question asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|on|without|ignoring) *\([^)]*\)", " ", bare)
    found = set(re.findall(r"\b[a-z_][a-z0-9_]*\b(?! *\()", bare)) - WORDS_OF_PROMQL
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


async def test_alerts_dashboard_and_document_name_what_is_really_told(
    server: Server, database: Database
) -> None:
    # what has labels is told once there is something to tell: how it will be called, the instruments say
    families = [*text_string_to_metric_families(get(server, "/metrics")), *metrics.INSTRUMENTS.collect()]
    told = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    documented = set(re.findall(r"^\| `(sipas_\w+)` ", (OPERATIONS / "metrics.md").read_text(), re.MULTILINE))
    assert documented == told
    expressions = [rule["expr"] for rule in ALERTS]
    expressions += [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    named = set().union(*map(named_in, expressions))
    assert len(named) >= 25
    assert named - told - OF_OTHERS.keys() == set()
    assert OF_OTHERS.keys() - named == set()


SECRETS = {
    "comment": "Cán bộ tên Trần Văn Kín, điện thoại 0912345678",
    "name": "Lê Thị Ẩn Danh",
    "password": "mat-khau-khong-ai-biet",
    "address": "203.0.113.77",
    "token": "s" * 43,
    "dossier": "H05.18.7-261124-0099",
}


async def test_no_log_line_holds_what_somebody_sent(
    server: Server, database: Database, world: World, settings: Settings
) -> None:
    unit_id, visit_id = await said.visit(world)
    code = LinkCodes(derive_key(settings.secret, "link-codes")).mint(unit_id, visit_id)
    _, tablet = await said.device(world)
    hidden = {**SECRETS, "link": code}
    new = {"username": hidden["name"], "display_name": hidden["name"], "roles": []}
    visit = {"dossier_code": hidden["dossier"], "unit_code": "09001", "served_on": "2026-13-45"}
    form = {"username": hidden["name"], "password": hidden["password"], "grant_type": "password"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/responses", {"json": said.body(comment=hidden["comment"]), "headers": tablet}),
        ("POST", "/api/v1/responses", {"json": said.body(comment=hidden["comment"], link=code)}),
        ("POST", "/api/v1/responses", {"json": said.body(comment=[hidden["comment"]]), "headers": tablet}),
        ("GET", f"/s/{code}", {}),
        ("POST", f"/s/{code}", {"data": {"id": str(uuid4()), "comment": hidden["comment"]}}),
        ("GET", f"/api/v1/links/{code}", {}),
        ("GET", f"/q/{code}.svg", {}),
        ("POST", "/api/v1/auth/token", {"data": form}),
        ("POST", "/api/v1/users", {"json": new, "headers": world.admin}),
        ("POST", "/api/v1/visits", {"json": {"visits": [visit]}, "headers": world.admin}),
        ("GET", f"/api/v1/users?q={hidden['name']}", {"headers": world.admin}),
        ("GET", "/api/v1/units", {"headers": {"Authorization": f"Bearer {hidden['token']}"}}),
    ]
    statuses = []
    # first as things are, then on a database that refuses rows, and on one that lacks what is asked for
    spoilt = (
        ("SELECT 1", "SELECT 1"),
        (
            "ALTER TABLE responses ADD CONSTRAINT no_comments CHECK (comment IS NULL) NOT VALID",
            "ALTER TABLE responses DROP CONSTRAINT no_comments",
        ),
        ("ALTER TABLE users RENAME username TO lost", "ALTER TABLE users RENAME lost TO username"),
        ("ALTER TABLE visits RENAME expires_at TO lost", "ALTER TABLE visits RENAME lost TO expires_at"),
    )
    async with httpx.AsyncClient(
        base_url=server.url, timeout=60, headers={"X-Forwarded-For": hidden["address"]}
    ) as client:
        for spoil, mend in spoilt:
            async with database.transaction() as session:
                await session.execute(text(spoil))
            try:
                for method, path, more in asked:
                    if "json" in more and "id" in more["json"]:
                        more["json"]["id"] = str(uuid4())
                    statuses.append((await client.request(method, path, **more)).status_code)
            finally:
                async with database.transaction() as session:
                    await session.execute(text(mend))
    assert {201, 409, 422, 500} <= set(statuses)

    async def log() -> str:
        return "".join(server.printed)

    def complete(printed: str) -> bool:
        return printed.count('"message":"request"') >= len(statuses)

    printed = await until(log, complete)
    for line in ("response refused by the database", "no_comments", "unexpected error", "UndefinedColumn"):
        assert line in printed
    assert '"route":"/s/{code}"' in printed
    for what, secret in hidden.items():
        assert secret not in printed, f"{what} in the log"
        assert json.dumps(secret)[1:-1] not in printed, f"{what} in the log, escaped"


async def test_nothing_is_left_when_it_stops(server: Server, database: Database) -> None:
    directory = directory_of(server)
    assert directory.exists()
    assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0
    assert not directory.exists()
