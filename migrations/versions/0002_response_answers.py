"""A view that unfolds answers: one row for each criterion of each response, for people and BI tools.

`responses.answers` holds one byte a criterion; nobody should have to know that to ask a question of theirs.
A view only: the previous release neither sees nor minds it.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE VIEW response_answers AS
        SELECT r.unit_id, r.id, r.local_day, r.channel, r.verdict, r.questionnaire_id,
               q.code AS questionnaire, q.version, c.criterion->>'component' AS component,
               c.criterion->>'code' AS criterion,
               nullif(get_byte(r.answers, c.place::int - 1), 0) AS answer
        FROM responses r
        JOIN questionnaires q ON q.id = r.questionnaire_id
        CROSS JOIN LATERAL jsonb_array_elements(q.definition->'criteria')
            WITH ORDINALITY AS c(criterion, place)
        """
    )


def downgrade() -> None:
    op.execute("DROP VIEW response_answers")
