"""Two web machines on one database: any may answer the next request, and one may die."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.audit import SYSTEM
from app.auth.oidc.flow import challenge_of
from app.core.database import Database
from app.models.response import Response
from app.users import service as users
from tests.conftest import SECRET
from tests.support import provider as provider_of
from tests.support import said, walk
from tests.support.people import bearer, sign_in
from tests.support.provider import RunningProvider, provider
from tests.support.proxied import NGINX, Ports, adapted, certificate
from tests.support.server import Server, free_port, start
from tests.support.waiting import until

HERE = "https://sipas.example.vn"
VERIFIER = "the-page-keeps-this-in-its-session-storage-1234"
RULES = [{"claim": "groups", "contains": "sipas-admins", "role": "unit_admin", "unit": "24"}]
CALLERS, BEFORE, AFTER = 8, 15, 25


@pytest.fixture(scope="module")
def there() -> Iterator[RunningProvider]:
    with provider() as running:
        running.set_user("lan", preferred_username="lan", groups=["sipas-admins"])
        yield running


@pytest.fixture(scope="module")
def machines(migrated_url: str, there: RunningProvider) -> Iterator[list[Server]]:
    """Two machines; the jobs run on the first."""
    directory = Path(tempfile.mkdtemp(prefix="sipas-machines-"))
    settings: dict[str, Any] = {
        "database_url": migrated_url,
        "secret_key": SECRET,
        "base_url": HERE,
        "oidc_issuer": there.issuer,
        "oidc_client_id": provider_of.CLIENT,
        "oidc_client_secret": provider_of.SECRET,
        "oidc_rules": json.dumps(RULES),
    }
    running: list[Server] = []
    try:
        for number, arguments in enumerate(((), ("--no-worker",))):
            running.append(start(directory / str(number), *arguments, **settings))
        yield running
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


class Alternating(httpx.AsyncBaseTransport):
    """To one machine and the next by turns, as a proxy would."""

    def __init__(self, machines: list[Server]) -> None:
        self._turn = cycle([httpx.URL(server.url) for server in machines])
        self._carrier = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        machine = next(self._turn)
        url = request.url.copy_with(scheme="http", host=machine.host, port=machine.port)
        sent = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        sent.extensions = request.extensions
        return await self._carrier.handle_async_request(sent)

    async def aclose(self) -> None:
        await self._carrier.aclose()


async def administrator(database: Database) -> None:
    async with database.transaction() as session:
        await users.create_administrator(session, SYSTEM, walk.ADMIN, walk.PASSWORD)


async def test_no_request_minds_which_machine_answered_the_one_before(
    machines: list[Server], there: RunningProvider, database: Database
) -> None:
    await administrator(database)
    async with httpx.AsyncClient(transport=Alternating(machines), base_url=HERE, timeout=60) as http:
        await walk.walk(http)
        for _ in range(2):  # the one begins and the other ends, and the other way round
            await come_in(http, there)
            await http.get("/healthz")


async def come_in(http: httpx.AsyncClient, there: RunningProvider) -> None:
    """Single sign-on: to the provider, back with its code, and the page's code for tokens."""
    asked = {"return_to": "/bang", "code_challenge": challenge_of(VERIFIER)}
    sent = await http.get("/api/v1/auth/oidc/start", params=asked)
    assert sent.status_code == 302, sent.text
    back = await asyncio.to_thread(there.sign_in, sent.headers["location"], "lan")
    returned = await http.get(back.removeprefix(HERE))
    assert returned.status_code == 302, returned.text
    code = urlsplit(returned.headers["location"]).fragment.removeprefix("sipas_code=")
    form = {"grant_type": "urn:sipas:grant-type:sign-in-code", "code": code, "code_verifier": VERIFIER}
    tokens = await http.post("/api/v1/auth/token", data=form)
    assert tokens.status_code == 200, tokens.text
    me = await http.get("/api/v1/me", headers=bearer(tokens.json()["access_token"]))
    assert [role["unit"] for role in me.json()["roles"]] == ["24"]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_behind_nginx_a_machine_may_die_and_no_request_fails(
    machines: list[Server], database: Database, tmp_path: Path
) -> None:
    await administrator(database)
    certificate(tmp_path)
    ports = Ports(free_port(), free_port())
    addresses = tuple(urlsplit(server.url).netloc for server in machines)
    conf = adapted("nginx.conf", tmp_path, ports, addresses)
    proxy = run_nginx(conf)
    try:
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{ports.https}",
            verify=False,  # noqa: S501  made a moment ago, for this machine alone
            timeout=60,
        ) as http:
            await until(lambda: alive(http), bool)
            assert (await http.get("/metrics")).status_code == 404
            stored = await answer_while_one_dies(http, machines[1])
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(Response)) == stored
        assert (tmp_path / "sipas.log").read_text().count("/api/v1/responses") >= stored
    finally:
        proxy.terminate()
        proxy.wait(30)


def run_nginx(conf: Path) -> subprocess.Popen[bytes]:
    """nginx in the foreground, with all that it writes beside its configuration."""
    here = conf.parent
    own = f"daemon off; pid {here}/pid;"
    with (here / "said").open("w") as output:
        return subprocess.Popen(
            [str(NGINX), "-p", here, "-c", conf, "-g", own, "-e", "stderr"], stdout=output, stderr=output
        )


async def alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def answer_while_one_dies(http: httpx.AsyncClient, victim: Server) -> int:
    """Some send one response after the other, and meanwhile a machine is killed; how many there are."""
    admin = bearer((await sign_in(http, walk.ADMIN, walk.PASSWORD)).json()["access_token"])
    units = {"file": ("units.csv", walk.UNITS.encode(), "text/csv")}
    assert (await http.post("/api/v1/units/import", files=units, headers=admin)).status_code == 200
    device = {"unit_code": "09001", "name": "Quầy 1"}
    made = (await http.post("/api/v1/devices", json=device, headers=admin)).json()
    paired = await http.post("/api/v1/devices/pair", json={"pairing_code": made["pairing_code"]})
    tablet = bearer(paired.json()["device_token"])
    heard: list[int] = []
    half = asyncio.Event()

    async def caller() -> None:
        for number in range(BEFORE + AFTER):
            if number == BEFORE:
                half.set()
            sent = said.body(id=str(uuid4()))
            answer = await http.post("/api/v1/responses", json=sent, headers=tablet)
            seen = await http.get("/api/v1/device/config", headers=tablet)
            heard.extend((answer.status_code, seen.status_code))

    async def killer() -> None:
        await half.wait()
        await asyncio.to_thread(victim.stop, signal.SIGKILL)

    await asyncio.gather(killer(), *(caller() for _ in range(CALLERS)))
    assert set(heard) <= {200, 201}, [status for status in heard if status not in {200, 201}]
    return CALLERS * (BEFORE + AFTER)
