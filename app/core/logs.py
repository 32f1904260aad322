"""Logs: one JSON object a line, with the request's id and never a person's data.

What is logged of a request is its route's template (`/s/{code}`), never the path itself: a link code in a
log beside a time would tie a response to its visit. Of an error its kind and its place are logged, not its
words (`core/tracebacks.py`). A flood of one warning is thinned: its first lines a minute tell what there is
to know, and a last one how many there were.
"""

import logging
import logging.config
import time
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

from app.core.tracebacks import safe_traceback

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

ALIKE_A_MINUTE = 20
_MINUTE = 60.0
_MOST_KINDS = 1000
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: at, level, logger, message, request_id, and what `extra` adds."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.name == "asyncio":  # below its first line it prints a task with the error's words
            message = message.partition("\n")[0]
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = safe_traceback(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


class ThinningHandler(logging.StreamHandler):  # type: ignore[type-arg]  # dictConfig gives it its stream
    """Standard error, with at most twenty warnings of a kind in a minute: logger, level and message alike.

    How many were left out is said once their minute is over, by the next line of any kind or at the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, int, str], int] = {}
        self._until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() >= self._until:
            self._say_what_was_left_out()
            self._until = time.monotonic() + _MINUTE
        if record.levelno >= logging.WARNING:
            kind = record.name, record.levelno, str(record.msg)
            if len(self._kinds) < _MOST_KINDS or kind in self._kinds:
                self._kinds[kind] = seen = self._kinds.get(kind, 0) + 1
                if seen > ALIKE_A_MINUTE:
                    return
        super().emit(record)

    def close(self) -> None:
        self.acquire()
        try:
            self._say_what_was_left_out()
        finally:
            self.release()
        super().close()

    def _say_what_was_left_out(self) -> None:
        kinds, self._kinds = self._kinds, {}
        for (name, level, message), seen in kinds.items():
            if seen > ALIKE_A_MINUTE:
                left_out = logging.LogRecord(name, level, "", 0, "lines like this were left out", None, None)
                left_out.like, left_out.left_out = message.partition("\n")[0], seen - ALIKE_A_MINUTE
                super().emit(left_out)


def configure_logs(level: str) -> None:
    """Send every logger of the process to standard error as JSON lines."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {"stderr": {"()": ThinningHandler, "formatter": "json"}},
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {
                "uvicorn": {"level": level.upper(), "handlers": [], "propagate": True},
                "uvicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
                "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
                "pgqueuer": {"level": "WARNING", "handlers": [], "propagate": True},
                # the pools: SQLAlchemy names their loggers after our classes
                "app.core.database": {"level": "WARNING", "handlers": [], "propagate": True},
                # every question to a sign-on, with its whole address
                "httpx": {"level": "WARNING", "handlers": [], "propagate": True},
                "alembic": {"level": "WARNING", "handlers": [], "propagate": True},
            },
        }
    )
