"""The first tables.

Everything the service starts with; there is no earlier release. Keys of the large tables begin with the unit,
so that they could be distributed by it. Visits number themselves from one sequence, which link codes carry.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The name after CONSTRAINT is what the service translates into the problem `questionnaire_frozen`.
STAY_FROZEN = """
CREATE FUNCTION questionnaires_stay_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.code, NEW.version, NEW.definition, NEW.digest, NEW.published_at)
          IS DISTINCT FROM (OLD.id, OLD.code, OLD.version, OLD.definition, OLD.digest, OLD.published_at)
       OR NEW.status = 'draft'
       OR (OLD.status = 'retired' AND NEW.status <> 'retired')
    THEN
        RAISE EXCEPTION 'a published questionnaire never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  TABLE = 'questionnaires', CONSTRAINT = 'questionnaires_frozen';
    END IF;
    RETURN NEW;
END $$
"""
FROZEN_TRIGGER = """
CREATE TRIGGER questionnaires_frozen BEFORE UPDATE OR DELETE ON questionnaires
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION questionnaires_stay_frozen()
"""


def upgrade() -> None:
    op.create_table(
        "channel_day",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit_id", "local_day", "questionnaire_id", "channel", name=op.f("pk_channel_day")
        ),
    )
    op.create_table(
        "channel_month",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_month", sa.Date(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit_id", "local_month", "questionnaire_id", "channel", name=op.f("pk_channel_month")
        ),
    )
    op.create_table(
        "unit_day",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "local_day", "questionnaire_id", name=op.f("pk_unit_day")),
    )
    op.create_table(
        "unit_month",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_month", sa.Date(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "local_month", "questionnaire_id", name=op.f("pk_unit_month")),
    )
    op.create_table(
        "procedure_day",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("procedure_id", sa.Integer(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit_id", "local_day", "procedure_id", "questionnaire_id", name=op.f("pk_procedure_day")
        ),
    )
    op.create_table(
        "procedure_month",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_month", sa.Date(), nullable=False),
        sa.Column("procedure_id", sa.Integer(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("tally", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint(
            "unit_id", "local_month", "procedure_id", "questionnaire_id", name=op.f("pk_procedure_month")
        ),
    )
    op.create_table(
        "audit_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_lines")),
    )
    op.create_index(op.f("ix_audit_lines_at"), "audit_lines", ["at"], unique=False)
    op.create_table(
        "deployment_facts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployment_facts")),
    )
    op.create_table(
        "procedures",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "level IN ('nation', 'province', 'district', 'commune')", name=op.f("ck_procedures_level")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_procedures")),
        sa.UniqueConstraint("code", name=op.f("uq_procedures_code")),
    )
    op.create_table(
        "questionnaires",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'published', 'retired')", name=op.f("ck_questionnaires_status")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_questionnaires_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questionnaires")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_questionnaires_code_version")),
    )
    op.execute(STAY_FROZEN)
    op.execute(FROZEN_TRIGGER)
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failures")),
    )
    op.create_index(
        op.f("ix_sign_in_failures_name_failed_at"), "sign_in_failures", ["name", "failed_at"], unique=False
    )
    op.create_table(
        "stale_unit_days",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index(
        "ix_stale_unit_days_unit_id_local_day", "stale_unit_days", ["unit_id", "local_day"], unique=False
    )
    op.create_table(
        "units",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('nation', 'province', 'department', 'district', 'commune', 'centre')",
            name=op.f("ck_units_kind"),
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_units_not_own_parent")),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_units_validity")),
        sa.ForeignKeyConstraint(["parent_id"], ["units.id"], name=op.f("fk_units_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
        sa.UniqueConstraint("code", name=op.f("uq_units_code")),
    )
    op.create_index(op.f("ix_units_parent_id"), "units", ["parent_id"], unique=False)
    op.create_table(
        "visit_day",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "local_day", name=op.f("pk_visit_day")),
    )
    op.create_table(
        "visit_month",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("local_month", sa.Date(), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "local_month", name=op.f("pk_visit_month")),
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_clients_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("questionnaire_code", sa.String(), nullable=False),
        sa.Column(
            "languages", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{vi,en}'"), nullable=False
        ),
        sa.Column("idle_seconds", sa.Integer(), server_default=sa.text("30"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("pairing_handle", sa.String(), nullable=True),
        sa.Column("pairing_secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("pairing_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pairing_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("description", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue_length", sa.Integer(), nullable=True),
        sa.Column("app_version", sa.String(), nullable=True),
        sa.Column("battery", sa.Double(), nullable=True),
        sa.Column("clock_skew_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_devices_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_unit_id"), "devices", ["unit_id"], unique=False)
    op.create_index("uq_devices_pairing_handle", "devices", ["pairing_handle"], unique=True)
    op.create_table(
        "pairing_failures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing_failures")),
    )
    op.create_index(op.f("ix_pairing_failures_failed_at"), "pairing_failures", ["failed_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_users_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.execute(sa.schema.CreateSequence(sa.Sequence("visits_id_seq")))
    op.create_table(
        "visits",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('visits_id_seq')"), nullable=False),
        sa.Column("dossier_code", sa.String(), nullable=False),
        sa.Column("served_on", sa.Date(), nullable=False),
        sa.Column("procedure_id", sa.Integer(), nullable=True),
        sa.Column("counter", sa.String(), nullable=True),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_state", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["procedure_id"], ["procedures.id"], name=op.f("fk_visits_procedure_id")),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaires.id"], name=op.f("fk_visits_questionnaire_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_visits_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "id", name=op.f("pk_visits")),
    )
    op.create_index(
        "ix_visits_answered",
        "visits",
        ["unit_id"],
        unique=False,
        postgresql_where=sa.text("answer_state = 1"),
    )
    op.create_index(
        "ix_visits_unit_id_served_on",
        "visits",
        ["unit_id", "served_on"],
        unique=False,
        postgresql_include=["answer_state"],
    )
    op.create_index("uq_visits_unit_id_dossier_code", "visits", ["unit_id", "dossier_code"], unique=True)
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refresh_tokens_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_expires_at"), "refresh_tokens", ["expires_at"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_family"), "refresh_tokens", ["family"], unique=False)
    op.create_table(
        "responses",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("questionnaire_id", sa.Integer(), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("verdict_reason", sa.String(), nullable=True),
        sa.Column("procedure_id", sa.Integer(), nullable=True),
        sa.Column("counter", sa.String(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("respondent", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_seconds", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(verdict = 'counted') = (verdict_reason IS NULL)", name=op.f("ck_responses_verdict_reason")
        ),
        sa.CheckConstraint("channel IN ('kiosk', 'link', 'import')", name=op.f("ck_responses_channel")),
        sa.CheckConstraint(
            "verdict IN ('counted', 'quarantined', 'void')", name=op.f("ck_responses_verdict")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_responses_device_id")),
        sa.ForeignKeyConstraint(["procedure_id"], ["procedures.id"], name=op.f("fk_responses_procedure_id")),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaires.id"], name=op.f("fk_responses_questionnaire_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_responses_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "id", name=op.f("pk_responses")),
    )
    op.create_index("ix_responses_unit_id_local_day", "responses", ["unit_id", "local_day"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_responses_unit_id_local_day", table_name="responses")
    op.drop_table("responses")
    op.drop_index(op.f("ix_refresh_tokens_family"), table_name="refresh_tokens")
    op.drop_index(op.f("ix_refresh_tokens_expires_at"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index("uq_visits_unit_id_dossier_code", table_name="visits")
    op.drop_index("ix_visits_unit_id_served_on", table_name="visits", postgresql_include=["answer_state"])
    op.drop_index("ix_visits_answered", table_name="visits", postgresql_where=sa.text("answer_state = 1"))
    op.drop_table("visits")
    op.execute(sa.schema.DropSequence(sa.Sequence("visits_id_seq")))
    op.drop_table("users")
    op.drop_index(op.f("ix_pairing_failures_failed_at"), table_name="pairing_failures")
    op.drop_table("pairing_failures")
    op.drop_index("uq_devices_pairing_handle", table_name="devices")
    op.drop_index(op.f("ix_devices_unit_id"), table_name="devices")
    op.drop_table("devices")
    op.drop_table("clients")
    op.drop_table("visit_month")
    op.drop_table("visit_day")
    op.drop_index(op.f("ix_units_parent_id"), table_name="units")
    op.drop_table("units")
    op.drop_table("unit_month")
    op.drop_table("unit_day")
    op.drop_table("channel_month")
    op.drop_table("channel_day")
    op.drop_index("ix_stale_unit_days_unit_id_local_day", table_name="stale_unit_days")
    op.drop_table("stale_unit_days")
    op.drop_index(op.f("ix_sign_in_failures_name_failed_at"), table_name="sign_in_failures")
    op.drop_table("sign_in_failures")
    op.drop_table("questionnaires")
    op.execute("DROP FUNCTION questionnaires_stay_frozen()")
    op.drop_table("procedures")
    op.drop_table("procedure_month")
    op.drop_table("procedure_day")
    op.drop_table("deployment_facts")
    op.drop_index(op.f("ix_audit_lines_at"), table_name="audit_lines")
    op.drop_table("audit_lines")
