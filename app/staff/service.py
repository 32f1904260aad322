"""Letting people in, giving and taking roles, resetting, closing: nobody beyond what they hold themselves.

Changes to a person ask for as much as giving them all of their roles would: otherwise a reset link for
somebody's superior would be the way to the superior's rights.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import invitations, second, sessions
from app.auth.heirs import closed_fault, has_ended
from app.auth.invitations import Invitation
from app.auth.queries import vouched_at
from app.auth.reach import chain_of
from app.auth.subjects import Subject
from app.core.account_problems import (
    BeyondYourRights,
    LastAdministrator,
    LastRole,
    RoleNotHeld,
    UserClosed,
    UserUnknown,
)
from app.core.faults import Fault, pointer
from app.core.locks import Lock, hold
from app.core.problems import InvalidRequest
from app.core.sign_on_problems import SignOnAccount
from app.models.subject import User, UserRole
from app.models.unit import Unit
from app.staff import queries
from app.staff.granting import EVERYWHERE_ONLY, Placed, lacking, may_give, reaches
from app.staff.schemas import NewPerson, PersonChange, RoleIn

ADMINISTRATOR = "system_admin"


async def create(
    session: AsyncSession, subject: Subject, new: NewPerson, now: datetime, today: date
) -> tuple[UUID, Invitation]:
    """A new account, with the link for its owner. InvalidRequest names every role that cannot be given."""
    wanted = list(dict.fromkeys(new.roles))
    placed = await _check(
        session, subject, [(pointer("roles", new.roles.index(one)), one) for one in wanted], today
    )
    user = User(username=new.username, display_name=new.display_name, email=new.email)
    session.add(user)
    await session.flush()
    session.add_all(
        UserRole(user_id=user.id, role=one.role, unit_id=unit.id if unit else None)
        for one, unit in zip(wanted, placed, strict=True)
    )
    roles = [one.model_dump() for one in wanted]
    units = [unit.id if unit else None for unit in placed]
    audit.record(session, subject.actor, "user.create", f"user:{user.id}", units, roles=roles)
    return user.id, await invitations.invite(session, user.id, "invitation", now)


async def change(session: AsyncSession, subject: Subject, user_id: UUID, sent: PersonChange) -> User:
    """Another display name or address; the line says which, not what: they are a person's data."""
    user = await _command(session, subject, user_id)
    changes = {name: getattr(sent, name) for name in sorted(sent.model_fields_set)}
    changed = [name for name, value in changes.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, changes[name])
    if changed:
        units = await _units(session, user)
        audit.record(session, subject.actor, "user.change", f"user:{user.id}", units, changed=changed)
    return user


async def give(
    session: AsyncSession, subject: Subject, user_id: UUID, role: RoleIn, now: datetime, today: date
) -> User:
    """One more role; giving one that is held changes nothing.

    Links still open end with it: whoever made one had a right to the account as it was, not as it is now.
    """
    user = await _find(session, subject, user_id)
    (unit,) = await _check(session, subject, [("", role)], today)
    unit_id = unit.id if unit else None
    if await _held(session, user.id, role.role, unit_id) is None:
        session.add(UserRole(user_id=user.id, role=role.role, unit_id=unit_id))
        await invitations.void(session, user.id, now)
        target = f"user:{user.id}"
        audit.record(session, subject.actor, "user.give_role", target, [unit_id], **role.model_dump())
    return user


async def take(
    session: AsyncSession, subject: Subject, user_id: UUID, role: str, unit_code: str | None
) -> User:
    """One role less. RoleNotHeld outside the reach, too; the last role of all stays with the account."""
    if role == ADMINISTRATOR:
        await hold(session, Lock.ADMINISTRATORS)
    user = await _find(session, subject, user_id)
    held = (await queries.roles(session, [user.id]))[user.id]
    found = next((one for one, code in held if (one.role, code) == (role, unit_code)), None)
    if found is None:
        raise RoleNotHeld
    placed = await _place(session, found)
    if not reaches(subject, placed.chain):
        raise RoleNotHeld
    if lacking(subject, placed):
        raise BeyondYourRights
    await _keep_an_administrator(session, user, [found])
    if len(held) == 1:
        raise LastRole
    await session.delete(found)
    await session.flush()
    audit.record(
        session,
        subject.actor,
        "user.take_role",
        f"user:{user.id}",
        [found.unit_id],
        role=role,
        unit_code=unit_code,
    )
    return user


async def reset(
    session: AsyncSession, subject: Subject, user_id: UUID, *, totp: bool, now: datetime
) -> Invitation:
    """A one-time link to another password; with `totp` the second factor goes, too.

    The old password works until the link is used: a link that gets lost locks nobody out. SignOnAccount where
    the provider of single sign-on knows them: a password here would outlast their leaving there.
    """
    user = await _command(session, subject, user_id)
    if await vouched_at(session, user.id) is not None:
        raise SignOnAccount
    dropped = totp and await second.take_off(session, user.id)
    units = await _units(session, user)
    audit.record(session, subject.actor, "user.reset", f"user:{user.id}", units, totp=dropped)
    return await invitations.invite(session, user.id, "reset", now)


async def close(session: AsyncSession, subject: Subject, user_id: UUID, now: datetime) -> User:
    """End an account with its sessions and links. The record keeps it; closing again changes nothing."""
    await hold(session, Lock.ADMINISTRATORS)
    user = await _find(session, subject, user_id, open_only=False)
    if user.closed_at is None:
        held = await _command_over(session, subject, user)
        await _keep_an_administrator(session, user, held)
        user.closed_at = now
        await sessions.end(session, user.id, now)
        await invitations.void(session, user.id, now)
        units = [role.unit_id for role in held]
        audit.record(session, subject.actor, "user.close", f"user:{user.id}", units)
    return user


async def _units(session: AsyncSession, user: User) -> list[int | None]:
    """Where their roles are held: whom a line about them concerns."""
    return [role.unit_id for role, _ in (await queries.roles(session, [user.id]))[user.id]]


async def _find(session: AsyncSession, subject: Subject, user_id: UUID, *, open_only: bool = True) -> User:
    user = await queries.one(session, subject, user_id, lock=True)
    if user is None:
        raise UserUnknown
    if open_only and user.closed_at is not None:
        raise UserClosed
    return user


async def _command(session: AsyncSession, subject: Subject, user_id: UUID) -> User:
    user = await _find(session, subject, user_id)
    await _command_over(session, subject, user)
    return user


async def _command_over(session: AsyncSession, subject: Subject, user: User) -> list[UserRole]:
    """The person's roles, all of which the subject could give; BeyondYourRights otherwise."""
    held = [role for role, _ in (await queries.roles(session, [user.id]))[user.id]]
    for role in held:
        if not may_give(subject, await _place(session, role)):
            raise BeyondYourRights
    return held


async def _place(session: AsyncSession, role: UserRole) -> Placed:
    return Placed(role.role, () if role.unit_id is None else await chain_of(session, role.unit_id))


async def _held(session: AsyncSession, user_id: UUID, role: str, unit_id: int | None) -> UserRole | None:
    held = (await queries.roles(session, [user_id]))[user_id]
    return next((one for one, _ in held if (one.role, one.unit_id) == (role, unit_id)), None)


async def _keep_an_administrator(session: AsyncSession, user: User, leaving: Sequence[UserRole]) -> None:
    leaves = any(role.role == ADMINISTRATOR and role.unit_id is None for role in leaving)
    if leaves and not await queries.another_holds(session, ADMINISTRATOR, user.id):
        raise LastAdministrator


async def _check(
    session: AsyncSession, subject: Subject, wanted: Sequence[tuple[str, RoleIn]], today: date
) -> list[Unit | None]:
    """The units of roles that may all be given; InvalidRequest with every fault otherwise."""
    codes = {one.unit_code for _, one in wanted if one.unit_code is not None}
    known = await queries.units(session, subject, codes)
    chains = {code: await chain_of(session, unit.id) for code, unit in known.items()}
    faults: list[Fault] = []
    for where, one in wanted:
        unit = known.get(one.unit_code or "")
        at, role = where + pointer("unit_code"), where + pointer("role")
        if one.unit_code is None and subject.unit_ids is not None:
            faults.append(Fault(at, "unit_needed"))
        elif one.unit_code is not None and unit is None:
            faults.append(Fault(at, "unit_unknown"))
        elif unit is not None and has_ended(unit, today):
            faults.append(await closed_fault(session, unit, at, today))
        elif unit is not None and one.role in EVERYWHERE_ONLY:
            faults.append(Fault(at, "everywhere_only", {"role": one.role}))
        elif missing := lacking(subject, Placed(one.role, chains[unit.code] if unit else ())):
            faults.append(Fault(role, "scope_not_held", {"scope": ", ".join(missing)}))
    if faults:
        raise InvalidRequest(faults=faults)
    return [known.get(one.unit_code or "") for _, one in wanted]
