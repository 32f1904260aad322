"""Periods and their snapshots, which a trigger keeps as they are.

Two new tables; the previous release knows nothing of them and runs on as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# The name after CONSTRAINT is what the service translates into the problem `snapshot_frozen`.
STAY_FROZEN = """
CREATE FUNCTION period_snapshots_stay_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.period_id, NEW.revision, NEW.reason, NEW.body, NEW.digest, NEW.taken_by, NEW.taken_at)
          IS DISTINCT FROM
          (OLD.id, OLD.period_id, OLD.revision, OLD.reason, OLD.body, OLD.digest, OLD.taken_by, OLD.taken_at)
       OR OLD.published_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'a snapshot never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  TABLE = 'period_snapshots', CONSTRAINT = 'period_snapshots_frozen';
    END IF;
    RETURN NEW;
END $$
"""
FROZEN_TRIGGER = """
CREATE TRIGGER period_snapshots_frozen BEFORE UPDATE OR DELETE ON period_snapshots
    FOR EACH ROW EXECUTE FUNCTION period_snapshots_stay_frozen()
"""


def upgrade() -> None:
    op.create_table(
        "periods",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closing_by", sa.String(), nullable=True),
        sa.Column("grace_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("min_n", sa.Integer(), nullable=True),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_periods_days")),
        sa.CheckConstraint(
            "state IN ('open', 'closing', 'closed', 'published')", name=op.f("ck_periods_state")
        ),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaires.id"], name=op.f("fk_periods_questionnaire_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_periods_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_periods")),
        sa.UniqueConstraint(
            "unit_id",
            "first_day",
            "last_day",
            "questionnaire_id",
            name=op.f("uq_periods_unit_id_first_day_last_day_questionnaire_id"),
        ),
    )
    op.create_index(op.f("ix_periods_state"), "periods", ["state"])
    op.create_table(
        "period_snapshots",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_body", sa.String(), nullable=True),
        sa.Column("public_digest", sa.String(), nullable=True),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_period_snapshots_revision")),
        sa.CheckConstraint("(revision = 1) = (reason IS NULL)", name=op.f("ck_period_snapshots_reason")),
        sa.CheckConstraint(
            "num_nulls(published_by, published_at, public_body, public_digest) IN (0, 4)",
            name=op.f("ck_period_snapshots_published"),
        ),
        sa.ForeignKeyConstraint(["period_id"], ["periods.id"], name=op.f("fk_period_snapshots_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_snapshots")),
        sa.UniqueConstraint("period_id", "revision", name=op.f("uq_period_snapshots_period_id_revision")),
    )
    op.execute(STAY_FROZEN)
    op.execute(FROZEN_TRIGGER)


def downgrade() -> None:
    op.drop_table("period_snapshots")
    op.execute("DROP FUNCTION period_snapshots_stay_frozen()")
    op.drop_table("periods")
