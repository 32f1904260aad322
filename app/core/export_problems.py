"""The catalogue's part about exports."""

from app.core.errors import Problem
from app.core.texts import Text


class ExportUnknown(Problem):
    code, status = "export_unknown", 404
    title = Text("Không có bản xuất này", "There is no such export")
    detail = Text(
        "Bản xuất không có, của người khác, hoặc đã ra ngoài phạm vi của bạn.",
        "It does not exist, is somebody else's, or lies outside your reach by now.",
    )


class ExportNotReady(Problem):
    code, status = "export_not_ready", 409
    title = Text("Bản xuất chưa có tệp", "The export has no file yet")
    detail = Text("Xem trạng thái của bản xuất rồi thử lại.", "Look at its state, then try again.")


class ExportExpired(Problem):
    code, status = "export_expired", 410
    title = Text("Tệp xuất đã hết hạn", "The export's file has expired")
    detail = Text("Tệp không còn được giữ; hãy xuất lại.", "The file is no longer kept; export it again.")


class ExportTooLarge(Problem):
    code, status = "export_too_large", 409
    title = Text("Quá lớn để tải thẳng", "Too large to be taken at once")
    detail = Text(
        "Hơn {limit} dòng ở dạng XLSX: hãy đặt bằng POST /api/v1/exports, hoặc lấy CSV.",
        "More than {limit} rows as XLSX: order it with POST /api/v1/exports, or take CSV.",
    )


class TooManyExports(Problem):
    code, status = "too_many_exports", 409
    title = Text("Đang có quá nhiều bản xuất chờ", "Too many exports are waiting")
    detail = Text(
        "Mỗi người có nhiều nhất {limit} bản đang chờ hoặc đang chạy.",
        "At most {limit} of yours may be waiting or running.",
    )
