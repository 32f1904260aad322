"""Single sign-on from the button to the tokens, with a real provider in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select, update

from app.auth.oidc.flow import challenge_of
from app.auth.service import VOUCHED_FOR
from app.core.clock import local_day, utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.main import create_app
from app.models.record import AuditLine
from app.models.sign_on import OidcIdentity, SignInCode
from app.models.subject import User
from app.models.unit import Unit
from tests.support.provider import CLIENT, SECRET, RunningProvider, provider
from tests.support.reorganised import decide, merger
from tests.support.visits import today
from tests.support.world import World

HERE = "https://sipas.example.vn"
START, CALLBACK = "/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback"
GRANT = "urn:sipas:grant-type:sign-in-code"
VERIFIER = "the-page-keeps-this-in-its-session-storage-1234"
RULES = [
    {"claim": "groups", "contains": "sipas-admins", "role": "unit_admin", "unit": "24"},
    {"claim": "groups", "prefix": "sipas-officer-", "role": "case_officer", "unit_claim": "groups"},
    {"claim": "title", "equals": "Thanh tra", "role": "viewer", "unit": None},
]


@pytest.fixture(scope="module")
def there() -> Iterator[RunningProvider]:
    with provider() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, there: RunningProvider) -> Settings:
    there.set_user("lan", preferred_username="lan", groups=["sipas-admins", "sipas-officer-09001"])
    there.set_user("guest", preferred_username="guest", groups=["others"])
    return settings.model_copy(
        update={
            "oidc_issuer": there.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_rules": RULES,
        }
    )


def browser(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE)


@dataclass
class Page:
    """A page that waits for its code, in a browser of its own."""

    http: httpx.AsyncClient
    there: RunningProvider
    sent_to: str = ""
    cookies: list[str] = field(default_factory=list)

    async def leave(self, return_to: str = "/bang?x=1", verifier: str = VERIFIER) -> str:
        """Begin; the provider's address."""
        parameters = {"return_to": return_to, "code_challenge": challenge_of(verifier)}
        answer = await self.http.get(START, params=parameters)
        assert answer.status_code == 302, answer.text
        self.cookies = answer.headers.get_list("set-cookie")
        self.sent_to = answer.headers["location"]
        return self.sent_to

    async def come_back(self, subject: str | None) -> httpx.Response:
        """Say there who one is, and come back."""
        back = await asyncio.to_thread(self.there.sign_in, self.sent_to, subject)
        assert back.startswith(f"{HERE}{CALLBACK}?")
        return await self.http.get(back.removeprefix(HERE))

    async def code(self, subject: str = "lan") -> str:
        """The whole way, as far as the code."""
        await self.leave()
        answer = await self.come_back(subject)
        assert answer.status_code == 302, answer.text
        return urlsplit(answer.headers["location"]).fragment.removeprefix("sipas_code=")

    async def exchange(self, code: str, verifier: str = VERIFIER) -> httpx.Response:
        form = {"grant_type": GRANT, "code": code, "code_verifier": verifier}
        return await self.http.post("/api/v1/auth/token", data=form)

    async def sign_in(self, subject: str = "lan") -> dict[str, str]:
        """The whole way; the tokens."""
        answer = await self.exchange(await self.code(subject))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    async def me(self, tokens: dict[str, str]) -> httpx.Response:
        return await self.http.get(
            "/api/v1/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}
        )


@pytest.fixture
async def page(app: FastAPI, world: World, there: RunningProvider) -> AsyncIterator[Page]:
    async with browser(app) as http:
        yield Page(http, there)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def accounts(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(OidcIdentity)) or 0


# --- the way in -----------------------------------------------------------------------------------


async def test_whom_the_provider_knows_gets_tokens_and_the_roles_of_their_claims(page: Page) -> None:
    me = (await page.me(await page.sign_in())).json()
    assert me["kind"] == "user"
    assert me["name"] == "lan@127.0.0.1"
    held = {(role["role"], role["unit"]) for role in me["roles"]}
    assert held == {("unit_admin", "24"), ("case_officer", "09001")}


async def test_the_page_is_told_what_the_button_says(page: Page) -> None:
    answer = await page.http.get("/api/v1/auth/oidc")
    assert answer.json() == {"button": "Đăng nhập một lần (SSO)", "start": START}


async def test_the_way_there_carries_pkce_state_and_nonce_and_a_cookie_out_of_reach(page: Page) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(await page.leave()).query).items()}
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == HERE + CALLBACK
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] != challenge_of(VERIFIER), "the page's verifier and ours are two"
    assert asked["scope"].split()[0] == "openid"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    (cookie,) = page.cookies
    assert cookie.startswith("__Host-sipas-sign-on-")
    assert {"httponly", "secure", "samesite=lax", "path=/", "max-age=600"} <= set(cookie.lower().split("; "))
    assert "domain" not in cookie.lower()


async def test_the_code_comes_back_behind_the_fragment_and_leaves_no_trace(page: Page) -> None:
    await page.leave("/bang?x=1")
    answer = await page.come_back("lan")
    assert answer.headers["location"].startswith("/bang?x=1#sipas_code=")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not page.http.cookies, "the cookie is gone"


async def test_two_tabs_may_begin_at_once(page: Page) -> None:
    first = await page.leave("/one")
    await page.leave("/two")
    for address, path in ((page.sent_to, "/two"), (first, "/one")):
        page.sent_to = address
        assert (await page.come_back("lan")).headers["location"].startswith(path)


async def test_an_account_is_its_issuer_and_subject_and_never_a_name_or_an_address(
    page: Page, there: RunningProvider, database: Database
) -> None:
    groups = ["sipas-officer-09001"]
    there.set_user("one", preferred_username="mai", email="mai@x.vn", groups=groups)
    there.set_user("two", preferred_username="mai", email="mai@x.vn", groups=groups)
    one, two = [(await page.me(await page.sign_in(sub))).json() for sub in ("one", "two")]
    assert one["id"] != two["id"]
    assert one["name"] == "mai@127.0.0.1"
    assert two["name"] != one["name"]
    there.set_user("one", preferred_username="hoa", email="hoa@x.vn", groups=groups)
    again = (await page.me(await page.sign_in("one"))).json()
    assert (again["id"], again["name"]) == (one["id"], one["name"])
    assert await accounts(database) == 2


async def test_a_name_like_a_local_accounts_takes_nothing_of_it(page: Page, there: RunningProvider) -> None:
    there.set_user("evil", preferred_username="admin", groups=["sipas-officer-09001"])
    me = (await page.me(await page.sign_in("evil"))).json()
    assert me["name"] == "admin@127.0.0.1"
    assert [role["role"] for role in me["roles"]] == ["case_officer"]


async def test_an_account_of_the_provider_has_no_password_and_gets_none(page: Page, world: World) -> None:
    me = (await page.me(await page.sign_in())).json()
    reset = await page.http.post(f"/api/v1/users/{me['id']}/reset", headers=world.admin)
    assert problem(reset) == (409, "sign_on_account")
    for password in ("", "None", "x" * 12):
        form = {"grant_type": "password", "username": "lan@127.0.0.1", "password": password}
        assert (await page.http.post("/api/v1/auth/token", data=form)).json()["error"] == "invalid_grant"


async def test_one_person_in_many_tabs_at_once_is_one_account(
    app: FastAPI, page: Page, there: RunningProvider, database: Database
) -> None:
    async def one() -> int:
        async with browser(app) as http:
            tokens = await Page(http, there).sign_in()
            return len(tokens)

    assert await asyncio.gather(*(one() for _ in range(5))) == [5] * 5
    assert await accounts(database) == 1


# --- roles ----------------------------------------------------------------------------------------


async def test_roles_are_set_anew_at_each_sign_in(
    page: Page, there: RunningProvider, database: Database
) -> None:
    there.set_user("nam", groups=["sipas-officer-09001", "sipas-officer-09002"])
    first = await page.sign_in("nam")
    there.set_user("nam", groups=["sipas-officer-09002"], title="Thanh tra")
    await page.sign_in("nam")
    me = (await page.me(first)).json()  # the token of before, at once
    assert {(role["role"], role["unit"]) for role in me["roles"]} == {
        ("case_officer", "09002"),
        ("viewer", None),
    }
    async with database.read() as session:
        lines = (await session.scalars(select(AuditLine).order_by(AuditLine.id))).all()
    entered = "sign_in.accepted"
    assert [line.action for line in lines] == ["user.create", "user.roles", entered, "user.roles", entered]
    assert lines[-2].details == {
        "before": [{"role": "case_officer", "unit": "09001"}, {"role": "case_officer", "unit": "09002"}],
        "after": [{"role": "case_officer", "unit": "09002"}, {"role": "viewer", "unit": None}],
    }


async def test_the_same_claims_again_are_no_deed(page: Page, database: Database) -> None:
    for _ in range(2):
        await page.sign_in()
    async with database.read() as session:
        actions = (await session.scalars(select(AuditLine.action).order_by(AuditLine.id))).all()
    assert actions == ["user.create", "user.roles", "sign_in.accepted", "sign_in.accepted"]


async def test_whom_no_rule_knows_does_not_come_in_and_leaves_no_account(
    page: Page, database: Database
) -> None:
    await page.leave()
    answer = await page.come_back("guest")
    assert problem(answer) == (403, "sign_on_without_role")
    assert await accounts(database) == 0


async def test_who_has_left_there_loses_everything_here(page: Page, there: RunningProvider) -> None:
    there.set_user("bay", groups=["sipas-officer-09001"])
    tokens, code = await page.sign_in("bay"), await page.code("bay")
    there.set_user("bay", groups=[])
    await page.leave()
    assert problem(await page.come_back("bay")) == (403, "sign_on_without_role")
    assert (await page.exchange(code)).json()["error"] == "invalid_grant"
    refreshed = await page.http.post(
        "/api/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    )
    assert refreshed.json()["error"] == "invalid_grant"


async def test_units_that_do_not_exist_or_have_closed_give_nothing(
    page: Page, there: RunningProvider, database: Database, world: World, settings: Settings
) -> None:
    yesterday = local_day(utc_now(), settings.zone) - timedelta(days=1)
    async with database.transaction() as session:
        await session.execute(update(Unit).where(Unit.code == "09002").values(valid_to=yesterday))
    there.set_user("tam", groups=["sipas-officer-09001", "sipas-officer-09002", "sipas-officer-nowhere"])
    me = (await page.me(await page.sign_in("tam"))).json()
    assert [role["unit"] for role in me["roles"]] == ["09001"]


async def test_a_directory_of_before_a_merger_names_the_successor(
    page: Page, there: RunningProvider, world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    there.set_user("yen", groups=["sipas-officer-09001", "sipas-officer-09002"])
    tokens = await page.sign_in("yen")
    await decide(page.http, world, merger("09001", to="M1"), on=today() - timedelta(days=2))
    await decide(page.http, world, merger("M1", "09002", to="M2"), on=today() - timedelta(days=1))
    async with database.read() as session:
        lines = await session.scalar(select(func.max(AuditLine.id)).where(AuditLine.action == "user.roles"))
    with caplog.at_level("INFO"):
        again = await page.sign_in("yen")
    for held in (tokens, again):
        me = (await page.me(held)).json()
        assert [(role["role"], role["unit"]) for role in me["roles"]] == [("case_officer", "M2")]
    async with database.read() as session:
        newer = select(AuditLine.details).where(AuditLine.action == "user.roles", AuditLine.id > (lines or 0))
        (change,) = (await session.scalars(newer)).all()
    assert change["after"] == [{"role": "case_officer", "unit": "M2"}], "of two roles that became one"
    told = [vars(record)["units"] for record in caplog.records if "as they were" in record.message]
    assert told == [{"09001": "M2", "09002": "M2"}]


async def test_a_directory_of_before_a_renumbering_names_the_same_unit(
    page: Page, there: RunningProvider, world: World
) -> None:
    there.set_user("an", groups=["sipas-officer-09001"])
    await page.sign_in("an")
    rename = {"kind": "rename", "from": ["09001"], "to": [{"code": "H24.001"}]}
    await decide(page.http, world, rename, on=today() - timedelta(days=1))
    for groups in (["sipas-officer-09001"], ["sipas-officer-H24.001"]):
        there.set_user("an", groups=groups)
        me = (await page.me(await page.sign_in("an"))).json()
        assert [role["unit"] for role in me["roles"]] == ["H24.001"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "close", "from": ["09001"]},
        {"kind": "split", "from": ["09001"], "to": [{"code": c, "name": f"Xã {c}"} for c in ("N1", "N2")]},
    ],
    ids=["closed", "split"],
)
async def test_a_directory_that_names_a_unit_nobody_took_over_whole_gives_nothing(
    page: Page, there: RunningProvider, world: World, change: dict[str, object]
) -> None:
    there.set_user("tu", groups=["sipas-officer-09001"])
    await page.sign_in("tu")
    await decide(page.http, world, change, on=today() - timedelta(days=1))
    await page.leave()
    assert problem(await page.come_back("tu")) == (403, "sign_on_without_role")


async def test_a_merger_to_come_moves_nobody_yet(page: Page, there: RunningProvider, world: World) -> None:
    there.set_user("le", groups=["sipas-officer-09001"])
    await decide(page.http, world, merger("09001", to="M1"), on=today() + timedelta(days=9))
    me = (await page.me(await page.sign_in("le"))).json()
    assert [role["unit"] for role in me["roles"]] == ["09001"]


async def test_a_closed_account_stays_closed(page: Page, database: Database) -> None:
    await page.sign_in()
    async with database.transaction() as session:
        await session.execute(
            update(User).where(User.username == "lan@127.0.0.1").values(closed_at=utc_now())
        )
    await page.leave()
    assert problem(await page.come_back("lan")) == (403, "sign_on_closed")


async def test_refresh_tokens_end_when_the_provider_has_not_vouched_for_long(
    page: Page, database: Database
) -> None:
    async def refresh(token: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return await page.http.post("/api/v1/auth/token", data=form)

    token = (await refresh((await page.sign_in())["refresh_token"])).json()["refresh_token"]
    async with database.transaction() as session:
        await session.execute(update(OidcIdentity).values(signed_in_at=utc_now() - VOUCHED_FOR))
    assert (await refresh(token)).json()["error"] == "invalid_grant"


# --- ill will -------------------------------------------------------------------------------------


async def test_a_stranger_cannot_have_a_victims_browser_signed_in_as_them(
    app: FastAPI, page: Page, there: RunningProvider
) -> None:
    await page.leave()
    back = await asyncio.to_thread(there.sign_in, page.sent_to, "lan")
    async with browser(app) as victim:
        answer = await victim.get(back.removeprefix(HERE))
        assert problem(answer) == (400, "sign_on_expired")
        # nor when the victim happens to be signing in
        await Page(victim, there).leave()
        assert problem(await victim.get(back.removeprefix(HERE))) == (400, "sign_on_expired")


async def test_a_stolen_code_is_worth_nothing_in_another_sign_in(
    app: FastAPI, page: Page, there: RunningProvider
) -> None:
    await page.leave()
    back = await asyncio.to_thread(there.sign_in, page.sent_to, "lan")
    stolen = parse_qs(urlsplit(back).query)["code"][0]
    async with browser(app) as thief:
        state = parse_qs(urlsplit(await Page(thief, there).leave()).query)["state"][0]
        answer = await thief.get(CALLBACK, params={"code": stolen, "state": state})
    assert problem(answer) == (403, "sign_on_refused")


async def test_coming_back_twice_works_once(app: FastAPI, page: Page, there: RunningProvider) -> None:
    await page.leave()
    back = (await asyncio.to_thread(there.sign_in, page.sent_to, "lan")).removeprefix(HERE)
    kept = dict(page.http.cookies)
    assert (await page.http.get(back)).status_code == 302
    assert problem(await page.http.get(back)) == (400, "sign_on_expired")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, cookies=kept) as again:
        assert problem(await again.get(back)) == (403, "sign_on_refused")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"code": "x"},
        {"state": "x", "code": "x"},
        {"state": "A" * 43, "code": "x"},
        {"state": "%s" * 20, "code": "x"},
    ],
)
async def test_a_callback_out_of_nowhere_is_no_sign_in(page: Page, parameters: dict[str, str]) -> None:
    assert problem(await page.http.get(CALLBACK, params=parameters)) == (400, "sign_on_expired")


@pytest.mark.parametrize(
    "more",
    [
        {"error": "access_denied"},
        {"code": ""},
        {"code": "made up"},
        {"code": "x", "iss": "https://evil.example"},
    ],
)
async def test_what_comes_back_without_a_good_code_is_refused(page: Page, more: dict[str, str]) -> None:
    state = parse_qs(urlsplit(await page.leave()).query)["state"][0]
    answer = await page.http.get(CALLBACK, params={"state": state} | more)
    assert problem(answer) == (403, "sign_on_refused")


async def test_who_says_no_at_the_provider_is_told_so(page: Page) -> None:
    await page.leave()
    back = await asyncio.to_thread(page.there.sign_in, page.sent_to, None)
    state = parse_qs(urlsplit(page.sent_to).query)["state"][0]
    # this provider forgets the state when it says no; others send it
    error = parse_qs(urlsplit(back).query)["error"][0]
    answer = await page.http.get(CALLBACK, params={"error": error, "state": state})
    assert problem(answer) == (403, "sign_on_refused")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"return_to": "//evil.example"}, "/return_to"),
        ({"return_to": "https://evil.example/"}, "/return_to"),
        ({"return_to": "/\\evil.example"}, "/return_to"),
        ({"return_to": "/#sipas_code=mine"}, "/return_to"),
        ({"return_to": "/a\r\nX: y"}, "/return_to"),
        ({"code_challenge": "short"}, "/code_challenge"),
        ({"code_challenge": "x" * 44}, "/code_challenge"),
    ],
)
async def test_a_beginning_that_would_lead_elsewhere_is_refused(
    page: Page, change: dict[str, str], pointer: str
) -> None:
    good = {"return_to": "/", "code_challenge": challenge_of(VERIFIER)}
    answer = await page.http.get(START, params=good | change)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_the_pages_code_works_once_and_only_for_the_page(page: Page) -> None:
    code = await page.code()
    assert (await page.exchange(code)).status_code == 200
    assert (await page.exchange(code)).json()["error"] == "invalid_grant"
    for verifier in ("", "x" * 43, challenge_of(VERIFIER), VERIFIER[:-1]):
        code = await page.code()
        assert (await page.exchange(code, verifier)).json()["error"] == "invalid_grant"
        assert (await page.exchange(code)).json()["error"] == "invalid_grant", "a wrong verifier spends it"
    assert (await page.exchange("made up")).json()["error"] == "invalid_grant"


async def test_of_many_who_bring_the_code_at_once_one_gets_tokens(page: Page) -> None:
    code = await page.code()
    answers = await asyncio.gather(*(page.exchange(code) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 5]


async def test_the_pages_code_ends_after_a_minute_and_is_kept_as_a_hash(
    page: Page, database: Database
) -> None:
    code = await page.code()
    async with database.transaction() as session:
        kept = (await session.scalars(select(SignInCode))).one()
        assert timedelta(0) < kept.expires_at - utc_now() <= timedelta(seconds=60)
        assert code.encode() not in kept.code_hash
        kept.expires_at = utc_now()
    assert (await page.exchange(code)).json()["error"] == "invalid_grant"


# --- the provider changes, or is not there --------------------------------------------------------


async def test_a_renewed_key_is_found(page: Page, there: RunningProvider, app: FastAPI) -> None:
    await page.sign_in()
    there.renew_key()
    await page.leave()
    assert problem(await page.come_back("lan")) == (403, "sign_on_refused"), "asked a moment ago"
    kept = app.state.sign_on.provider._keys
    app.state.sign_on.provider._keys = (kept[0] - 61, kept[1])
    await page.sign_in()


async def test_a_provider_that_is_down_is_said_to_be_so_and_passwords_go_on(
    settings: Settings, database: Database
) -> None:
    with provider() as running:
        here = create_app(settings.model_copy(update={"oidc_issuer": running.issuer}))
        async with here.router.lifespan_context(here), browser(here) as http:
            page = Page(http, running)
            await page.leave()
            back = await asyncio.to_thread(running.sign_in, page.sent_to, "lan")
            running.stop()
            answer = await http.get(back.removeprefix(HERE))
            assert problem(answer) == (503, "sign_on_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        anew = create_app(settings.model_copy(update={"oidc_issuer": running.issuer}))
        async with anew.router.lifespan_context(anew), browser(anew) as http:
            parameters = {"return_to": "/", "code_challenge": challenge_of(VERIFIER)}
            assert problem(await http.get(START, params=parameters)) == (503, "sign_on_unavailable")
            form = {"grant_type": "password", "username": "x", "password": "y"}
            assert (await http.post("/api/v1/auth/token", data=form)).json()["error"] == "invalid_grant"


async def test_without_a_provider_there_is_no_single_sign_on(settings: Settings, database: Database) -> None:
    here = create_app(settings.model_copy(update={"oidc_issuer": None}))
    async with here.router.lifespan_context(here), browser(here) as http:
        for path in ("/api/v1/auth/oidc", f"{START}?return_to=/&code_challenge=x", CALLBACK):
            assert problem(await http.get(path)) == (404, "sign_on_off")
