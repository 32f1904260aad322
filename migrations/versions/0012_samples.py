"""Samples: draws among the visits, their strata, links and answers.

Four new tables, nothing else: the previous release neither sees nor minds them. Links take their numbers
from the sequence of the visits, so that one code never means two things.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant, json = sa.DateTime(timezone=True), postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("unit_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("stratify", sa.String(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("drawn_at", instant, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_samples_period")),
        sa.CheckConstraint("size BETWEEN 1 AND visits", name=op.f("ck_samples_size")),
        sa.CheckConstraint(
            "stratify IN ('none', 'unit', 'procedure', 'field')", name=op.f("ck_samples_stratify")
        ),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaires.id"], name=op.f("fk_samples_questionnaire_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_samples_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_samples_unit_id_name")),
    )
    op.create_table(
        "sample_strata",
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("keys", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("members", json, nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.CheckConstraint("size BETWEEN 1 AND visits", name=op.f("ck_sample_strata_size")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_sample_strata_sample_id")),
        sa.PrimaryKeyConstraint("sample_id", "number", name=op.f("pk_sample_strata")),
    )
    op.create_table(
        "sample_links",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('visits_id_seq')"), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("stratum", sa.Integer(), nullable=False),
        sa.Column("dossier_code", sa.String(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("procedure_id", sa.Integer(), nullable=True),
        sa.Column("answer_state", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["procedure_id"], ["procedures.id"], name=op.f("fk_sample_links_procedure_id")
        ),
        sa.ForeignKeyConstraint(
            ["sample_id", "stratum"],
            ["sample_strata.sample_id", "sample_strata.number"],
            name=op.f("fk_sample_links_sample_id_stratum"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_sample_links_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "id", name=op.f("pk_sample_links")),
        sa.UniqueConstraint(
            "sample_id",
            "unit_id",
            "dossier_code",
            name=op.f("uq_sample_links_sample_id_unit_id_dossier_code"),
        ),
    )
    op.create_index(
        "ix_sample_links_answered",
        "sample_links",
        ["unit_id"],
        postgresql_where=sa.text("answer_state = 1"),
    )
    op.create_table(
        "sample_responses",
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stratum", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("verdict_reason", sa.String(), nullable=True),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("respondent", json, nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('counted', 'quarantined', 'void')", name=op.f("ck_sample_responses_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["sample_id", "stratum"],
            ["sample_strata.sample_id", "sample_strata.number"],
            name=op.f("fk_sample_responses_sample_id_stratum"),
        ),
        sa.PrimaryKeyConstraint("sample_id", "id", name=op.f("pk_sample_responses")),
    )


def downgrade() -> None:
    op.drop_table("sample_responses")
    op.drop_table("sample_links")
    op.drop_table("sample_strata")
    op.drop_table("samples")
