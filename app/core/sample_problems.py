"""Problems of samples: part of the catalogue (`core/problems.py`), kept apart to be found."""

from app.core.errors import Problem
from app.core.texts import Text


class SampleUnknown(Problem):
    code, status = "sample_unknown", 404
    title = Text("Không có mẫu khảo sát này", "There is no such sample")
    detail = Text("Không thấy mẫu khảo sát.", "The sample is not known.")


class SampleExists(Problem):
    code, status = "sample_exists", 409
    title = Text("Đơn vị đã có mẫu khảo sát tên này", "The unit has a sample of this name")
    detail = Text(
        "Mỗi lần rút mẫu có một tên; mẫu đã rút không bao giờ đổi.",
        "Each draw has a name of its own; a drawn sample never changes.",
    )
