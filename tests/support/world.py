"""A small world for tests: two provinces, so that there is always a neighbour whose rows must not count.

24 Bắc Ninh             27 Neighbour province
  09001 Phường A          09101 Xã X
  09002 Xã B
  SNV   Sở Nội vụ (department)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import select

from app.auth.scopes import SCOPES
from app.core.clock import utc_now
from app.core.database import Database
from app.core.tokens import AccessTokens, hash_secret
from app.models.questionnaire import Questionnaire
from app.models.subject import Client, User, UserRole
from app.models.unit import Procedure, Unit

UNITS = (
    ("24", "Bắc Ninh", "province", None),
    ("27", "Tỉnh Láng Giềng", "province", None),
    ("09001", "Phường A", "commune", "24"),
    ("09002", "Xã B", "commune", "24"),
    ("SNV", "Sở Nội vụ", "department", "24"),
    ("09101", "Xã X", "commune", "27"),
)


@dataclass
class World:
    """Ids by code, and who may ask."""

    database: Database
    tokens: AccessTokens
    units: dict[str, int]
    procedures: dict[str, int]
    questionnaires: dict[str, int]
    admin: dict[str, str]
    """Authorization header of the administrator, who reaches everything."""

    @classmethod
    async def build(cls, database: Database, app: FastAPI) -> "World":
        """Units, two procedures, an administrator."""
        async with database.transaction() as session:
            rows: dict[str, Unit] = {}
            for code, name, kind, parent in UNITS:
                if parent is not None and rows[parent] in session.new:
                    await session.flush()  # all that stands above at once
                rows[code] = Unit(
                    code=code,
                    name=name,
                    kind=kind,
                    parent_id=rows[parent].id if parent else None,
                    search_text=name.lower(),
                )
                session.add(rows[code])
            procedures = [
                Procedure(
                    code="1.001193",
                    name="Đăng ký khai sinh",
                    field="Hộ tịch",
                    level="commune",
                    search_text="x",
                ),
                Procedure(
                    code="1.004222",
                    name="Đăng ký thường trú",
                    field="Cư trú",
                    level="commune",
                    search_text="x",
                ),
            ]
            admin = User(username="admin", password_hash="unusable")
            session.add_all([*procedures, admin])
            await session.flush()
            session.add(UserRole(user_id=admin.id, role="system_admin", unit_id=None))
            published = await session.scalars(select(Questionnaire).where(Questionnaire.version == 1))
            world = cls(
                database=database,
                tokens=app.state.tokens,
                units={code: row.id for code, row in rows.items()},
                procedures={procedure.code: procedure.id for procedure in procedures},
                questionnaires={row.code: row.id for row in published},
                admin={},
            )
            world.admin = world.bearer(f"user:{admin.id}", SCOPES)
        return world

    def bearer(self, actor: str, scopes: Sequence[str]) -> dict[str, str]:
        """Authorization header with a fresh token for an actor (`user:<id>` or `client:<id>`)."""
        return {"Authorization": f"Bearer {self.tokens.issue(actor, list(scopes), utc_now())}"}

    async def client(self, unit_code: str | None, *scopes: str) -> dict[str, str]:
        """Authorization header of a new partner system within a unit's subtree."""
        unit_id = self.units[unit_code] if unit_code else None
        async with self.database.transaction() as session:
            client = Client(
                name="partner", secret_hash=hash_secret("x"), scopes=list(scopes), unit_id=unit_id
            )
            session.add(client)
            await session.flush()
            return self.bearer(f"client:{client.id}", scopes)

    async def person(
        self, username: str, *roles: tuple[str, str | None], **columns: object
    ) -> dict[str, str]:
        """Authorization header of a new member of staff who holds (role, code of a unit or None) pairs."""
        async with self.database.transaction() as session:
            user = User(username=username, **columns)
            session.add(user)
            await session.flush()
            for role, code in roles:
                unit_id = None if code is None else self.units[code]
                session.add(UserRole(user_id=user.id, role=role, unit_id=unit_id))
            return self.bearer(f"user:{user.id}", [])
