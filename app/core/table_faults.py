"""Sentences of faults that uploaded tables have, whatever they are about: a part of `messages`."""

from app.core.texts import Text

MANY_ROWS = Text(
    "(Có {count} dòng như vậy, trước hết là: {rows}.)", "(There are {count} such rows, the first: {rows}.)"
)
"""What is added to the sentence of a fault that many rows share."""

TABLE_FAULTS: dict[str, Text] = {
    "empty_table": Text("Tệp không có dữ liệu.", "The file is empty."),
    "unreadable_workbook": Text(
        "Không đọc được tệp bảng tính: tệp bị hỏng, có mật khẩu, quá lớn hoặc không phải XLSX. "
        "Hãy lưu lại thành XLSX hoặc CSV (UTF-8).",
        "This spreadsheet cannot be read: it is damaged, protected by a password, too large or not XLSX. "
        "Save it again as XLSX or CSV (UTF-8).",
    ),
    "unpacks_too_large": Text(
        "Tệp bảng tính giải nén ra quá {limit} MB.", "The spreadsheet unpacks to more than {limit} MB."
    ),
    "not_utf8": Text(
        "Chữ không ở dạng UTF-8; hãy lưu tệp thành CSV UTF-8.",
        "The text is not UTF-8; save the file as CSV UTF-8.",
    ),
    "lost_letters": Text(
        "Dấu hỏi đứng thay cho chữ tiếng Việt đã mất khi lưu tệp; "
        "hãy lưu lại từ bản gốc thành CSV UTF-8 hoặc XLSX.",
        "Question marks stand for letters that were lost when the file was saved; "
        "save the original again as CSV UTF-8 or XLSX.",
    ),
    "garbled_letters": Text(
        "Chữ bị vỡ vì tệp từng được mở sai bảng mã; hãy lưu lại từ bản gốc thành CSV UTF-8 hoặc XLSX.",
        "The letters are garbled: the file was once opened in a wrong encoding; "
        "save the original again as CSV UTF-8 or XLSX.",
    ),
    "old_font": Text(
        "Chữ viết bằng phông cũ (TCVN3/ABC hoặc VNI); hãy chuyển tệp sang Unicode rồi gửi lại.",
        "The text is written for an old font (TCVN3/ABC or VNI); "
        "convert the file to Unicode and send it again.",
    ),
    "foreign_letter": Text(
        "Có chữ {character} của một hệ chữ khác, chỉ trông giống chữ Latinh; hãy gõ lại.",
        "Holds {character}, a letter of another script that only looks like a Latin one; type it again.",
    ),
    "spreadsheet_error": Text(
        "Ô chứa lỗi công thức của bảng tính.", "The cell holds the error of a spreadsheet's formula."
    ),
    "hidden_character": Text(
        "Có ký tự ẩn hoặc xuống dòng ({character}).",
        "Holds a hidden character or a line break ({character}).",
    ),
    "unknown_column": Text(
        "Không có cột nào tên như vậy; các cột được nhận: {allowed}.",
        "There is no column of this name; the columns are: {allowed}.",
    ),
    "missing_column": Text("Thiếu cột bắt buộc này.", "This required column is missing."),
    "duplicate_column": Text("Cột này có hai lần.", "This column stands there twice."),
    "cell_without_heading": Text(
        "Ô thứ {position} của dòng không thuộc cột nào có tên.",
        "Cell {position} of the row has no heading above it.",
    ),
    "broken_row": Text(
        "Dòng này có dấu ngoặc kép không đóng hoặc ô dài quá {limit} ký tự; phần còn lại chưa được đọc.",
        "A quotation mark in this row is not closed, or a cell is longer than {limit} characters; "
        "the rest was not read.",
    ),
    "too_many_rows": Text(
        "Tệp có quá {limit} dòng; phần còn lại chưa được đọc.",
        "The file has more than {limit} rows; the rest was not read.",
    ),
}
