"""The catalogue's part about reading figures."""

from app.core.errors import Problem
from app.core.texts import Text


class MappingExists(Problem):
    code, status = "mapping_exists", 409
    title = Text("Bảng đối chiếu đã công bố", "This mapping is published already")
    detail = Text(
        "Bảng đối chiếu giữa hai phiên bản không bao giờ đổi.",
        "The mapping between two versions never changes.",
    )
