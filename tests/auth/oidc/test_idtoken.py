"""ID tokens made by hand, by somebody who wishes us ill."""

import base64
import hmac
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jose import jwk, jws, jwt

from app.auth.oidc.idtoken import (
    Claims,
    Expected,
    Header,
    Key,
    TokenRefused,
    pick_key,
    read_header,
    read_id_token,
)

NOW = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
AT = int(NOW.timestamp())
EXPECTED = Expected("https://sso.example.vn", "sipas", "the nonce")
GOOD: dict[str, Any] = {
    "iss": EXPECTED.issuer,
    "aud": "sipas",
    "sub": "lan",
    "nonce": EXPECTED.nonce,
    "iat": AT - 2,
    "exp": AT + 300,
}
GONE = object()
"""In the place of a claim that is left out."""


@cache
def private_pem(kind: str) -> str:
    made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind.startswith("RS"):
        made = rsa.generate_private_key(65537, int(kind[2:]))
    else:
        made = ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[kind])
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def public(kind: str, algorithm: str, kid: str | None = "k1") -> Key:
    shown = jwk.construct(private_pem(kind), algorithm).public_key().to_dict()
    texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in shown.items()}
    del texts["alg"]
    return texts if kid is None else texts | {"kid": kid}


def sign(claims: object, algorithm: str = "RS256", kind: str = "RS2048", **header: object) -> str:
    token: str = jws.sign(
        json.dumps(claims).encode(), private_pem(kind), headers={"kid": "k1"} | header, algorithm=algorithm
    )
    return token


def by_hand(header: object, claims: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def read(token: str, *keys: Key, access_token: str | None = None) -> Claims:
    """As the service does it: header, key, token."""
    header = read_header(token)
    key = pick_key(header, keys or (public("RS2048", "RS256"),))
    if key is None:
        raise TokenRefused("no key")
    return read_id_token(token, key, header.algorithm, EXPECTED, NOW, access_token)


def change(**claims: object) -> dict[str, object]:
    return {name: value for name, value in (GOOD | claims).items() if value is not GONE}


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("RS256", "RS2048"), ("RS384", "RS2048"), ("RS512", "RS2048"), ("ES256", "P-256"), ("ES384", "P-384")],
)
def test_a_good_token_is_read_whatever_good_algorithm_signed_it(algorithm: str, kind: str) -> None:
    assert read(sign(GOOD, algorithm, kind), public(kind, algorithm)) == GOOD


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["sipas"]},
        {"aud": ["other", "sipas"], "azp": "sipas"},
        {"azp": "sipas"},
        {"exp": AT - 59},
        {"iat": AT + 59},
        {"iat": AT - 600},
        {"exp": float(AT) + 0.5},
        {"nbf": AT + 59},
        {"groups": ["a"]},
    ],
)
def test_what_may_be_is_let_through(claims: dict[str, object]) -> None:
    assert read(sign(change(**claims)))["sub"] == "lan"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": "https://sso.example.vn/"}, "issuer"),
        ({"iss": GONE}, "issuer"),
        ({"iss": ["https://sso.example.vn"]}, "issuer"),
        ({"aud": "another"}, "made for another"),
        ({"aud": GONE}, "made for another"),
        ({"aud": None}, "made for another"),
        ({"aud": []}, "made for another"),
        ({"aud": {"sipas": 1}}, "made for another"),
        ({"aud": "sipas2"}, "made for another"),
        ({"aud": ["sipas", "other"]}, "given to another"),
        ({"aud": ["sipas", "other"], "azp": "other"}, "given to another"),
        ({"azp": "other"}, "given to another"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": GONE}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"nonce": ["the nonce"]}, "another sign-in"),
        ({"nonce": "\ud800"}, "another sign-in"),
        ({"exp": AT - 60}, "expired"),
        ({"exp": GONE}, "exp is no instant"),
        ({"exp": "2030"}, "exp is no instant"),
        ({"exp": True}, "exp is no instant"),
        ({"exp": float("inf")}, "exp is no instant"),
        ({"exp": float("nan")}, "exp is no instant"),
        ({"exp": 10**400}, "exp is no instant"),
        ({"iat": GONE}, "iat is no instant"),
        ({"iat": -1}, "iat is no instant"),
        ({"iat": AT + 61}, "future"),
        ({"iat": AT - 661}, "old"),
        ({"nbf": AT + 61}, "not good yet"),
        ({"nbf": "soon"}, "nbf is no instant"),
        ({"sub": GONE}, "nobody"),
        ({"sub": ""}, "nobody"),
        ({"sub": 7}, "nobody"),
        ({"sub": "x" * 256}, "nobody"),
        ({"sub": "la\0n"}, "nobody"),
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(claims: dict[str, object], why: str) -> None:
    with pytest.raises(TokenRefused, match=why):
        read(sign(change(**claims)))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "HS256", "HS512", "PS256", "dir", None, 7, ["RS256"]]
)
def test_an_algorithm_that_is_not_on_the_list_is_refused(algorithm: object) -> None:
    for token in (
        by_hand({"alg": algorithm, "kid": "k1"}, GOOD),
        by_hand({"alg": algorithm, "kid": "k1"}, GOOD, b"x" * 256),
    ):
        with pytest.raises(TokenRefused, match="algorithm"):
            read(token)


def test_the_public_key_is_no_shared_secret() -> None:
    pem = rsa_public(private_pem("RS2048"))
    header = {"alg": "HS256", "kid": "k1"}
    unsigned = by_hand(header, GOOD)[:-1]
    signature = hmac.digest(pem, unsigned.encode(), "sha256")
    with pytest.raises(TokenRefused, match="algorithm"):
        read(by_hand(header, GOOD, signature))
    # and were the header believed, the key's own family would still stand against it
    assert pick_key(Header("RS256", "k1"), [{"kty": "oct", "k": "x", "kid": "k1"}]) is None


def rsa_public(pem: str) -> bytes:
    key = load_pem_private_key(pem.encode(), None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(TokenRefused, match="signature"):
        read(sign(GOOD, kind="RS2049"))


def test_a_token_that_was_changed_is_refused() -> None:
    head, _, signature = sign(GOOD).split(".")
    other = sign(change(sub="admin")).split(".")[1]
    with pytest.raises(TokenRefused, match="signature"):
        read(f"{head}.{other}.{signature}")


def test_a_token_that_lost_its_signature_is_refused() -> None:
    with pytest.raises(TokenRefused, match="signature"):
        read(sign(GOOD).rpartition(".")[0] + ".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "x" * 40_000,
        by_hand([], GOOD),
        by_hand("x", GOOD),
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        read(token)


@pytest.mark.parametrize("payload", [[], "claims", 7, None, [GOOD]])
def test_a_token_that_holds_no_claims_is_refused(payload: object) -> None:
    with pytest.raises(TokenRefused, match="no claims"):
        read(sign(payload))


@pytest.mark.parametrize(
    "header", [{"crit": ["b64"], "b64": False}, {"crit": []}, {"kid": 7}, {"kid": ["k1"]}, {"kid": {"k": 1}}]
)
def test_a_header_that_asks_for_the_unknown_is_refused(header: dict[str, object]) -> None:
    with pytest.raises(TokenRefused, match="header"):
        read(by_hand({"alg": "RS256", "kid": "k1"} | header, GOOD))


def test_a_key_in_the_tokens_own_header_is_not_looked_at() -> None:
    theirs = dict(public("RS2049", "RS256"))
    with pytest.raises(TokenRefused, match="signature"):
        read(sign(GOOD, kind="RS2049", jwk=theirs, jku="https://evil.example/jwks"))


def test_the_key_is_the_one_the_header_names() -> None:
    one, two = public("RS2048", "RS256", "k1"), public("RS2049", "RS256", "k2")
    assert pick_key(Header("RS256", "k2"), [one, two]) is two
    assert pick_key(Header("RS256", "k3"), [one, two]) is None
    assert pick_key(Header("RS256", None), [one]) is one
    assert pick_key(Header("RS256", None), [one, two]) is None, "which of them?"
    assert pick_key(Header("RS256", "k1"), [one, one]) is None, "two of one name"


def test_a_key_serves_only_what_it_is_for() -> None:
    one, curve = public("RS2048", "RS256"), public("P-384", "ES384")
    assert pick_key(Header("RS256", "k1"), [dict(one) | {"use": "enc"}]) is None
    assert pick_key(Header("RS256", "k1"), [dict(one) | {"alg": "RS512"}]) is None
    assert pick_key(Header("RS256", "k1"), [dict(one) | {"n": "x" * 171}]) is None, "1,024 bits"
    assert pick_key(Header("ES256", "k1"), [curve]) is None
    assert pick_key(Header("ES384", "k1"), [curve]) is curve
    assert pick_key(Header("RS256", "k1"), [{}]) is None


@pytest.mark.parametrize("broken", [{"n": None}, {"n": 7}, {"e": "!"}, {"e": ""}])
def test_a_broken_key_refuses_the_token_and_no_more(broken: dict[str, object]) -> None:
    with pytest.raises(TokenRefused):
        read(sign(GOOD), dict(public("RS2048", "RS256")) | broken)


def test_an_access_token_that_came_with_it_is_the_one_it_speaks_of() -> None:
    token = jwt.encode(
        GOOD, private_pem("RS2048"), "RS256", headers={"kid": "k1"}, access_token="the access token"
    )
    assert read(token, access_token="the access token")["at_hash"]
    with pytest.raises(TokenRefused, match="another access token"):
        read(token, access_token="another")
    with pytest.raises(TokenRefused, match="another access token"):
        read(sign(change(at_hash=None)), access_token="the access token")
