"""Reorganising units: judge, show, write, put into force on the day."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.subjects import Subject
from app.core.clock import day_bounds, local_day
from app.core.faults import Fault
from app.core.locks import Lock, give_time, hold
from app.core.problems import (
    InvalidRequest,
    ReorganisationExists,
)
from app.models.reorganisation import Reorganisation
from app.units import decisions, deeds, effects, reorganisations
from app.units.changes import Change, digest
from app.units.forest import Forest, State, Succession
from app.units.outline import Outcome
from app.units.picture import Picture, heirs_in_words
from app.units.succession import Reform, plan_reform

log = logging.getLogger(__name__)

EARLIEST = date(1945, 9, 2)
FARTHEST = timedelta(days=3660)
Progress = Callable[[int, int], None]
STEPS = 5


class Asked(NamedTuple):
    """What shall change, on which day, by whose decision."""

    decision: str
    effective_on: date
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it, or in a dry run, where nothing is written, would come."""

    outcome: Outcome
    reorganisation: Reorganisation | None = None


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


async def reorganise(
    session: AsyncSession,
    subject: Subject | None,
    asked: Asked,
    zone: ZoneInfo,
    now: datetime,
    *,
    dry_run: bool,
    progress: Progress = quiet,
) -> Done:
    """All of it in the caller's transaction, or InvalidRequest with every fault; ReorganisationExists.

    Without a subject it is the operator at the command line, who reaches every unit.
    """
    await give_time(session)
    today = local_day(now, zone)
    if asked.effective_on < EARLIEST:
        raise InvalidRequest(faults=[Fault("/effective_on", "too_small", {"limit": EARLIEST})])
    if asked.effective_on > today + FARTHEST:
        raise InvalidRequest(faults=[Fault("/effective_on", "too_large", {"limit": today + FARTHEST})])
    if not dry_run:
        await hold(session, Lock.UNITS)
    mark = digest(asked.effective_on, asked.changes)
    if await decisions.standing(session, asked.decision, mark) is not None:
        raise ReorganisationExists
    progress(1, STEPS)
    forest = await reorganisations.read_forest(session, subject)
    successions = await reorganisations.read_successions(session)
    reform = await asyncio.to_thread(_plan, forest, successions, asked, subject)
    if reform.faults:
        raise InvalidRequest(faults=reform.faults)
    progress(2, STEPS)
    outcome = await _outcome(session, forest, successions, reform, asked.effective_on, now)
    progress(3, STEPS)
    if dry_run:
        return Done(outcome)
    row = Reorganisation(
        decision=asked.decision,
        effective_on=asked.effective_on,
        effective_at=day_bounds(asked.effective_on, zone)[0],
        state="scheduled",
        digest=mark,
        changes=[change.to_json() for change in asked.changes],
        outcome=outcome.model_dump(mode="json"),
        actor=subject.actor if subject else audit.SYSTEM,
    )
    await _write(session, row, forest, reform)
    progress(4, STEPS)
    await deeds.record_decision(session, row, forest, reform.closed)
    if row.effective_at <= now:
        await _put_in_force(session, row, row.actor, now)
    await session.flush()
    progress(5, STEPS)
    return Done(outcome, row)


async def take_effect(session: AsyncSession, now: datetime) -> int:
    """Put every reorganisation into force whose day has come; how many. May run at any time and twice.

    One that would make a loop of units stays as it is, and is told in the log: it would stop every question
    about reach. No door lets it come to that; this is for what was done to the tables by hand.
    """
    await hold(session, Lock.UNITS)
    done = 0
    for row in await decisions.due(session, now):
        if looped := await reorganisations.in_loops(session, row.id):
            units = {"reorganisation": row.id, "units": looped[:20]}
            log.error("a decided reorganisation waits: it would make a loop of units", extra=units)
            continue
        await _put_in_force(session, row, audit.SYSTEM, now)
        await session.flush()
        done += 1
    return done


def _plan(forest: Forest, successions: Sequence[Succession], asked: Asked, subject: Subject | None) -> Reform:
    return plan_reform(
        forest,
        successions,
        asked.changes,
        asked.effective_on,
        heirs=heirs_in_words(forest, successions),
        reaches_all=subject is None or subject.unit_ids is None,
    )


async def _outcome(
    session: AsyncSession,
    forest: Forest,
    successions: Sequence[Succession],
    reform: Reform,
    day: date,
    now: datetime,
) -> Outcome:
    closed = sorted(reform.closed)
    return Picture(forest, successions, reform, day).outcome(
        await effects.devices_at(session, closed),
        await effects.accounts_at(session, closed),
        await effects.visits_at(session, closed, day, now),
    )


async def _write(session: AsyncSession, row: Reorganisation, forest: Forest, reform: Reform) -> None:
    """Give the new units their ids and write everything under them."""
    ids = dict(zip(reform.created, await reorganisations.new_ids(session, len(reform.created)), strict=True))

    def real(key: int) -> int:
        return ids.get(key, key)

    def settled(state: State) -> State:
        return state if state.parent is None else state._replace(parent=real(state.parent))

    created = {real(key): settled(state) for key, state in reform.created.items()}
    ahead = {key: settled(state) for key, state in reform.states.items()}
    merged = {one.former: real(one.heir) for one in reform.successions if not one.split}
    for unit in reform.closed:
        if unit in merged:  # beneath its heir, so that today's unit reaches and counts it
            ahead[unit] = forest[unit].now._replace(parent=merged[unit])
    existing = sorted({*ahead, *reform.closed})
    row.touched = deeds.touched(forest, created, ahead, existing)
    parents = {state.parent for state in (*created.values(), *ahead.values())}
    parts = {*existing, *merged.values(), *(real(one.heir) for one in reform.successions), *parents}
    row.unit_ids = sorted(one for one in parts if one is not None and one in forest and forest[one].reached)
    follow = [one._replace(heir=real(one.heir)) for one in reform.successions]
    await reorganisations.write(session, row, created, ahead, sorted(reform.closed), follow)


async def _put_in_force(session: AsyncSession, row: Reorganisation, actor: str, now: datetime) -> None:
    await reorganisations.put_in_force(session, row, now)
    await deeds.record_effect(session, row, actor)
