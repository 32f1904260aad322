"""Traces, sent by a real service to a collector that is listened to here."""

import gzip
import shutil
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core import tracing
from app.core.database import Database
from app.core.settings import Settings
from app.core.tokens import derive_key
from app.visits.links import LinkCodes
from tests.support import said
from tests.support.server import start
from tests.support.world import World

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_without_a_collector_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert not tracing.wanted()
    assert tracing.lacking() is None


@pytest.mark.skipif(find_spec("opentelemetry.sdk") is not None, reason="what sends traces is installed")
def test_a_collector_without_what_sends_traces_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    assert not tracing.wanted()
    assert "requirements-tracing.txt" in str(tracing.lacking())
    with tracing.sent(), tracing.span("work") as begun:
        assert begun is None


def test_whoever_sends_traces_runs_the_same_versions_as_all_others() -> None:
    def locked(name: str) -> set[str]:
        lines = (Path(__file__).parents[2] / name).read_text().splitlines()
        return {line.partition(" ")[0] for line in lines if "==" in line}

    without = locked("requirements.txt")
    assert len(without) > 40
    assert without - locked("requirements-tracing.txt") == set()


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What a collector has been sent."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")  # its own spans would tell the paths
        yield received
        server.shutdown()


async def test_a_trace_names_routes_and_statements_and_nobody(
    collected: list[bytes], database: Database, world: World, settings: Settings
) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="install requirements-tracing.txt to send traces")
    unit_id, visit_id = await said.visit(world)
    code = LinkCodes(derive_key(settings.secret, "link-codes")).mint(unit_id, visit_id)
    _, tablet = await said.device(world)
    directory = Path(tempfile.mkdtemp(prefix="sipas-traced-"))
    server = start(
        directory, "--no-worker", database_url=str(settings.database_url), secret_key=settings.secret
    )
    headers = {"X-Forwarded-For": "203.0.113.77", "X-Request-ID": "seen-from-outside"}
    form = {"grant_type": "password", "username": "Nguyễn Bí Mật", "password": "mat-khau-khong-ai-biet"}
    async with httpx.AsyncClient(base_url=server.url, timeout=60, headers=headers) as client:
        await client.get(f"/s/{code}", params={"lang": "vi"})
        body = said.body(comment="0912345678 là số của tôi")
        assert (await client.post("/api/v1/responses", json=body, headers=tablet)).status_code == 201
        await client.get("/nowhere/0912345678")
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE users RENAME username TO lost"))
        try:
            await client.post("/api/v1/auth/token", data=form)
        finally:
            async with database.transaction() as session:
                await session.execute(text("ALTER TABLE users RENAME lost TO username"))
    assert server.stop() == 0  # what waits is sent before it ends
    shutil.rmtree(directory, ignore_errors=True)
    service: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    spans = [
        span
        for body in collected
        for resource in service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    names = {span.name for span in spans}
    assert {
        "GET /s/{code}",
        "POST /api/v1/responses",
        "GET unmatched",
        "POST /api/v1/auth/token",
        "intake batch",
        "SELECT",
    } <= names
    asked = {span.name: span for span in spans}
    failed = asked["POST /api/v1/auth/token"]
    assert failed.status.code == 2
    assert any(span.parent_span_id == failed.span_id and span.status.code == 2 for span in spans)
    told = {one.key: one.value for one in asked["GET /s/{code}"].attributes}
    assert told["request_id"].string_value == "seen-from-outside"
    everything = b"".join(collected)
    for secret in (code, "0912345678", "Bí Mật", form["password"], "203.0.113.77", body["id"]):
        assert secret.encode() not in everything
