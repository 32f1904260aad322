"""Several secrets a client, its end, its last use, and the networks it may call from.

A table and nullable or defaulted columns are added; the existing secret of each client becomes its first row.
`clients.secret_hash` stays, still written, so that the previous release goes on signing clients in beside
this one, and clients it lets in meanwhile are taken over when they first ask for a token.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("clients", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "clients",
        sa.Column("networks", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_table(
        "client_secrets",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_secrets_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_secrets")),
        sa.UniqueConstraint("client_id", "secret_hash", name=op.f("uq_client_secrets_client_id_secret_hash")),
    )
    op.execute(
        "INSERT INTO client_secrets (client_id, secret_hash, created_at)"
        " SELECT id, secret_hash, created_at FROM clients"
    )


def downgrade() -> None:
    op.drop_table("client_secrets")
    op.drop_column("clients", "networks")
    op.drop_column("clients", "last_used_at")
    op.drop_column("clients", "expires_at")
