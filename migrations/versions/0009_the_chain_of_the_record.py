"""The record of deeds: from where, about which units, and its place in a chain that shows a removal.

Columns that may be empty, or are by default, on a small table; nothing is rewritten. The previous release
goes on writing lines, without address and units: they are read by who reaches every unit. Lines of before are
sealed by the job runner in the order they were written, and so begin the chain. From now on a trigger refuses
to change or remove a line: only sealing it is allowed, once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEEP = """
CREATE FUNCTION audit_lines_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.seal IS NULL AND NEW.seal IS NOT NULL
           AND (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.target, NEW.details, NEW.unit_ids, NEW.address,
                NEW.request_id)
               IS NOT DISTINCT FROM
               (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.target, OLD.details, OLD.unit_ids, OLD.address,
                OLD.request_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a line of the record is never changed or removed'
        USING ERRCODE = 'integrity_constraint_violation',
              TABLE = 'audit_lines', CONSTRAINT = 'audit_lines_stay';
END $$
"""
ROW_TRIGGER = """
CREATE TRIGGER audit_lines_stay BEFORE UPDATE OR DELETE ON audit_lines
    FOR EACH ROW EXECUTE FUNCTION audit_lines_stay()
"""
TABLE_TRIGGER = """
CREATE TRIGGER audit_lines_stay_all BEFORE TRUNCATE ON audit_lines
    FOR EACH STATEMENT EXECUTE FUNCTION audit_lines_stay()
"""


def upgrade() -> None:
    integers = sa.ARRAY(sa.Integer())
    op.add_column("audit_lines", sa.Column("unit_ids", integers, server_default="{}", nullable=False))
    op.add_column("audit_lines", sa.Column("address", sa.String(), nullable=True))
    op.add_column("audit_lines", sa.Column("request_id", sa.String(), nullable=True))
    op.add_column("audit_lines", sa.Column("day", sa.Date(), nullable=True))
    op.add_column("audit_lines", sa.Column("number", sa.Integer(), nullable=True))
    op.add_column("audit_lines", sa.Column("previous", sa.LargeBinary(), nullable=True))
    op.add_column("audit_lines", sa.Column("seal", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(
        op.f("ck_audit_lines_sealed_whole"),
        "audit_lines",
        "num_nulls(day, number, previous, seal) IN (0, 4)",
    )
    op.create_index(op.f("ix_audit_lines_target"), "audit_lines", ["target"])
    op.create_index(op.f("ix_audit_lines_unit_ids"), "audit_lines", ["unit_ids"], postgresql_using="gin")
    op.create_index("uq_audit_lines_day_number", "audit_lines", ["day", "number"], unique=True)
    op.create_index(
        "ix_audit_lines_unsealed", "audit_lines", ["id"], postgresql_where=sa.text("seal IS NULL")
    )
    op.execute(KEEP)
    op.execute(ROW_TRIGGER)
    op.execute(TABLE_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_lines_stay_all ON audit_lines")
    op.execute("DROP TRIGGER audit_lines_stay ON audit_lines")
    op.execute("DROP FUNCTION audit_lines_stay()")
    op.drop_index("ix_audit_lines_unsealed", "audit_lines")
    op.drop_index("uq_audit_lines_day_number", "audit_lines")
    op.drop_index(op.f("ix_audit_lines_unit_ids"), "audit_lines")
    op.drop_index(op.f("ix_audit_lines_target"), "audit_lines")
    op.drop_constraint(op.f("ck_audit_lines_sealed_whole"), "audit_lines", type_="check")
    for name in ("seal", "previous", "number", "day", "request_id", "address", "unit_ids"):
        op.drop_column("audit_lines", name)
