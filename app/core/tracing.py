"""Traces for OpenTelemetry, where `OTEL_EXPORTER_OTLP_ENDPOINT` names who collects them; else nothing.

A span of a request is called by its route's template and holds its request id, which its log line has, too;
beneath it stand the statements it sent to the database, without their values. No path, no address, no header
and no error's words go into a span: FastAPI's own telemetry tells the path, which may be a link's code, so it
is off, and this is instead. A caller's trace is not continued: whoever asks must not decide what we record.

The library that sends them is an extra (`requirements-tracing.txt`); its own variables say the rest, such as
`OTEL_TRACES_SAMPLER`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import logs, metrics

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_SPAN = "sipas span"

_tracer: Tracer | None = None


def wanted() -> bool:
    """Whether somebody collects traces, and what sends them is here."""
    return _asked_for() and lacking() is None


def lacking() -> str | None:
    """What to tell an operator who asks for traces and has not installed what sends them."""
    if not _asked_for() or _installed():
        return None
    return "no traces are sent: install requirements-tracing.txt, or unset OTEL_EXPORTER_OTLP_ENDPOINT"


def _installed() -> bool:
    try:
        return find_spec(_EXPORTER) is not None  # it brings the rest
    except ModuleNotFoundError:  # not even what it lies in
        return False


def _asked_for() -> bool:
    return any(os.environ.get(name) for name in ENDPOINTS)


@contextmanager
def sent() -> Iterator[None]:
    """Send traces while this lasts, where that is wanted; what waits to be sent is sent at the end."""
    global _tracer  # noqa: PLW0603  one a process, as are the instruments of metrics
    if not wanted():
        yield
        return
    sdk, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
    resources = import_module("opentelemetry.sdk.resources")
    about = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "sipas"),
        "service.version": version("sipas"),
    }
    provider = sdk.TracerProvider(resource=resources.Resource.create(about))
    provider.add_span_processor(export.BatchSpanProcessor(import_module(_EXPORTER).OTLPSpanExporter()))
    _tracer = provider.get_tracer("sipas")
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[Span | None]:
    """A piece of work; None when nobody asks. Of an error, its kind is told."""
    if _tracer is None:
        yield None
        return
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except BaseException as error:
            _failed(begun, error)
            raise


class Traced:
    """Stands around everything else and tells of each request; only where traces are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with span("request", SpanKind.SERVER) as begun:
            try:
                await self.app(scope, receive, noting)
            finally:
                if begun is not None:
                    _answered(begun, scope, status)


def watch(engine: AsyncEngine) -> None:
    """Tell what an engine's statements take, of those that belong to a piece of work."""
    if _tracer is not None:
        event.listen(engine.sync_engine, "before_cursor_execute", _before)
        event.listen(engine.sync_engine, "after_cursor_execute", _after)
        event.listen(engine.sync_engine, "handle_error", _on_error)


def _answered(begun: Span, scope: Scope, status: int) -> None:
    """Name a request, now that its route is known."""
    method = scope["method"] if scope["method"] in metrics.METHODS else "OTHER"
    route = getattr(scope.get("route"), "path_format", metrics.UNMATCHED)
    begun.update_name(f"{method} {route}")
    begun.set_attribute("http.request.method", method)
    begun.set_attribute("http.route", route)
    begun.set_attribute("http.response.status_code", status)
    begun.set_attribute("request_id", logs.request_id.get() or "")
    if status >= 500:
        begun.set_status(Status(StatusCode.ERROR))


def _before(connection: Connection, _: Any, statement: str, *__: Any) -> None:
    if _tracer is None or not trace.get_current_span().is_recording():
        return
    connection.info[_SPAN] = _tracer.start_span(
        statement.split(None, 1)[0],
        kind=SpanKind.CLIENT,
        attributes={"db.system.name": "postgresql", "db.query.text": statement},
    )


def _after(connection: Connection, *_: Any) -> None:
    if begun := connection.info.pop(_SPAN, None):
        begun.end()


def _on_error(context: ExceptionContext) -> None:
    if context.connection is not None and (begun := context.connection.info.pop(_SPAN, None)):
        _failed(begun, context.original_exception)
        begun.end()


def _failed(begun: Span, error: BaseException) -> None:
    begun.set_status(Status(StatusCode.ERROR))
    begun.set_attribute("error.type", type(error).__name__)
