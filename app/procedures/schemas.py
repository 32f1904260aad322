"""What comes in and goes out about procedures."""

from pydantic import ConfigDict

from app.core.schema import In, Name, NewCode, Out
from app.models.unit import ProcedureLevel


class NewProcedure(In):
    """A procedure to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "1.001193",
                "name": "Đăng ký khai sinh",
                "field": "Hộ tịch",
                "level": "commune",
            }
        }
    )

    code: NewCode
    name: Name
    field: Name
    level: ProcedureLevel


class ProcedureOut(Out):
    """A procedure."""

    code: str
    name: str
    field: str
    level: ProcedureLevel
