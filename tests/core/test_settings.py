import pytest

from app.core.settings import SettingsError, load_settings

ISSUER = {"SIPAS_OIDC_ISSUER": "https://sso.example.vn/realms/tinh"}
WHOLE = ISSUER | {"SIPAS_OIDC_CLIENT_ID": "sipas", "SIPAS_OIDC_RULES": '[{"claim": "groups"}]'}


def lines(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> list[str]:
    """What an operator is told about these variables."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        load_settings()
    except SettingsError as error:
        return error.lines
    return []


@pytest.mark.parametrize(
    "more", [{}, {"SIPAS_OIDC_ISSUER": "http://127.0.0.1:9400"}, {"SIPAS_OIDC_ISSUER": ""}]
)
def test_single_sign_on_may_be_set_up_or_not(monkeypatch: pytest.MonkeyPatch, more: dict[str, str]) -> None:
    assert lines(monkeypatch, WHOLE | more) == []


@pytest.mark.parametrize(
    "issuer",
    [
        "sso.example.vn",
        "http://sso.example.vn",
        "https://",
        "https://x.vn/?a=b",
        "https://x.vn/#a",
        "https://[x",
    ],
)
def test_an_issuer_is_an_address_of_https(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    (line,) = lines(monkeypatch, WHOLE | {"SIPAS_OIDC_ISSUER": issuer})
    assert line.startswith("SIPAS_OIDC_ISSUER: ")


def test_everything_that_single_sign_on_lacks_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = lines(monkeypatch, ISSUER | {"SIPAS_OIDC_SCOPES": "profile"})
    assert [line.split()[0] for line in told] == [
        "SIPAS_OIDC_CLIENT_ID",
        "SIPAS_OIDC_RULES",
        "SIPAS_OIDC_SCOPES",
    ]


@pytest.mark.parametrize("written", ["[bad", "groups", "[{'claim': 'x'}]"])
def test_what_is_no_json_is_said_without_showing_it(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    (line,) = lines(monkeypatch, WHOLE | {"SIPAS_OIDC_RULES": written})
    assert "oidc_rules" in line
    assert written not in line
