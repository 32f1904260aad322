"""From an order to the bytes of its file: which rows, written by whom. The same for streams and jobs."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg

from app.exports import statements, writers
from app.exports.columns import INDICES, response_columns
from app.exports.figures import Table
from app.exports.schemas import IndicesOrder, ResponsesOrder
from app.exports.writers import AS_CSV, AS_LINES, Batch, Tally
from app.questionnaires.published import Published
from app.rollups.spans import Spans

ROWS_AT_ONCE = 2_000
UNITS_AT_ONCE = 100

AnyOrder = ResponsesOrder | IndicesOrder
Tops = list[int] | None


async def count(
    connection: asyncpg.Connection, order: AnyOrder, tops: Tops, published: Published
) -> int | None:
    """How many rows there will be; None for figures, which are soon done."""
    if not isinstance(order, ResponsesOrder):
        return None
    found: int = await connection.fetchval(statements.COUNT, *_filters(order, tops, published))
    return found


def produce(
    connection: asyncpg.Connection,
    order: AnyOrder,
    tops: Tops,
    published: Published,
    asked_at: datetime,
    tally: Tally,
) -> AsyncGenerator[bytes, None]:
    """The pieces of the file; `tally` says how far it is. The connection must show one moment."""
    about = [("query", order.model_dump_json(by_alias=True)), ("asked_at", asked_at.isoformat())]
    if isinstance(order, ResponsesOrder):
        return _responses(connection, order, tops, published, about, tally)
    formula = order.formula or published.definition.formula
    table = Table(published, formula, order.first, order.last, order.language)
    names, batches = [column.name for column in INDICES], _figures(connection, tops, table)
    match order.format:
        case "csv":
            return writers.csv_lines(names, batches, tally, order.style)
        case "jsonl":
            return writers.json_lines(names, batches, tally)
        case "xlsx":
            return writers.workbook("Indices", names, batches, about, tally)


def _responses(
    connection: asyncpg.Connection,
    order: ResponsesOrder,
    tops: Tops,
    published: Published,
    about: list[tuple[str, str]],
    tally: Tally,
) -> AsyncGenerator[bytes, None]:
    definition = published.definition
    columns = response_columns(definition, comments=order.comments)
    given = _filters(order, tops, published)
    plain = statements.responses(columns, definition, harmless=False)
    match order.format:
        case "csv":
            harmless = statements.responses(columns, definition, harmless=True)
            options = {**AS_CSV, "delimiter": order.style.mark}
            return writers.copied(connection, harmless, given, options, tally)
        case "jsonl":
            return writers.copied(connection, statements.as_json(plain), given, AS_LINES, tally)
        case "xlsx":
            names = [column.name for column in columns]
            return writers.workbook("Responses", names, _rows(connection, plain, given), about, tally)


def _filters(order: ResponsesOrder, tops: Tops, published: Published) -> list[object]:
    return [tops, published.id, order.first, order.last, order.channel, order.verdict]


async def _rows(
    connection: asyncpg.Connection, select: str, given: list[object], at_once: int = ROWS_AT_ONCE
) -> AsyncIterator[list[Any]]:
    """Some records at a time, from a cursor of the server's."""
    cursor = await connection.cursor(select, *given)
    while batch := await cursor.fetch(at_once):
        yield batch


async def _figures(connection: asyncpg.Connection, tops: Tops, table: Table) -> AsyncIterator[Batch]:
    """The figures of some units at a time."""
    spans = Spans.of(table.first, table.last)
    given = [tops, table.published.id, *statements.figure_bounds(spans)]
    async for units in _rows(connection, statements.figures(spans), given, UNITS_AT_ONCE):
        yield [row for unit in units for row in table.rows(unit)]
