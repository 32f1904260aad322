"""The job that closes periods whose days of grace are over."""

import logging

from app.core.database import Database
from app.core.period_problems import PeriodPending
from app.models.period import Period
from app.periods import queries, service
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups.jobs import refresh

log = logging.getLogger(__name__)


async def close_due(database: Database) -> int:
    """Close what is due; returns how many periods. May run at any time and twice.

    What waits to be counted is counted first. A period for which something arrives in that very moment is
    left for the next time.
    """
    async with database.read() as session:
        due = await queries.due(session)
    if not due:
        return 0
    questionnaires = PublishedQuestionnaires(database)
    while await refresh(database, questionnaires=questionnaires):
        pass
    closed = 0
    for period_id in due:
        try:
            async with database.transaction() as session:
                await service.one_moment(session)
                period = await session.get_one(Period, period_id, with_for_update=True)
                if period.state == "closing":
                    await service.take_first(session, questionnaires, period)
                    closed += 1
        except PeriodPending as problem:
            log.info("a period waits to be counted", extra={"period": period_id, **problem.params})
    return closed
