"""Published hashes commit to a snapshot together with a random value that is stored and never public.

A column, a table of reissued documents, and the trigger's function anew. The previous release runs on: it
leaves the column empty, publishes as before, and shows documents as they were first issued.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STAY_FROZEN = """
CREATE OR REPLACE FUNCTION period_snapshots_stay_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.period_id, NEW.revision, NEW.reason, NEW.body, NEW.digest, NEW.taken_by, NEW.taken_at)
          IS DISTINCT FROM
          (OLD.id, OLD.period_id, OLD.revision, OLD.reason, OLD.body, OLD.digest, OLD.taken_by, OLD.taken_at)
       OR OLD.published_at IS NOT NULL{salt}
    THEN
        RAISE EXCEPTION 'a snapshot never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  TABLE = 'period_snapshots', CONSTRAINT = 'period_snapshots_frozen';
    END IF;
    RETURN NEW;
END $$
"""
SALT_STAYS = "\n       OR (OLD.salt IS NOT NULL AND NEW.salt IS DISTINCT FROM OLD.salt)"
# The name after CONSTRAINT is what the service translates into the problem `snapshot_frozen`.
REISSUES_STAY = """
CREATE FUNCTION period_reissues_stay_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published document never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              TABLE = 'period_reissues', CONSTRAINT = 'period_snapshots_frozen';
END $$
"""
REISSUES_TRIGGER = """
CREATE TRIGGER period_reissues_frozen BEFORE UPDATE OR DELETE ON period_reissues
    FOR EACH ROW EXECUTE FUNCTION period_reissues_stay_frozen()
"""


def upgrade() -> None:
    op.add_column("period_snapshots", sa.Column("salt", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(op.f("ck_period_snapshots_salt"), "period_snapshots", "length(salt) = 32")
    op.execute(STAY_FROZEN.format(salt=SALT_STAYS))
    op.create_table(
        "period_reissues",
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(salt) = 32", name=op.f("ck_period_reissues_salt")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["period_snapshots.id"], name=op.f("fk_period_reissues_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_period_reissues")),
    )
    op.execute(REISSUES_STAY)
    op.execute(REISSUES_TRIGGER)


def downgrade() -> None:
    op.drop_table("period_reissues")
    op.execute("DROP FUNCTION period_reissues_stay_frozen()")
    op.execute(STAY_FROZEN.format(salt=""))
    op.drop_column("period_snapshots", "salt")
