"""Shorthand of tests about people: sign in, come in by a link, set up a second factor."""

from typing import Any

import httpx
import pyotp
from fastapi import FastAPI

TOKEN = "/api/v1/auth/token"
USERS = "/api/v1/users"
TOTP = "/api/v1/auth/totp"
PASSWORD = "một mật khẩu dài"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sign_in(
    http: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str
) -> httpx.Response:
    """What the password grant answers."""
    form = {"grant_type": "password", "username": username, "password": password, **more}
    return await http.post(TOKEN, data=form)


async def enter(
    http: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str
) -> dict[str, str]:
    """Authorization header of somebody who signs in, and must succeed."""
    answer = await sign_in(http, username, password, **more)
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def refresh(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token})


def person(username: str, *roles: tuple[str, str | None]) -> dict[str, object]:
    """The body that lets somebody in."""
    wanted = [{"role": role, "unit_code": unit} for role, unit in roles]
    return {"username": username, "display_name": f"Bà {username.title()}", "roles": wanted}


async def let_in(
    http: httpx.AsyncClient, by: dict[str, str], username: str, *roles: tuple[str, str | None]
) -> dict[str, Any]:
    """A new account that has not been entered yet: its id and invitation."""
    answer = await http.post(USERS, json=person(username, *roles), headers=by)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def accept(http: httpx.AsyncClient, token: str, password: str = PASSWORD) -> httpx.Response:
    return await http.post("/api/v1/auth/invitations/accept", json={"token": token, "password": password})


async def colleague(
    http: httpx.AsyncClient, by: dict[str, str], username: str, *roles: tuple[str, str | None]
) -> tuple[str, dict[str, str]]:
    """Somebody let in who has set a password and signed in: id and header."""
    made = await let_in(http, by, username, *roles)
    assert (await accept(http, made["invitation"]["token"])).status_code == 200
    return made["id"], await enter(http, username)


async def set_up_totp(http: httpx.AsyncClient, headers: dict[str, str]) -> tuple[pyotp.TOTP, list[str]]:
    """A second factor turned on: the app, whose code of this step is spent, and the recovery codes."""
    begun = await http.post(TOTP, headers=headers)
    assert begun.status_code == 201, begun.text
    app = pyotp.TOTP(begun.json()["secret"])
    confirmed = await http.post(f"{TOTP}/confirm", json={"code": app.now()}, headers=headers)
    assert confirmed.status_code == 200, confirmed.text
    codes: list[str] = confirmed.json()["recovery_codes"]
    return app, codes


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """(pointer, code) of each fault of a 422."""
    assert answer.status_code == 422, answer.text
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["code"]


def somewhere_else(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A caller without credentials or cookies, at another address."""
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="https://sipas.example.vn")
