"""Score sheets of the PAR Index, and other people's yearly figures.

Three new tables; the previous release knows nothing of them and runs on as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The name after CONSTRAINT is what the service translates into the problem `par_sheet_final`.
REFUSE = """
        RAISE EXCEPTION 'a final score sheet never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  TABLE = 'par_sheets', CONSTRAINT = 'par_sheets_final';
"""
SHEETS_STAY = f"""
CREATE FUNCTION par_sheets_stay_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'final' THEN {REFUSE} END IF;
    RETURN NEW;
END $$
"""
SCORES_STAY = f"""
CREATE FUNCTION par_scores_stay_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM par_sheets WHERE id = OLD.sheet_id AND state = 'final') THEN {REFUSE} END IF;
    RETURN NEW;
END $$
"""
POINTS = sa.Numeric(7, 4)


def upgrade() -> None:
    op.create_table(
        "par_sheets",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("published_total", POINTS, nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'final')", name=op.f("ck_par_sheets_state")),
        sa.CheckConstraint(
            "revision = 1 OR (state = 'final' AND reason IS NOT NULL)", name=op.f("ck_par_sheets_revision")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_par_sheets_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_par_sheets")),
        sa.UniqueConstraint("unit_id", "year", "revision", name=op.f("uq_par_sheets_unit_id_year_revision")),
    )
    op.create_table(
        "par_scores",
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title_vi", sa.String(), nullable=False),
        sa.Column("title_en", sa.String(), nullable=False),
        sa.Column("max_points", POINTS, nullable=False),
        sa.Column("self_score", POINTS, nullable=True),
        sa.Column("appraised_score", POINTS, nullable=True),
        sa.Column("survey_score", POINTS, nullable=True),
        sa.Column("points", POINTS, nullable=True),
        sa.CheckConstraint(
            "points IS NULL OR (appraised_score IS NULL AND survey_score IS NULL)",
            name=op.f("ck_par_scores_points"),
        ),
        sa.ForeignKeyConstraint(["sheet_id"], ["par_sheets.id"], name=op.f("fk_par_scores_sheet_id")),
        sa.PrimaryKeyConstraint("sheet_id", "domain", name=op.f("pk_par_scores")),
    )
    op.create_table(
        "external_figures",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("value", POINTS, nullable=False),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_external_figures_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "instrument", "year", name=op.f("pk_external_figures")),
    )
    op.execute(SHEETS_STAY)
    op.execute(
        "CREATE TRIGGER par_sheets_final BEFORE UPDATE ON par_sheets"
        " FOR EACH ROW EXECUTE FUNCTION par_sheets_stay_final()"
    )
    op.execute(SCORES_STAY)
    op.execute(
        "CREATE TRIGGER par_scores_final BEFORE UPDATE ON par_scores"
        " FOR EACH ROW EXECUTE FUNCTION par_scores_stay_final()"
    )


def downgrade() -> None:
    op.drop_table("external_figures")
    op.drop_table("par_scores")
    op.execute("DROP FUNCTION par_scores_stay_final()")
    op.drop_table("par_sheets")
    op.execute("DROP FUNCTION par_sheets_stay_final()")
