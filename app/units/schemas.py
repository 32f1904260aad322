"""What comes in and goes out about units."""

from datetime import date

from pydantic import ConfigDict

from app.core.schema import Day, In, NewCode, Out, Title
from app.models.unit import Unit, UnitKind


class NewUnit(In):
    """A unit to add. Without a parent it stands at the top: only who reaches every unit may do that."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "09166",
                "name": "Phường Kinh Bắc",
                "kind": "commune",
                "parent_code": "24",
                "valid_from": "2025-07-01",
            }
        }
    )

    code: NewCode
    name: Title
    kind: UnitKind
    parent_code: NewCode | None = None
    valid_from: Day | None = None


class UnitOut(Out):
    """A unit. `parent_code` is null at the top of the tree and at the top of your reach."""

    code: str
    name: str
    kind: UnitKind
    parent_code: str | None
    valid_from: date | None
    valid_to: date | None

    @classmethod
    def of(cls, unit: Unit, parent_code: str | None) -> "UnitOut":
        """Show a unit."""
        return cls.model_validate(
            {
                "code": unit.code,
                "name": unit.name,
                "kind": unit.kind,
                "parent_code": parent_code,
                "valid_from": unit.valid_from,
                "valid_to": unit.valid_to,
            }
        )
