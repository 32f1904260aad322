"""The job that closes periods whose days of grace are over."""

import logging
from datetime import date

from app.core.database import Database
from app.core.period_problems import PeriodPending
from app.jobs.failures import Aside, SomeFailed, is_away
from app.models.period import Period
from app.periods import queries, service
from app.questionnaires.published import PublishedQuestionnaires
from app.rollups.jobs import refresh

log = logging.getLogger(__name__)


async def close_due(database: Database) -> int:
    """Close what is due; returns how many periods. May run at any time and twice.

    What waits to be counted is counted first. A period for which something arrives in that very moment is
    left for the next time. One that cannot be closed is left, too, and the others are closed.
    """
    async with database.read() as session:
        due = await queries.due(session)
    if not due:
        return 0
    questionnaires = PublishedQuestionnaires(database)
    aside: Aside[tuple[int, date]] = Aside()
    while await refresh(database, questionnaires=questionnaires, aside=aside):
        pass
    closed, failed = 0, list[int]()
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
        except Exception as error:
            if is_away(error):
                raise
            failed.append(period_id)
            log.error("a period cannot be closed", extra={"period": period_id}, exc_info=error)
    if failed:
        raise SomeFailed(f"{len(failed)} periods cannot be closed, the first {failed[0]}")
    return closed
