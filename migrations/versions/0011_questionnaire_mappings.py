"""Which criteria of a questionnaire version ask the same as those of an earlier one.

A new table and nothing else; the previous release does not know it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "questionnaire_mappings",
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("earlier_id", sa.Integer(), nullable=False),
        sa.Column("criteria", postgresql.JSONB(), nullable=False),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["earlier_id"], ["questionnaires.id"], name=op.f("fk_questionnaire_mappings_earlier_id")
        ),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"],
            ["questionnaires.id"],
            name=op.f("fk_questionnaire_mappings_questionnaire_id"),
        ),
        sa.PrimaryKeyConstraint("questionnaire_id", "earlier_id", name=op.f("pk_questionnaire_mappings")),
    )


def downgrade() -> None:
    op.drop_table("questionnaire_mappings")
