"""What is thinned out, one unit or sample at a time, in small batches.

No index is kept for this: intake would pay for it with every response. A unit's days are found through the
index that is there.
"""

# ruff: noqa: S608  statements are made of names of our own, never of what somebody sent

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, cast

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.record import DeploymentFact

BATCH = 1000


class Kind(NamedTuple):
    """A table to thin out: what to go through one by one, how many are due there, and a batch of it.

    It goes by local days, or by instants. `held`: samples keep some of what would be due.
    """

    table: str
    places: TextClause
    due: TextClause
    thin: TextClause
    instants: bool
    held: bool


def _kind(table: str, place: str, places: str, old: str, change: str, *, instants: bool = False) -> Kind:
    """`old`: which rows are due, from :since until before :before; `change`: what becomes of them."""
    where = f"FROM {table} old WHERE old.{place} = :place AND {old}"
    return Kind(
        table,
        text(places),
        text(f"SELECT count(*) {where}"),
        text(
            f"UPDATE {table} SET {change} WHERE {place} = :place"
            f" AND id IN (SELECT old.id {where} LIMIT {BATCH})"
        ),
        instants,
        ":checked" in old,
    )


_TOLD = "(old.comment IS NOT NULL OR old.respondent IS NOT NULL)"
_UNITS = "SELECT id FROM units ORDER BY id"

RESPONSES = _kind(
    "responses",
    "unit_id",
    _UNITS,
    f"old.local_day >= :since AND old.local_day < :before AND {_TOLD}",
    "comment = NULL, respondent = NULL",
)
SAMPLE_RESPONSES = _kind(
    "sample_responses",
    "sample_id",
    "SELECT id FROM samples ORDER BY id",
    f"old.received_at >= :since AND old.received_at < :before AND {_TOLD}",
    "comment = NULL, respondent = NULL",
    instants=True,
)
# A code that was sent never begins with a space. Visits that a sample was drawn from keep theirs for as long
# as its draw may be checked: it is made of them, and is checked by drawing again.
_CODED = "old.served_on >= :since AND old.served_on < :before AND old.dossier_code NOT LIKE ' %'"
_NO_CODE = "dossier_code = ' ' || id"
VISITS = _kind(
    "visits",
    "unit_id",
    _UNITS,
    f"""{_CODED} AND NOT EXISTS (SELECT FROM samples s WHERE s.expires_at > :checked
        AND old.unit_id = ANY(s.unit_ids) AND old.served_on BETWEEN s.first_day AND s.last_day)""",
    _NO_CODE,
)
SAMPLE_LINKS = _kind(
    "sample_links",
    "sample_id",
    "SELECT id FROM samples ORDER BY id",
    f"""{_CODED} AND EXISTS (SELECT FROM samples s WHERE s.id = old.sample_id
        AND s.expires_at <= :checked)""",
    _NO_CODE,
)
_SAMPLED = text(
    "SELECT DISTINCT unnest(unit_ids) AS unit FROM samples"
    " WHERE expires_at > :checked AND first_day < :before ORDER BY unit"
)
_RELEASED = text("SELECT min(first_day) FROM samples WHERE expires_at > :since AND expires_at <= :until")
# sample by sample, so that an index leads to the days of each
_KEPT = text("""
    SELECT count(DISTINCT old.id)
    FROM samples s JOIN visits old ON old.served_on BETWEEN s.first_day AND s.last_day
    WHERE old.unit_id = :place AND old.unit_id = ANY(s.unit_ids) AND s.expires_at > :checked
        AND s.first_day < :before AND old.served_on < :before AND old.dossier_code NOT LIKE ' %'
""")


_LEFT_OVER = {
    "pgqueuer_log": "WHERE created < now() - interval '30 days'",
    "pgqueuer_schedules": "WHERE updated < now() - interval '30 days'",
    "job_states": "WHERE greatest(due_at, last_started_at) < now() - interval '1 year'",
}


class Span(NamedTuple):
    """From `since` until before `before`: days, or instants. `checked`: samples whose time to answer was over
    by then are checked no more.
    """

    since: date
    before: date
    checked: datetime


class Mark(NamedTuple):
    """Everything before `through` was thinned out but for what samples held that were over after `checked`;
    `untold` rows since are in no line of the record yet.
    """

    through: date | None = None
    untold: int = 0
    checked: datetime | None = None


async def places(session: AsyncSession, kind: Kind) -> Sequence[int]:
    """What to go through: ids of units or samples."""
    return (await session.scalars(kind.places)).all()


async def count_due(session: AsyncSession, kind: Kind, place: int, span: Span) -> int:
    """How many are due at one of its places."""
    return await session.scalar(kind.due, {"place": place, **span._asdict()}) or 0


async def count_kept(session: AsyncSession, before: date, checked: datetime) -> int:
    """How many visits served before a day keep their codes because a sample was drawn from them."""
    until = {"before": before, "checked": checked}
    units = (await session.scalars(_SAMPLED, until)).all()
    return sum([await session.scalar(_KEPT, {"place": unit, **until}) or 0 for unit in units])


async def released(session: AsyncSession, since: datetime, until: datetime) -> date | None:
    """The first day of the samples that were checked for the last time since then; None if there are none."""
    day: date | None = await session.scalar(_RELEASED, {"since": since, "until": until})
    return day


async def thin(session: AsyncSession, kind: Kind, place: int, span: Span) -> int:
    """Thin out at most a batch; how many it was."""
    done = await session.execute(kind.thin, {"place": place, **span._asdict()})
    return cast("CursorResult[tuple[()]]", done).rowcount


async def read_mark(session: AsyncSession, kind: Kind) -> Mark:
    """How far a kind has been thinned out."""
    fact = await session.get(DeploymentFact, f"retention.{kind.table}")
    if fact is None:
        return Mark()
    through, checked = fact.value["through"], fact.value.get("checked")
    return Mark(
        through and date.fromisoformat(through),
        fact.value["untold"],
        checked and datetime.fromisoformat(checked),
    )


async def write_mark(session: AsyncSession, kind: Kind, mark: Mark) -> None:
    """Remember how far; in the transaction that thins out."""
    value = {
        "through": mark.through and mark.through.isoformat(),
        "untold": mark.untold,
        "checked": mark.checked and mark.checked.isoformat(),
    }
    statement = insert(DeploymentFact).values(name=f"retention.{kind.table}", value=value)
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


async def tidy_queue(session: AsyncSession) -> dict[str, int]:
    """Forget old lines of the queue's log, wakings that nobody waits for, and jobs that are no more."""
    return {
        table: cast(
            "CursorResult[tuple[()]]", await session.execute(text(f"DELETE FROM {table} {old}"))
        ).rowcount
        for table, old in _LEFT_OVER.items()
    }
