"""What is asked of exports and what is said of them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter

from app.core.csvs import DECIMAL, DELIMITER, CsvStyle, Delimiter, Point
from app.core.schema import Code, Day, In, Out
from app.core.texts import Language
from app.rollups.index import Formula

Format = Literal["csv", "jsonl", "xlsx"]
MEDIA: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_EXAMPLE: dict[str, JsonValue] = {
    "from": "2026-10-01",
    "to": "2026-10-31",
    "questionnaire": "quick-5",
    "version": 1,
}


def _is_none(value: object) -> bool:
    return value is None


class _Asked(In):
    """One questionnaire version, a period, and the units: versions are never mixed in one file."""

    format: Format = Field("csv", description="CSV (UTF-8 with BOM), JSON Lines or XLSX.")
    delimiter: Delimiter | None = Field(None, description=DELIMITER, exclude_if=_is_none)
    decimal: Point | None = Field(None, description=DECIMAL, exclude_if=_is_none)
    unit: Code | None = Field(
        None, description="This unit and what is beneath it; default: all you reach.", examples=["24"]
    )
    first: Day = Field(alias="from", description="First local day.", examples=["2026-10-01"])
    last: Day = Field(alias="to", description="Last local day.", examples=["2026-10-31"])
    questionnaire: Code = Field(description="Code of the questionnaire.", examples=["quick-5"])
    version: int = Field(ge=1, le=9999, description="Its version.", examples=[1])

    @property
    def style(self) -> CsvStyle:
        """How a CSV file of it is wanted."""
        return CsvStyle(self.delimiter, self.decimal)


class AskedResponses(_Asked):
    """Responses as a table, one row each."""

    channel: Literal["kiosk", "link", "import"] | None = Field(None, description="Only these; default: all.")
    verdict: Literal["counted", "quarantined", "void"] | None = Field(
        None, description="Only these; default: all, told apart by the column `verdict`."
    )
    comments: bool = Field(
        False,
        description="With what citizens wrote, which may name people: needs `responses:review` as well.",
    )


class AskedIndices(_Asked):
    """Figures as a table: for each unit, with everything beneath it, the whole and each component."""

    formula: Formula | None = Field(None, description="Default: the questionnaire's official one.")
    language: Language = Field("vi", description="Of the components' titles.")


class ResponsesOrder(AskedResponses):
    """An order of responses."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"what": "responses", "format": "csv", "unit": "24", **_EXAMPLE}]}
    )

    what: Literal["responses"]


class IndicesOrder(AskedIndices):
    """An order of figures."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"what": "indices", "format": "xlsx", "unit": "24", **_EXAMPLE}]}
    )

    what: Literal["indices"]


Order = Annotated[ResponsesOrder | IndicesOrder, Field(discriminator="what")]
ORDERS: TypeAdapter[ResponsesOrder | IndicesOrder] = TypeAdapter(Order)


class ExportOut(Out):
    """One export. Its row stays when its file has gone."""

    id: UUID
    state: Annotated[
        Literal["queued", "running", "done", "failed", "expired"],
        Field(description="`expired`: it was done, and its file is no longer kept."),
    ]
    streamed: Annotated[bool, Field(description="Taken at once: no file was kept.")]
    query: Annotated[dict[str, Any], Field(description="What was asked for.")]
    rows: Annotated[int, Field(description="Rows so far; exact once it is done.")]
    rows_total: Annotated[int | None, Field(description="Rows it will have, once they have been counted.")]
    size: Annotated[int | None, Field(description="Bytes of the file.")]
    sha256: Annotated[str | None, Field(description="SHA-256 of the file, in hex digits.")]
    failure: Annotated[
        Literal["broken_off", "out_of_reach", "gave_up"] | None, Field(description="Why it failed.")
    ]
    created_at: datetime
    finished_at: datetime | None
    expires_at: Annotated[datetime, Field(description="Until then the file is kept.")]
    file: Annotated[str | None, Field(description="Where the file is taken from, once there is one.")]


class CodeOut(Out):
    """A column (`value` null), or one value that may stand in it."""

    column: str
    value: str | None
    vi: str
    en: str


class CodeBook(Out):
    """What the columns and codes of a questionnaire's responses mean."""

    questionnaire: str
    version: int
    items: list[CodeOut]
