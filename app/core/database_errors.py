"""What the database's errors mean: a broken rule, a reason to come again, or our own mistake."""

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.errors import Problem
from app.core.figure_problems import MappingExists
from app.core.par_problems import ParSheetFinal
from app.core.period_problems import PeriodExists, SnapshotFrozen
from app.core.problems import (
    Conflict,
    ProcedureExists,
    QuestionnaireExists,
    QuestionnaireFrozen,
    ReorganisationExists,
    Unavailable,
    UnitExists,
    UsernameTaken,
)
from app.core.sample_problems import SampleExists

# A constraint's name -> what its violation means. One table for the whole house.
CONSTRAINTS: Mapping[str, type[Problem]] = {
    "uq_units_code": UnitExists,
    "uq_procedures_code": ProcedureExists,
    "uq_questionnaires_code_version": QuestionnaireExists,
    "pk_questionnaire_mappings": MappingExists,
    "questionnaires_frozen": QuestionnaireFrozen,  # raised by a trigger
    "par_sheets_final": ParSheetFinal,  # raised by a trigger
    "uq_periods_unit_id_first_day_last_day_questionnaire_id": PeriodExists,
    "period_snapshots_frozen": SnapshotFrozen,  # raised by a trigger
    "uq_users_username": UsernameTaken,
    "uq_reorganisations_decision_digest": ReorganisationExists,
    "uq_samples_unit_id_name": SampleExists,
}

LOST_CONNECTION = (
    OSError,
    InterfaceError,
    OperationalError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the server hangs up in the middle of its own work
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    TimeoutError,
    PoolTimeout,
)
ANY_FAILURE = (SQLAlchemyError, *LOST_CONNECTION)
"""For probes: whatever comes instead of an answer, it is none."""
# Classes and codes of what passes by itself: connection, resources (a full disk among them), intervention,
# deadlock and serialization, a disk that cannot be read, a lock not given.
_PASSING_STATES = ("08", "53", "57", "40", "58", "55P03")
# A standby took the server's place. `Database` says so of its writing sessions, whose connection it gives up;
# of a session that only reads it is our own mistake.
_ONLY_READS = "25006"
REPEATABLE_STATES = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the same work again will do."""


def is_passing(error: BaseException) -> bool:
    """Of asyncpg's own errors: the database cannot now, and nothing is wrong with what was asked."""
    return isinstance(error, LOST_CONNECTION) or (state_of(error) or "").startswith(
        (*_PASSING_STATES, _ONLY_READS)
    )


def state_of(error: BaseException) -> str | None:
    """SQLSTATE of an error of asyncpg's own; None of any other."""
    return error.sqlstate if isinstance(error, asyncpg.PostgresError) else None


def problem_of(error: BaseException) -> Problem | None:
    """What a database error means to the one who asked; None when it is our own mistake."""
    if isinstance(error, DBAPIError):
        cause: Any = error.orig
        name = getattr(getattr(cause, "__cause__", None), "constraint_name", None) or ""
        state = getattr(cause, "sqlstate", None) or ""
        if name in CONSTRAINTS:
            return CONSTRAINTS[name]()
        if state.startswith("23"):
            return Conflict()
        if state.startswith(_PASSING_STATES) or error.connection_invalidated:
            return Unavailable()
    elif isinstance(error, StatementError) and isinstance(error.orig, LOST_CONNECTION):
        return Unavailable()  # a statement wanted a new connection and got none
    return Unavailable() if is_passing(error) else None
