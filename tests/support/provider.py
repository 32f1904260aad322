"""A provider of OpenID Connect in a process of its own: `oidc-provider-mock`, made stricter.

`python -m tests.support.provider PORT` runs it. The library does not check PKCE, so a code is
held to its challenge here; and its key can be renewed (`POST /renew`), as real providers do.
"""

import base64
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.server import free_port

START_SECONDS = 60.0

CLIENT = "sipas"
SECRET = "the provider's secret"


@dataclass
class RunningProvider:
    """A provider that runs."""

    issuer: str
    process: subprocess.Popen[bytes]

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration").status_code == 200
        except httpx.TransportError:
            return False

    def set_user(self, subject: str, **claims: object) -> None:
        """Make or change a user there."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def renew_key(self) -> None:
        """Sign with another key from now on, and show only that."""
        httpx.post(f"{self.issuer}/renew").raise_for_status()

    def sign_in(self, address: str, subject: str | None) -> str:
        """What the browser does there: say who one is, or refuse; the address it is sent back to."""
        form = {"action": "deny"} if subject is None else {"sub": subject}
        answer = httpx.post(address, data=form)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def provider() -> Iterator[RunningProvider]:
    """A provider for the length of a block."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.support.provider", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running = RunningProvider(f"http://127.0.0.1:{port}", process)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not running.answers():
            assert process.poll() is None, "the provider ended"
            assert time.monotonic() < deadline, "the provider does not start"
            time.sleep(0.1)
        yield running
    finally:
        running.stop()


def run(port: int) -> None:
    """Serve until killed."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    # only here: what the provider needs warns of its own age, and the tests take warnings for errors
    import flask  # noqa: PLC0415
    import oidc_provider_mock  # noqa: PLC0415
    import uvicorn  # noqa: PLC0415

    app = oidc_provider_mock.app(require_nonce=True)
    challenges: dict[str, str] = {}

    def keep_challenge(response: Any) -> Any:
        if flask.request.path == "/oauth2/authorize" and response.status_code == 302:
            for code in parse_qs(urlsplit(response.headers["Location"]).query).get("code", []):
                challenges[code] = flask.request.args.get("code_challenge", "")
        return response

    def check_verifier() -> Any:
        if flask.request.path != "/oauth2/token":
            return None
        digest = hashlib.sha256(flask.request.form.get("code_verifier", "").encode()).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        known = challenges.pop(flask.request.form.get("code", ""), "")
        return None if made == known else (flask.jsonify(error="invalid_grant"), 400)

    def renew() -> str:
        storage: Any = flask.g.oidc_provider_mock_storage
        storage.jwk = type(storage.jwk).generate_key(is_private=True)
        return ""

    app.after_request(keep_challenge)
    app.before_request(check_verifier)
    app.post("/renew")(renew)
    uvicorn.run(app, interface="wsgi", host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    run(int(sys.argv[1]))
