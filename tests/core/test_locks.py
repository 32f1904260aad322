"""A transaction that may take long is given the time, and only that one."""

from sqlalchemy import text

from app.core.database import Database
from app.core.locks import give_time

LIMITS = ("idle_in_transaction_session_timeout", "statement_timeout")


async def test_a_transaction_that_may_take_long_is_given_the_time(database: Database) -> None:
    for given, wanted in ((False, ["1min", "30s"]), (True, ["5min", "5min"]), (False, ["1min", "30s"])):
        async with database.transaction() as session:
            if given:
                await give_time(session)
            assert [await session.scalar(text(f"SHOW {name}")) for name in LIMITS] == wanted
