"""The catalogue's part about the PAR Index: score sheets and other people's figures."""

from app.core.errors import Problem
from app.core.texts import Text


class ParSheetUnknown(Problem):
    code, status = "par_sheet_unknown", 404
    title = Text("Không có phiếu chấm điểm này", "There is no such score sheet")
    detail = Text(
        "Đơn vị {unit} chưa có phiếu chấm điểm năm {year}, hoặc không có bản đó.",
        "The unit {unit} has no score sheet of {year}, or no such revision of it.",
    )


class ParSheetFinal(Problem):
    code, status = "par_sheet_final", 409
    title = Text("Phiếu chấm điểm đã chốt", "The score sheet is final")
    detail = Text(
        "Phiếu đã chốt không thay đổi; muốn lập bản sửa đổi thì ghi lý do (`reason`).",
        "A final sheet does not change; give a `reason` to make a revision.",
    )
