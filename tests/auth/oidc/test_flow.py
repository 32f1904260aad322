from datetime import UTC, datetime, timedelta

import pytest
from jose import jwt

from app.auth.oidc.flow import LIFETIME, Transactions, answers, challenge_of, is_challenge, is_path_here
from app.core.clock import utc_now

KEY = b"k" * 32
CHALLENGE = challenge_of("v" * 43)
HERE = Transactions(KEY, secure=True)


def test_a_browser_that_began_comes_back() -> None:
    begun = HERE.make("/bang?x=1", CHALLENGE)
    assert HERE.read(begun.state, HERE.sign(begun, utc_now())) == begun


def test_another_process_of_the_deployment_reads_it_and_makes_the_same_secrets() -> None:
    begun, other = HERE.make("/", CHALLENGE), Transactions(KEY, secure=True)
    assert other.read(begun.state, HERE.sign(begun, utc_now())) == begun
    assert other.nonce(begun) == HERE.nonce(begun)
    assert other.verifier(begun) == HERE.verifier(begun)


def test_no_two_sign_ins_share_anything_and_another_deployment_makes_other_secrets() -> None:
    one, two = HERE.make("/", CHALLENGE), HERE.make("/", CHALLENGE)
    elsewhere = Transactions(b"x" * 32, secure=True)
    made = {one.state, two.state, HERE.nonce(one), HERE.nonce(two), HERE.verifier(one), HERE.verifier(two)}
    assert len(made | {elsewhere.nonce(one), elsewhere.verifier(one)}) == 8
    assert HERE.cookie_name(one.state) != HERE.cookie_name(two.state)


def test_the_cookie_tells_neither_verifier_nor_nonce() -> None:
    begun = HERE.make("/", CHALLENGE)
    claims = str(jwt.get_unverified_claims(HERE.sign(begun, utc_now())))
    assert HERE.verifier(begun) not in claims
    assert HERE.nonce(begun) not in claims


def test_a_state_without_its_cookie_or_with_anothers_is_nobodys() -> None:
    mine, theirs = HERE.make("/", CHALLENGE), HERE.make("/", CHALLENGE)
    cookie = HERE.sign(mine, utc_now())
    for state, sent in (
        (mine.state, None),
        (mine.state, ""),
        (theirs.state, cookie),
        ("", cookie),
        (mine.state + "x", cookie),
        (mine.state, cookie[:-4] + "AAAA"),
        (mine.state, Transactions(b"x" * 32, secure=True).sign(mine, utc_now())),
        (mine.state, jwt.encode({"state": mine.state, "exp": 2**33}, "", algorithm="HS256")),
    ):
        assert HERE.read(state, sent) is None


def test_a_cookie_without_an_end_or_past_it_is_none() -> None:
    begun = HERE.make("/", CHALLENGE)
    assert HERE.read(begun.state, HERE.sign(begun, utc_now() - LIFETIME - timedelta(seconds=1))) is None
    endless = {"state": begun.state, "return_to": "/", "challenge": CHALLENGE}
    assert HERE.read(begun.state, jwt.encode(endless, KEY.hex(), algorithm="HS256")) is None
    assert HERE.read(begun.state, HERE.sign(begun, datetime(2020, 1, 1, tzinfo=UTC))) is None


def test_the_cookies_name_keeps_other_hosts_out_where_there_is_https() -> None:
    state = HERE.make("/", CHALLENGE).state
    assert HERE.cookie_name(state).startswith("__Host-")
    assert not Transactions(KEY, secure=False).cookie_name(state).startswith("__")


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("/", True),
        ("/bang/xep-hang?from=2026-01-01&to=2026-01-31", True),
        ("/a//b", True),
        ("", False),
        ("bang", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("/a\\b", False),
        ("\\/evil.example", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("/#sipas_code=mine", False),
        ("/a b", False),
        ("/\tevil", False),
        ("/\n/evil.example", False),
        ("/a\r\nSet-Cookie: x=y", False),
        ("/tiếng", False),
        ("/" + "x" * 500, False),
    ],
)
def test_only_a_path_of_our_own_is_returned_to(path: str, fits: bool) -> None:
    assert is_path_here(path) is fits


def test_a_challenge_is_answered_by_its_verifier_alone() -> None:
    # RFC 7636, appendix B
    verifier, challenge = (
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    )
    assert challenge_of(verifier) == challenge
    assert is_challenge(challenge)
    assert answers(verifier, challenge)
    for wrong in ("", challenge, verifier[:-1], verifier + "x", "đ" * 43, verifier + "\n"):
        assert not answers(wrong, challenge)


@pytest.mark.parametrize("text", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "\n", "plain text!" * 4])
def test_what_is_no_challenge_is_refused(text: str) -> None:
    assert not is_challenge(text)
