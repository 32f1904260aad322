"""Signing in through the provider: from its claims to an account with its roles, and to our tokens.

The provider's word on roles is the last: at each sign-in an account's roles are set anew from the claims,
so that who has left a desk there has left it here. Refusals are returned, not raised, where something must
be committed with them: roles that are gone are gone, even when nothing is left to sign in with.

The page that waits gets a code in its address, not tokens: behind `#`, so that no server, log or referrer
sees it; good for a minute, once, and only with the verifier whose challenge the page sent at the start.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth import heirs, sessions
from app.auth import queries as accounts
from app.auth import service as signing_in
from app.auth.oidc import queries
from app.auth.oidc.flow import Transaction, Transactions, answers, challenge_of
from app.auth.oidc.idtoken import Claims, Expected, SignatureRefused, TokenRefused, read_header, read_id_token
from app.auth.oidc.provider import Account, Provider
from app.auth.oidc.rules import Pair, Rule, read_rules, roles_from
from app.auth.sessions import Origin
from app.core.clock import local_day
from app.core.locks import hold_named
from app.core.settings import Settings
from app.core.sign_on_problems import SignOnClosed, SignOnRefused, SignOnWithoutRole
from app.core.text import clean
from app.core.tokens import derive_key, hash_secret, make_secret
from app.models.sign_on import OidcIdentity, SignInCode
from app.models.subject import User, UserRole

CALLBACK = "/api/v1/auth/oidc/callback"
CODE_LIFETIME = timedelta(seconds=60)
MAX_NAME = 64
NO_PASSWORD = None

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignOn:
    """What single sign-on is made of in this process."""

    provider: Provider
    transactions: Transactions
    rules: tuple[Rule, ...]
    settings: Settings

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to: register it there, letter for letter."""
        return self.settings.public_url + CALLBACK


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account that may come in, and the code its page exchanges for tokens."""

    user_id: UUID
    code: str


Refused = SignOnWithoutRole | SignOnClosed


def make_sign_on(settings: Settings) -> SignOn | None:
    """Single sign-on as the settings say; None where they name no provider. ValueError names bad rules."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    secret = settings.oidc_client_secret
    account = Account(
        settings.oidc_issuer, settings.oidc_client_id, secret.get_secret_value() if secret else None
    )
    transactions = Transactions(
        derive_key(settings.secret, "sign-on"), secure=settings.public_url.startswith("https://")
    )
    return SignOn(Provider(account), transactions, read_rules(settings.oidc_rules), settings)


async def leave_for_provider(sign_on: SignOn, transaction: Transaction) -> str:
    """The provider's address to send the browser to."""
    described = await sign_on.provider.description()
    parameters = {
        "response_type": "code",
        "client_id": sign_on.provider.account.client_id,
        "redirect_uri": sign_on.redirect_uri,
        "scope": sign_on.settings.oidc_scopes,
        "state": transaction.state,
        "nonce": sign_on.transactions.nonce(transaction),
        "code_challenge": challenge_of(sign_on.transactions.verifier(transaction)),
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(described.authorize_at).query else "?"
    return f"{described.authorize_at}{joint}{urlencode(parameters)}"


async def ask_provider(sign_on: SignOn, transaction: Transaction, code: str, now: datetime) -> Claims:
    """The claims about whoever comes back with the code. Asks the provider; touches no database."""
    tokens = await sign_on.provider.exchange(
        code, sign_on.transactions.verifier(transaction), sign_on.redirect_uri
    )
    account = sign_on.provider.account
    expected = Expected(account.issuer, account.client_id, sign_on.transactions.nonce(transaction))
    try:
        header = read_header(tokens.id_token)
        key = await sign_on.provider.key(header)
        try:
            return read_id_token(tokens.id_token, key, header.algorithm, expected, now, tokens.access_token)
        except SignatureRefused:
            key = await sign_on.provider.key(header, instead_of=key)
            return read_id_token(tokens.id_token, key, header.algorithm, expected, now, tokens.access_token)
    except TokenRefused as refused:
        log.warning("an ID token was refused", extra={"why": str(refused)})
        raise SignOnRefused from refused


async def let_in(
    session: AsyncSession, sign_on: SignOn, transaction: Transaction, claims: Claims, now: datetime
) -> SignedIn | Refused:
    """Find or make the account, set its roles anew, and make a code for the page that waits."""
    issuer, subject = sign_on.provider.account.issuer, str(claims["sub"])
    wanted = await _known(session, roles_from(claims, sign_on.rules), now, sign_on.settings)
    await hold_named(session, "sign-on", issuer, subject)
    found = await queries.identity(session, issuer, subject)
    if found is None:
        if not wanted:
            return SignOnWithoutRole()
        user = User(username=await _free_name(session, issuer, subject, claims), password_hash=NO_PASSWORD)
        session.add(user)
        await session.flush()
        session.add(OidcIdentity(issuer=issuer, subject=subject, user_id=user.id, signed_in_at=now))
        units = {unit for _, unit in wanted}
        audit.record(session, audit.SYSTEM, "user.create", f"user:{user.id}", units, sign_on=issuer)
    else:
        identity, user = found
        if user.closed_at is not None:
            return SignOnClosed()
        identity.signed_in_at = now
    await _set_roles(session, user, wanted)
    if not wanted:
        await queries.end_codes(session, user.id)
        await sessions.end(session, user.id, now)
        return SignOnWithoutRole()
    code = make_secret()
    session.add(
        SignInCode(
            code_hash=hash_secret(code),
            user_id=user.id,
            challenge=transaction.challenge,
            expires_at=now + CODE_LIFETIME,
        )
    )
    return SignedIn(user.id, code)


async def exchange_code(
    session: AsyncSession, code: str, verifier: str, origin: Origin, now: datetime
) -> signing_in.Granted | signing_in.Refusal:
    """The page's code for tokens. Whatever is wrong, the code is spent."""
    refused = signing_in.Refusal("invalid_grant", "The code is not valid any more: sign in again.")
    known = await queries.take_code(session, hash_secret(code))
    if known is None or known.expires_at <= now or not answers(verifier, known.challenge):
        return refused
    person = await accounts.open_user(session, known.user_id)
    if person is None:
        return refused
    return await signing_in.start_session(session, person, origin, now, "sign_on")


Held = tuple[str, int | None]


async def _known(
    session: AsyncSession, pairs: Iterable[Pair], now: datetime, settings: Settings
) -> frozenset[Held]:
    """The pairs whose unit there is; others are passed over with a line in the log.

    The provider's directory goes on naming a unit as it was called there: a unit that was merged is its
    successor, one that was renumbered is itself. Else the first sign-in after a merger would undo it.
    """
    pairs = list(pairs)
    codes = {code for _, code in pairs if code is not None}
    ids = await _serving(session, codes, local_day(now, settings.zone)) if codes else {}
    if lost := sorted(codes - ids.keys()):
        log.warning("claims name units that do not exist or have closed", extra={"units": lost[:20]})
    return frozenset(
        (role, None if code is None else ids[code]) for role, code in pairs if code is None or code in ids
    )


async def _serving(session: AsyncSession, codes: Collection[str], today: date) -> Mapping[str, int]:
    bearers = await queries.bearers(session, codes)
    serving = await heirs.serving(session, set(bearers.values()), today)
    ids = {code: serving[unit] for code, unit in bearers.items() if unit in serving}
    present = await queries.unit_codes(session, ids.values())
    if old := {code: present[unit] for code, unit in sorted(ids.items()) if present[unit] != code}:
        log.info("claims name units as they were", extra={"units": dict(list(old.items())[:20])})
    return ids


async def _set_roles(session: AsyncSession, user: User, wanted: frozenset[Held]) -> None:
    held = {(row.role, row.unit_id): row for row in await queries.roles(session, user.id)}
    if held.keys() == wanted:
        return
    for pair, row in held.items():
        if pair not in wanted:
            await session.delete(row)
    for role, unit_id in sorted(wanted - held.keys(), key=str):
        session.add(UserRole(user_id=user.id, role=role, unit_id=unit_id))
    units = {unit_id for _, unit_id in held.keys() | wanted if unit_id is not None}
    codes = await queries.unit_codes(session, units)
    audit.record(
        session,
        audit.SYSTEM,
        "user.roles",
        f"user:{user.id}",
        units,
        before=_shown(held, codes),
        after=_shown(wanted, codes),
    )


def _shown(pairs: Iterable[Held], codes: Mapping[int, str]) -> list[dict[str, str | None]]:
    shown = [(role, codes.get(unit or 0)) for role, unit in pairs]
    return [{"role": role, "unit": code} for role, code in sorted(shown, key=str)]


async def _free_name(session: AsyncSession, issuer: str, subject: str, claims: Claims) -> str:
    """A name to show: theirs at the provider, with its host; a number where that is taken or no use."""
    host = urlsplit(issuer).hostname or ""
    number = sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:16]
    given = claims.get("preferred_username")
    name = f"{clean(given)}@{host}" if isinstance(given, str) and given.strip() else ""
    if not name or len(name) > MAX_NAME or not name.isprintable() or await queries.name_taken(session, name):
        return f"{number}@{host}"[:MAX_NAME]
    return name
