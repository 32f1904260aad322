"""The columns of exports and the code book that explains them. Pure.

What is not here is not exported, whatever the table holds: no moment, no device, no counter, no id of the
client's making. A response in a file tells what the list of responses tells, and not one thing more.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.core.texts import Text
from app.questionnaires.definition import Definition


class Column(NamedTuple):
    """One column. `typed`: somebody typed what stands in it, so a spreadsheet might take it for a formula."""

    name: str
    meaning: Text
    typed: bool = False


UNIT = Column("unit", Text("Mã đơn vị", "Code of the unit"), typed=True)
PROCEDURE = Column("procedure", Text("Mã thủ tục, nếu biết", "Code of the procedure, if known"), typed=True)
COMMENT = Column("comment", Text("Góp ý nguyên văn", "The comment, word for word"), typed=True)
QUESTIONNAIRE = Column("questionnaire", Text("Mã phiếu khảo sát", "Code of the questionnaire"))
VERSION = Column("version", Text("Phiên bản phiếu", "Version of the questionnaire"))

BEFORE_ANSWERS = (
    UNIT,
    Column("local_day", Text("Ngày của phản hồi", "Day of the response")),
    QUESTIONNAIRE,
    VERSION,
    Column("channel", Text("Kênh trả lời", "Which way it came")),
    Column("verdict", Text("Có được tính hay không", "Whether it counts")),
    Column("verdict_reason", Text("Vì sao không được tính", "Why it does not count"), typed=True),
    PROCEDURE,
)
AFTER_ANSWERS = (
    Column("language", Text("Ngôn ngữ đã dùng", "Language it was given in")),
    Column("complete", Text("Đã trả lời đến cuối phiếu", "Whether the citizen reached the end")),
)
INDICES = (
    UNIT,
    Column("unit_name", Text("Tên đơn vị", "Name of the unit"), typed=True),
    Column("unit_kind", Text("Loại đơn vị", "Kind of unit")),
    Column("parent", Text("Mã đơn vị cấp trên", "Code of the unit above"), typed=True),
    Column("from", Text("Ngày đầu kỳ", "First day of the period")),
    Column("to", Text("Ngày cuối kỳ", "Last day of the period")),
    QUESTIONNAIRE,
    VERSION,
    Column("formula", Text("Công thức", "Formula")),
    Column("component", Text("Mã yếu tố, hoặc overall", "Code of the component, or overall")),
    Column("title", Text("Tên yếu tố", "Title of the component"), typed=True),
    Column("percent", Text("Tỷ lệ hài lòng, %", "Satisfaction, %")),
    Column("low", Text("Cận dưới khoảng tin cậy 95 %", "Lower end of the 95 % interval")),
    Column("high", Text("Cận trên khoảng tin cậy 95 %", "Upper end of the 95 % interval")),
    Column("band", Text("Mức", "Band")),
    Column("answers", Text("Số câu trả lời hợp lệ", "Valid answers")),
    Column("satisfied", Text("Số câu trả lời 4 hoặc 5", "Answers of 4 or 5")),
    Column("n", Text("Số người đã trả lời phần này", "People who answered any of it")),
    Column("responses", Text("Số phản hồi được tính", "Counted responses")),
    Column("held_back", Text("Số phản hồi bị giữ lại", "Responses held back")),
    Column("visits", Text("Số lượt giao dịch", "Visits")),
    Column("visits_answered", Text("Số lượt đã trả lời", "Visits whose link was answered")),
    Column("response_rate", Text("Tỷ lệ trả lời, %", "Response rate, %")),
)

VALUES: Mapping[str, Mapping[str, Text]] = {
    "channel": {
        "kiosk": Text("Máy tính bảng tại quầy", "Tablet at the desk"),
        "link": Text("Liên kết trên phiếu hẹn", "Link on the receipt"),
        "import": Text("Nhập từ tệp", "Imported"),
    },
    "verdict": {
        "counted": Text("Được tính", "Counted"),
        "quarantined": Text("Bị giữ lại", "Held back"),
        "void": Text("Bị loại", "Void"),
    },
    "complete": {"true": Text("Có", "Yes"), "false": Text("Không", "No")},
}
ANSWERS: Mapping[str, Text] = {
    "": Text("Không trả lời hoặc không áp dụng", "No answer, or not applicable"),
    "1": Text("Rất không hài lòng", "Very dissatisfied"),
    "2": Text("Không hài lòng", "Dissatisfied"),
    "3": Text("Bình thường", "Neither"),
    "4": Text("Hài lòng", "Satisfied"),
    "5": Text("Rất hài lòng", "Very satisfied"),
}


def response_columns(definition: Definition, *, comments: bool) -> tuple[Column, ...]:
    """One column a criterion, then one for each thing a respondent may tell."""
    return (
        *BEFORE_ANSWERS,
        *(Column(each.code, Text(*_pair(each.text))) for each in definition.criteria),
        *(Column(each.code, Text(*_pair(each.title))) for each in definition.respondent_fields),
        *AFTER_ANSWERS,
        *([COMMENT] if comments else []),
    )


class Code(NamedTuple):
    """One line of the code book: a column (value None) or one value that may stand in it."""

    column: str
    value: str | None
    vi: str
    en: str


def code_book(definition: Definition) -> Iterator[Code]:
    """Every column of the questionnaire's responses, each followed by its values."""
    options: dict[str, Mapping[str, Text]] = {**VALUES}
    options |= {each.code: ANSWERS for each in definition.criteria}
    for field in definition.respondent_fields:
        options[field.code] = {option.code: Text(*_pair(option.title)) for option in field.options}
    for column in response_columns(definition, comments=True):
        yield Code(column.name, None, column.meaning.vi, column.meaning.en)
        for value, meaning in options.get(column.name, {}).items():
            yield Code(column.name, value, meaning.vi, meaning.en)


def _pair(text: Any) -> tuple[str, str]:
    return text.vi, text.en
