"""A whole working day through the API, whoever stands between: sign-in, import, visits, links, a tablet,
figures, exports, a new colleague. It needs an empty database, an administrator, and jobs that run.
"""

import asyncio
import csv
import io
from typing import Any

import httpx

from tests.support import said
from tests.support.people import accept, bearer, let_in, refresh, sign_in
from tests.support.visits import day, register, today, visit
from tests.support.waiting import until

ADMIN, PASSWORD = "admin", "một mật khẩu rất dài"
UNITS = (
    "code,name,kind,parent_code\n24,Bắc Ninh,province,\n09001,Phường A,commune,24\n09002,Xã B,commune,24\n"
)
PROCEDURES = "code,name,field,level\n1.001193,Đăng ký khai sinh,Hộ tịch,commune\n"
FORM = {"questionnaire": "quick-5", "version": "1"}
VISITS, ONE_BY_ONE, KEPT = 40, 40, 30


async def walk(http: httpx.AsyncClient) -> int:
    """Walk through it, asserting at each step; how many responses are in the figures in the end."""
    signed_in = await sign_in(http, ADMIN, PASSWORD)
    assert signed_in.status_code == 200, signed_in.text
    renewed = await refresh(http, signed_in.json()["refresh_token"])
    assert renewed.status_code == 200, renewed.text
    renewed_admin = bearer(renewed.json()["access_token"])
    proven = await _good(http.post("/api/v1/auth/proof", json={"password": PASSWORD}, headers=renewed_admin))
    admin = bearer(proven.json()["access_token"])
    for what, table in (("units", UNITS), ("procedures", PROCEDURES)):
        sent = {"file": ("table.csv", table.encode(), "text/csv")}
        imported = await _good(http.post(f"/api/v1/{what}/import", files=sent, headers=admin))
        assert imported.json()["errors"] == []
    await _answer_links(http, admin)
    await _answer_on_a_tablet(http, admin)
    await _read_figures(http, admin)
    await _take_along(http, admin)
    await _let_somebody_in(http, admin)
    return VISITS + ONE_BY_ONE + KEPT


async def _good(asked: Any) -> httpx.Response:
    answer: httpx.Response = await asked
    assert answer.is_success, answer.text
    return answer


async def _answer_links(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    made = await _good(
        http.post(
            "/api/v1/clients",
            json={"name": "Một cửa", "unit_code": "24", "scopes": ["visits:write"]},
            headers=admin,
        )
    )
    credentials = made.json()["client_id"], made.json()["client_secret"]
    form = {"grant_type": "client_credentials"}
    token = (await _good(http.post("/api/v1/auth/token", data=form, auth=credentials))).json()
    partner = bearer(token["access_token"])
    visits = [visit(f"H-{number}", procedure_code="1.001193") for number in range(VISITS)]
    codes = [item["link"]["code"] for item in await register(http, partner, *visits)]
    again = await register(http, partner, *visits)
    assert [item["link"]["code"] for item in again] == codes

    async def answer(code: str) -> list[int]:
        await _good(http.get(f"/api/v1/links/{code}"))
        sent = said.body(link=code)
        first, second = [await http.post("/api/v1/responses", json=sent) for _ in range(2)]
        other = await http.post("/api/v1/responses", json=said.body(link=code))
        return [first.status_code, second.status_code, other.status_code]

    told = await asyncio.gather(*map(answer, codes))
    assert told == [[201, 200, 410]] * VISITS


async def _answer_on_a_tablet(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    device = {"unit_code": "09002", "name": "Quầy 1"}
    made = await _good(http.post("/api/v1/devices", json=device, headers=admin))
    pairing = {"pairing_code": made.json()["pairing_code"]}
    tablet = bearer((await _good(http.post("/api/v1/devices/pair", json=pairing))).json()["device_token"])
    config = await _good(http.get("/api/v1/device/config", headers=tablet))
    known = {**tablet, "If-None-Match": config.headers["etag"]}
    for _ in range(2):  # whoever answers knows the same ETag
        assert (await http.get("/api/v1/device/config", headers=known)).status_code == 304
    beat = {"sent_at": said.body()["sent_at"], "queue_length": 0, "app_version": "1"}
    await _good(http.post("/api/v1/device/heartbeat", json=beat, headers=tablet))
    answers = await asyncio.gather(
        *(http.post("/api/v1/responses", json=said.body(), headers=tablet) for _ in range(ONE_BY_ONE))
    )
    assert [answer.status_code for answer in answers] == [201] * ONE_BY_ONE
    kept = {"responses": [said.body() for _ in range(KEPT)]}
    for expected in ("accepted", "replayed"):
        answer = await _good(http.post("/api/v1/responses/batch", json=kept, headers=tablet))
        assert [item["status"] for item in answer.json()["items"]] == [expected] * KEPT


async def _read_figures(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    period = {"from": day(1), "to": day()}
    responses = VISITS + ONE_BY_ONE + KEPT

    async def index() -> dict[str, Any]:
        found: dict[str, Any] = (
            await _good(http.get("/api/v1/indices/24", params=period, headers=admin))
        ).json()
        return found

    counted = await until(index, lambda found: bool(found["pending"] == 0 and found["results"]))
    assert counted["results"][0]["responses"] == responses
    assert (counted["visits"], counted["visits_answered"]) == (VISITS, VISITS)
    asked = [
        ("/api/v1/indices/24/series", {"grain": "day"}),
        ("/api/v1/indices/24/drivers", {}),
        ("/api/v1/indices/24/procedures", {}),
        ("/api/v1/rankings", {"kind": "commune"}),
    ]
    for _ in range(3):
        answers = await asyncio.gather(
            *(http.get(path, params={**period, **FORM, **more}, headers=admin) for path, more in asked * 5)
        )
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]


async def _take_along(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    period = {"from": day(1), "to": day()}
    params = {**period, **FORM, "format": "csv"}
    taken = await _good(http.get("/api/v1/exports/responses", params=params, headers=admin))
    assert len(list(csv.reader(io.StringIO(taken.text)))) == 1 + VISITS + ONE_BY_ONE + KEPT
    order = {**params, "version": 1, "what": "responses"}
    placed = (await _good(http.post("/api/v1/exports", json=order, headers=admin))).json()

    async def progress() -> dict[str, Any]:
        found: dict[str, Any] = (
            await _good(http.get(f"/api/v1/exports/{placed['id']}", headers=admin))
        ).json()
        return found

    done = await until(progress, lambda found: found["state"] not in {"queued", "running"})
    assert done["state"] == "done", done
    for _ in range(2):
        assert (await _good(http.get(done["file"], headers=admin))).text == taken.text


async def _let_somebody_in(http: httpx.AsyncClient, admin: dict[str, str]) -> None:
    made = await let_in(http, admin, "lan", ("viewer", "09001"))
    token = made["invitation"]["token"]
    assert (await accept(http, token)).status_code == 200
    assert (await accept(http, token)).status_code != 200, "an invitation works once"
    entered = await sign_in(http, "lan")
    lan = bearer(entered.json()["access_token"])
    own = {"from": str(today()), "to": str(today())}
    assert (await http.get("/api/v1/indices/09001", params=own, headers=lan)).status_code == 200
    assert (await http.get("/api/v1/indices/09002", params=own, headers=lan)).status_code == 404
