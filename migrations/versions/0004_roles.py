"""People hold roles: several, each at a unit or everywhere.

One new table, filled from what accounts were given so far: each gets the widest role that allows nothing
its scopes did not. The old columns stay for the release before this one, which reads them and goes on writing
them; an account made by this release has none there, and so no rights in that one.
A password may be missing, for people who have not set one yet. Going down, they get one that nobody knows.
"""

# ruff: noqa: S608  statements are made of the names and numbers below

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What the roles allowed on the day of this migration, widest first.
VIEWER = ("units:read", "indices:read")
BRANCH = (
    *VIEWER,
    *("units:manage", "devices:manage", "visits:write", "responses:read", "responses:review"),
    *("periods:publish", "complaints:read", "complaints:manage", "exports:create"),
    *("users:manage", "clients:manage", "audit:read"),
)
ROLES = (
    ("system_admin", (*BRANCH, "questionnaires:manage")),
    ("unit_admin", BRANCH),
    ("analyst", (*VIEWER, "responses:read", "exports:create")),
    ("case_officer", (*VIEWER, "responses:read", "complaints:read", "complaints:manage")),
    ("viewer", VIEWER),
)
NOBODY_KNOWS = (
    "$argon2id$v=19$m=65536,t=3,p=4$3YekqNb/04sbahFJ6biSPA$AAQZRLJ1lSdB1WWOt6GxSfw0A4pHIX8D3gfjJaKq0CE"
)


def upgrade() -> None:
    op.create_table(
        "user_roles",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_user_roles_unit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_roles")),
        sa.UniqueConstraint(
            "user_id",
            "role",
            "unit_id",
            name=op.f("uq_user_roles_user_id_role_unit_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_user_roles_unit_id"), "user_roles", ["unit_id"])
    op.alter_column("users", "scopes", server_default=sa.text("'{}'"))
    op.alter_column("users", "password_hash", nullable=True)
    cases = " ".join(f"WHEN scopes @> {_array(scopes)} THEN '{role}'" for role, scopes in ROLES)
    # everything within a branch is that branch's administration: the whole nation's is nobody's in part
    widest = f"CASE WHEN unit_id IS NOT NULL AND scopes @> {_array(BRANCH)} THEN 'unit_admin' {cases} END"
    op.execute(
        "INSERT INTO user_roles (user_id, role, unit_id)"
        f" SELECT id, role, unit_id FROM (SELECT id, unit_id, {widest} AS role FROM users) widest"
        " WHERE role IS NOT NULL"
    )


def downgrade() -> None:
    op.execute(f"UPDATE users SET password_hash = '{NOBODY_KNOWS}' WHERE password_hash IS NULL")
    op.alter_column("users", "password_hash", nullable=False)
    op.alter_column("users", "scopes", server_default=None)
    op.drop_table("user_roles")


def _array(scopes: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{scope}'" for scope in scopes)
    return f"ARRAY[{listed}]::text[]"
