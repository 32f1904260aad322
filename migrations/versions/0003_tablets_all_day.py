"""What tablets and citizens' pages need: unfinished responses, PINs and screens, contacts and opening hours.

New columns only, each nullable or with a constant default: PostgreSQL adds them without rewriting a table,
and the previous release, which does not name them, goes on writing complete responses and plain devices.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "responses", sa.Column("complete", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.add_column("devices", sa.Column("pin_iterations", sa.Integer(), nullable=True))
    op.add_column("devices", sa.Column("pin_salt", sa.LargeBinary(), nullable=True))
    op.add_column("devices", sa.Column("pin_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "devices",
        sa.Column(
            "screens",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{language,questions,about,comment}'"),
            nullable=False,
        ),
    )
    op.add_column("devices", sa.Column("set_aside", sa.Integer(), nullable=True))
    op.add_column("devices", sa.Column("storage", sa.String(), nullable=True))
    op.add_column("devices", sa.Column("last_problem", sa.String(), nullable=True))
    op.add_column("units", sa.Column("contact", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("units", sa.Column("opening_hours", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("units", "opening_hours")
    op.drop_column("units", "contact")
    op.drop_column("devices", "last_problem")
    op.drop_column("devices", "storage")
    op.drop_column("devices", "set_aside")
    op.drop_column("devices", "screens")
    op.drop_column("devices", "pin_hash")
    op.drop_column("devices", "pin_salt")
    op.drop_column("devices", "pin_iterations")
    op.drop_column("responses", "complete")
