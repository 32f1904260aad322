"""Guesses at passwords: counted before they are judged, judged a few at a time, and put on record."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from app.auth import proofs, routes
from app.auth.sessions import Origin
from app.core import hashing
from app.core.clock import utc_now
from app.core.database import Database
from app.core.settings import Settings
from app.models.subject import SignInFailure
from tests.support.people import PASSWORD, accept, colleague, let_in, set_up_totp, sign_in, somewhere_else
from tests.support.records import read
from tests.support.world import World

CHANGE = "/api/v1/auth/password"


class Judge:
    """Stands for Argon2: counts its work, and finishes none of it while it is held."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.under_way = self.most = self.judged = 0
        self._lock = threading.Lock()

    def __call__(self, password: str, hashed: str | None) -> bool:
        with self._lock:
            self.judged += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.go_on.wait(60)
        with self._lock:
            self.under_way -= 1
        return hashed is not None and password == PASSWORD


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    made = Judge()
    monkeypatch.setattr(proofs, "check_password", made)
    yield made
    made.go_on.set()


@pytest.fixture
async def lan(http: httpx.AsyncClient, world: World) -> dict[str, str]:
    """A viewer of Phường A, whose browser is known; nobody else's is."""
    _, headers = await colleague(http, world.admin, "lan", ("viewer", "09001"))
    return headers


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody behind the same address as everybody else here, with a browser of their own."""
    async with somewhere_else(app, "127.0.0.1") as caller:
        yield caller


@pytest.fixture
def one_moment(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock stands still: whatever a slow machine does, no wait is over."""
    now = utc_now()
    monkeypatch.setattr(routes, "utc_now", lambda: now)
    return now


async def until_two_are_judged(judge: Judge) -> None:
    async with asyncio.timeout(60):
        while judge.under_way < hashing.MOST_AT_ONCE:
            await asyncio.sleep(0.001)


async def test_a_flood_is_judged_two_at_a_time_and_holds_no_connection(
    http: httpx.AsyncClient,
    world: World,
    database: Database,
    judge: Judge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hashing.GATE, "_patience", 0.0)
    judge.go_on.clear()
    judged = [asyncio.create_task(sign_in(http, f"nobody {n}")) for n in range(2)]
    await until_two_are_judged(judge)
    pool = database.engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]  # a queue's
    async with database.engine.connect() as connection:
        idle = text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        assert await connection.scalar(idle) == 0
    refused = await asyncio.gather(*(sign_in(http, f"made up {n}") for n in range(46)))
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "unavailable")}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (await http.get("/api/v1/questionnaires")).status_code == 200
    judge.go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*judged)] == [400, 400]
    assert (judge.most, judge.judged) == (2, 2)


@pytest.mark.parametrize("path", ["password", "totp/remove", "invitations/accept"])
async def test_every_other_place_that_hashes_has_the_same_bound(
    http: httpx.AsyncClient,
    world: World,
    lan: dict[str, str],
    judge: Judge,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    link = (await let_in(http, world.admin, "hoa", ("viewer", "24")))["invitation"]["token"]
    for name in ("PATIENCE_SECONDS", "WORK_PATIENCE_SECONDS"):
        monkeypatch.setattr(hashing, name, 0.0)
    monkeypatch.setattr(hashing.GATE, "_patience", 0.0)
    judge.go_on.clear()
    judged = [asyncio.create_task(sign_in(http, f"nobody {n}")) for n in range(2)]
    await until_two_are_judged(judge)
    body = {
        "password": {"current": PASSWORD, "new": "một mật khẩu khác hẳn"},
        "totp/remove": {"password": PASSWORD, "code": "123456"},
        "invitations/accept": {"token": link, "password": PASSWORD},
    }[path]
    answer = await http.post(f"/api/v1/auth/{path}", json=body, headers=lan)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    judge.go_on.set()
    await asyncio.gather(*judged)
    assert (await accept(http, link)).status_code == 200, "the link was not spent"


async def test_of_a_hundred_guesses_side_by_side_five_are_judged(
    stranger: httpx.AsyncClient, lan: dict[str, str], judge: Judge, one_moment: datetime
) -> None:
    answers = await asyncio.gather(*(sign_in(stranger, "lan", f"guess {n}") for n in range(100)))
    statuses = [answer.status_code for answer in answers]
    assert judge.judged == statuses.count(400) <= 5
    assert set(statuses) <= {400, 429, 503}


async def test_of_a_hundred_guesses_at_the_code_side_by_side_five_are_judged(
    http: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    lan: dict[str, str],
    database: Database,
    one_moment: datetime,
) -> None:
    await set_up_totp(http, lan)
    guesses = (sign_in(stranger, "lan", totp=f"{n:06}") for n in range(100))
    answers = [answer.json().get("code") for answer in await asyncio.gather(*guesses)]
    assert answers.count("totp_wrong") <= 5
    assert set(answers) <= {"totp_wrong", "too_many_requests", "unavailable"}


async def test_a_right_password_is_no_failure_though_it_was_counted(
    http: httpx.AsyncClient, lan: dict[str, str], database: Database
) -> None:
    await set_up_totp(http, lan)
    for _ in range(8):
        assert (await sign_in(http, "lan")).json()["code"] == "totp_needed"
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(SignInFailure)) == 0


async def test_a_colleague_behind_the_guessers_address_is_not_kept_out(
    http: httpx.AsyncClient, stranger: httpx.AsyncClient, lan: dict[str, str], one_moment: datetime
) -> None:
    statuses = [(await sign_in(stranger, "lan", f"guess {n}")).status_code for n in range(6)]
    assert statuses == [400] * 5 + [429]
    assert (await sign_in(http, "lan")).status_code == 200
    assert (await sign_in(stranger, "lan")).status_code == 429, "their success helps no guesser"


async def test_a_known_browser_has_five_tries_of_its_own(
    http: httpx.AsyncClient, stranger: httpx.AsyncClient, lan: dict[str, str], one_moment: datetime
) -> None:
    statuses = [(await sign_in(http, "lan", f"guess {n}")).status_code for n in range(6)]
    assert statuses == [400] * 5 + [429]
    assert (await sign_in(stranger, "lan")).status_code == 200


async def test_a_browser_is_known_for_its_owner_alone_and_for_half_a_year(
    app: FastAPI,
    http: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    world: World,
    lan: dict[str, str],
) -> None:
    (cookie,) = http.cookies.jar
    assert cookie.value is not None
    assert (cookie.path, cookie.secure) == ("/api/v1/auth", True)
    assert {"HttpOnly", "SameSite"} <= cookie._rest.keys()  # type: ignore[attr-defined]  # where else
    user = (await http.get("/api/v1/me", headers=lan)).json()["id"]
    cookies, sent, now = app.state.proofs.cookies, {cookie.name: cookie.value}, utc_now()
    (device,) = cookies.read(sent, now).values()
    assert cookies.read(sent, now + timedelta(days=181)) == {}
    for forged in (
        cookie.value.replace(user.replace("-", ""), "0" * 32),
        cookie.value[:-1] + ("0" if cookie.value[-1] != "0" else "1"),
        "",
        "a.b.c.d",
    ):
        assert cookies.read({cookie.name: forged}, now) == {}
    again = await sign_in(http, "lan")
    assert list(cookies.read(dict(again.cookies), now).values()) == [device]


# --- the record -----------------------------------------------------------------------------------


async def lines(http: httpx.AsyncClient, world: World) -> list[tuple[str, str, object]]:
    found = await read(http, world.admin, action="sign_in.")
    return [(line["action"], line["target"].split(":")[0], line["details"]) for line in found]


async def test_who_comes_in_and_by_what_is_on_record(
    http: httpx.AsyncClient, world: World, lan: dict[str, str]
) -> None:
    _, codes = await set_up_totp(http, lan)
    assert (await sign_in(http, "lan", totp=codes[0])).status_code == 200
    assert await lines(http, world) == [
        ("sign_in.accepted", "session", {"by": "password"}),
        ("sign_in.accepted", "session", {"by": "password_and_code"}),
    ]


async def test_wrong_passwords_and_codes_and_throttling_are_on_record_and_few_lines(
    http: httpx.AsyncClient, world: World, lan: dict[str, str], one_moment: datetime
) -> None:
    await set_up_totp(http, lan)
    assert (await sign_in(http, "lan", totp="000000")).json()["code"] == "totp_wrong"
    for n in range(4):
        assert (await sign_in(http, "lan", f"guess {n}")).status_code == 400
    for n in range(20):
        assert (await sign_in(http, "lan", f"guess {n}")).status_code == 429
    assert (await lines(http, world))[1:] == [
        ("sign_in.code_refused", "user", {"failures": 1}),
        ("sign_in.refused", "user", {"failures": 2}),
        ("sign_in.refused", "user", {"failures": 4}),
        ("sign_in.throttled", "user", {"failures": 5}),
    ]
    (line, *_) = await read(http, world.admin, action="sign_in.refused")
    assert (line["actor"], line["units"], line["address"]) == ("system", ["09001"], "127.0.0.1")


async def test_names_of_nobody_are_counted_together_and_kept_nowhere(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    for n in range(9):
        assert (await sign_in(http, f"Bí mật của tôi {n}")).status_code == 400
    assert [found for found in await lines(http, world) if found[0] == "sign_in.refused"] == [
        ("sign_in.refused", "sign_in", {"failures": count}) for count in (1, 2, 4, 8)
    ]
    async with database.read() as session:
        kept = str((await session.execute(text("SELECT * FROM sign_in_failures"))).all())
        kept += str((await session.execute(text("SELECT * FROM audit_lines"))).all())
    assert "mật" not in kept


async def test_a_name_of_nobody_is_slowed_down_like_any_other(
    http: httpx.AsyncClient, world: World, one_moment: datetime
) -> None:
    statuses = [(await sign_in(http, "nobody", f"guess {n}")).status_code for n in range(6)]
    assert statuses == [400] * 5 + [429]


async def test_a_partner_systems_refusals_are_on_record(http: httpx.AsyncClient, world: World) -> None:
    body = {"name": "iGate", "unit_code": "24", "scopes": ["units:read"], "allowed_networks": ["10.0.0.0/8"]}
    made = (await http.post("/api/v1/clients", json=body, headers=world.admin)).json()
    form = {"grant_type": "client_credentials", "client_id": made["client_id"]}
    for secret in ("wrong", "wrong", made["client_secret"]):
        answer = await http.post("/api/v1/auth/token", data=form | {"client_secret": secret})
        assert answer.status_code in {400, 401}
    found = await read(http, world.admin, action="client.")
    assert [line["action"] for line in found] == [
        "client.create",
        "client.secret_refused",
        "client.address_refused",
    ]


async def test_a_guess_that_waited_while_others_were_counted_is_not_sent_away(
    database: Database, settings: Settings, world: World
) -> None:
    judge, origin, now = proofs.Proofs(database, settings), Origin("192.0.2.7", "", {}), utc_now()
    await judge.count("nobody", origin, now + timedelta(seconds=3))
    assert (await judge.count("nobody", origin, now)).failures == 2
