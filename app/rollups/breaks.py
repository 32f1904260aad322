"""Where a series breaks: the days on which other versions of its questionnaire begin to be answered.

Two versions are two instruments and never one line; a reader must see that a series ends because the
questions changed, and not because nobody came.
"""

# ruff: noqa: S608  statements are made of names and numbers of our own, never of what somebody sent

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.rollups.queries import SUBTREE

# A questionnaire with one version has no breaks, and then no cell is read.
_VERSIONS, _OWN = (
    text(
        f"""
        WITH asked AS MATERIALIZED (SELECT id FROM units WHERE code = :unit),
        below AS MATERIALIZED ({below}),
        forms AS MATERIALIZED (
            SELECT id, version FROM questionnaires WHERE code = :code AND status <> 'draft')
        SELECT min(cells.local_day) AS first_day, forms.version
        FROM below CROSS JOIN LATERAL (
            SELECT local_day, questionnaire_id FROM unit_day
            WHERE unit_id = below.id AND local_day BETWEEN :first AND :last AND responses > 0 OFFSET 0) cells
        JOIN forms ON forms.id = cells.questionnaire_id
        WHERE (SELECT count(*) FROM forms) > 1
        GROUP BY forms.version ORDER BY first_day, forms.version
        """
    )
    for below in (SUBTREE, "SELECT id FROM asked")
)


async def versions(
    connection: AsyncConnection, unit_code: str, code: str, first: date, last: date, *, subtree: bool
) -> list[tuple[date, int]]:
    """Each version that was answered, with its first day, in that order; none if there is but one.

    Whether the caller may see the unit is settled before.
    """
    given = {"unit": unit_code, "code": code, "first": first, "last": last}
    rows = await connection.execute(_VERSIONS if subtree else _OWN, given)
    return [(day, version) for day, version in rows]


def between(begun: Sequence[tuple[date, int]]) -> list[dict[str, Any]]:
    """A break between each version and the next."""
    return [
        {"on": day, "from_version": before, "to_version": version}
        for (_, before), (day, version) in pairwise(begun)
    ]
