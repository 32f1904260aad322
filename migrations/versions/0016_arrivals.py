"""Marks of new responses name them, so that they can be added to what was counted.

Nullable: the previous release writes marks without, and both releases count those unit-days as a whole.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stale_unit_days", sa.Column("arrivals", postgresql.ARRAY(sa.Uuid()), nullable=True))


def downgrade() -> None:
    op.drop_column("stale_unit_days", "arrivals")
