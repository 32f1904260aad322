"""What routes ask for: sessions, the page of a list, the period, the caller's language.

`WriteSession` commits when the route has returned and before the answer leaves (function scope), so that a
client never hears "created" of something that then failed to commit.

Every dependency is `async def`, even where nothing is awaited: FastAPI sends a plain function to a thread,
which costs a request more than all the rest of its way.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import MAX_PERIOD_YEARS, is_too_long
from app.core.csvs import DECIMAL, DELIMITER, CsvStyle, Delimiter, Point
from app.core.database import Database, Reader
from app.core.faults import Fault
from app.core.paging import DEFAULT_LIMIT, MAX_LIMIT, PageQuery
from app.core.problems import InvalidRequest
from app.core.schema import Day
from app.core.settings import Settings
from app.core.texts import Language


async def anyone() -> None:
    """The guard of a route that is open on purpose: `dependencies=[Depends(anyone)]`."""


async def get_settings(request: Request) -> Settings:
    """The settings the application was made with."""
    settings: Settings = request.app.state.settings
    return settings


async def get_database(request: Request) -> Database:
    """The database of this process."""
    database: Database = request.app.state.database
    return database


async def _write_session(database: Annotated[Database, Depends(get_database)]) -> AsyncIterator[AsyncSession]:
    async with database.write() as session, session.begin():
        yield session


async def _read_session(database: Annotated[Database, Depends(get_database)]) -> AsyncIterator[AsyncSession]:
    async with database.read() as session:
        yield session


async def _figure_session(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[AsyncSession]:
    async with database.reader.read() as session:
        yield session


async def get_reader(request: Request) -> Reader:
    """The reading side of this process's database."""
    database: Database = request.app.state.database
    return database.reader


WriteSession = Annotated[AsyncSession, Depends(_write_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(_read_session, scope="function")]
FigureSession = Annotated[AsyncSession, Depends(_figure_session, scope="function")]
"""For figures, which a replica may show; what was just written is read with a ReadSession."""
DatabaseReader = Annotated[Reader, Depends(get_reader)]
AppSettings = Annotated[Settings, Depends(get_settings)]


def pick_language(accept: str | None) -> Language:
    """vi or en, whichever the Accept-Language header ranks first; Vietnamese when it names neither."""
    best: tuple[float, Language] | None = None
    for part in (accept or "").split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        primary = tag.split("-")[0].lower()
        if primary not in {"vi", "en"}:
            continue
        try:
            quality = float(weight.split("=")[1]) if "=" in weight else 1.0
        except ValueError:
            quality = 0.0
        language: Language = "en" if primary == "en" else "vi"
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, language)
    return best[1] if best else "vi"


async def get_language(request: Request) -> Language:
    """The language this caller reads."""
    return pick_language(request.headers.get("accept-language"))


UserLanguage = Annotated[Language, Depends(get_language)]


async def _page_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")] = None,
) -> PageQuery:
    return PageQuery(limit, cursor)


Paging = Annotated[PageQuery, Depends(_page_query)]


async def _csv_style(
    delimiter: Annotated[Delimiter | None, Query(description=DELIMITER)] = None,
    decimal: Annotated[Point | None, Query(description=DECIMAL)] = None,
) -> CsvStyle:
    return CsvStyle(delimiter, decimal)


AskedStyle = Annotated[CsvStyle, Depends(_csv_style)]


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date


async def _period(
    first: Annotated[Day, Query(alias="from", description="First local day.", examples=["2026-10-01"])],
    last: Annotated[Day, Query(alias="to", description="Last local day.", examples=["2026-10-31"])],
) -> Period:
    if first > last:
        raise InvalidRequest(faults=[Fault("/from", "period_reversed")])
    if is_too_long(first, last):
        raise InvalidRequest(faults=[Fault("/to", "period_too_long", {"years": MAX_PERIOD_YEARS})])
    return Period(first, last)


InPeriod = Annotated[Period, Depends(_period)]
