"""A tree that changes: reorganisations, former and coming states of units, successions, moved devices.

Three new tables and two nullable columns; nothing is rewritten and nothing is filled in: a unit that never
changed has no row here. The previous release reads `units` as before, where every unit stands as it is now.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "reorganisations",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("changes", json, nullable=False),
        sa.Column("outcome", json, nullable=False),
        sa.Column("touched", json, nullable=False),
        sa.Column("unit_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("moved", json, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reverted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('scheduled', 'in_force', 'reverted')", name=op.f("ck_reorganisations_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorganisations")),
    )
    op.create_index(
        "uq_reorganisations_decision_digest",
        "reorganisations",
        ["decision", "digest"],
        unique=True,
        postgresql_where=sa.text("state <> 'reverted'"),
    )
    op.create_table(
        "unit_successions",
        sa.Column("from_unit", sa.Integer(), nullable=False),
        sa.Column("to_unit", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reorganisation_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('merge', 'split')", name=op.f("ck_unit_successions_kind")),
        sa.ForeignKeyConstraint(["from_unit"], ["units.id"], name=op.f("fk_unit_successions_from_unit")),
        sa.ForeignKeyConstraint(
            ["reorganisation_id"],
            ["reorganisations.id"],
            name=op.f("fk_unit_successions_reorganisation_id"),
        ),
        sa.ForeignKeyConstraint(["to_unit"], ["units.id"], name=op.f("fk_unit_successions_to_unit")),
        sa.PrimaryKeyConstraint("from_unit", "to_unit", "effective_on", name=op.f("pk_unit_successions")),
    )
    op.create_index(op.f("ix_unit_successions_to_unit"), "unit_successions", ["to_unit"])
    op.create_table(
        "unit_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("reorganisation_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_unit_versions_validity")),
        sa.ForeignKeyConstraint(["parent_id"], ["units.id"], name=op.f("fk_unit_versions_parent_id")),
        sa.ForeignKeyConstraint(
            ["reorganisation_id"], ["reorganisations.id"], name=op.f("fk_unit_versions_reorganisation_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_unit_versions_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_versions")),
    )
    op.create_index(op.f("ix_unit_versions_code"), "unit_versions", ["code"])
    op.create_index(op.f("ix_unit_versions_unit_id"), "unit_versions", ["unit_id"])
    op.create_index(
        "uq_unit_versions_ahead",
        "unit_versions",
        ["unit_id"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.add_column("devices", sa.Column("former_unit_id", sa.Integer(), nullable=True))
    op.add_column("devices", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_devices_former_unit_id"), "devices", "units", ["former_unit_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_devices_former_unit_id"), "devices", type_="foreignkey")
    op.drop_column("devices", "moved_at")
    op.drop_column("devices", "former_unit_id")
    op.drop_table("unit_versions")
    op.drop_table("unit_successions")
    op.drop_table("reorganisations")
