import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import plausible_email
from app.units.contact import plausible_phone, plausible_url


@pytest.mark.parametrize(
    "value",
    ["1022", "113", "0222 3822 333", "(0222) 3822.333", "+84 222 3822 333", "1900-1234", "0912345678"],
)
def test_numbers_people_dial_are_telephone_numbers(value: str) -> None:
    assert plausible_phone(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "12",
        "1234567890123456",
        "gọi 1022",
        "0222;ext=1",
        "++84 222",
        "0222 3822 ",
        "tel:1022",
        "٠٢٢٢",
        "1022\n",
    ],
)
def test_what_nobody_can_dial_is_no_telephone_number(value: str) -> None:
    assert not plausible_phone(value)


@pytest.mark.parametrize("value", ["motcua@bacninh.gov.vn", "mot.cua+gopy@a-b.example.vn", "a@b.vn"])
def test_common_addresses_are_email(value: str) -> None:
    assert plausible_email(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "motcua",
        "motcua@bacninh",
        "@bacninh.vn",
        "a@b@c.vn",
        "a b@c.vn",
        "a@c.vn?cc=x@y.vn",
        "a@.vn",
        "a@b..vn",
        "một@cửa.vn",
        "a@b.vn\n",
        "a" * 65 + "@b.vn",
        "a@" + "b." * 130 + "vn",
    ],
)
def test_what_would_not_arrive_is_no_email(value: str) -> None:
    assert not plausible_email(value)


@pytest.mark.parametrize(
    "value",
    [
        "https://bacninh.gov.vn",
        "http://bacninh.gov.vn:8080/gop-y?don-vi=1#a",
        "HTTPS://BACNINH.GOV.VN/",
        "https://cổng.vn/góp-ý",
        "http://localhost/x",
    ],
)
def test_web_addresses_are_taken(value: str) -> None:
    assert plausible_url(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bacninh.gov.vn",
        "//bacninh.gov.vn",
        "javascript:alert(1)",
        "javascript://bacninh.gov.vn/%0aalert(1)",
        "data:text/html,x",
        "ftp://bacninh.gov.vn",
        "mailto:a@b.vn",
        "https://",
        "https:///a",
        "https:/bacninh.gov.vn",
        "https://bacninh.gov.vn:port/",
        "https://bacninh.gov.vn:99999/",
        "https://bacninh.gov.vn@evil.example/",
        "https://a\\b.vn/",
        "https://a b.vn/",
        "https://a.vn/ x",
        "https://[::1/",
        "https://-a.vn/",
        'https://a".vn/',
    ],
)
def test_only_sites_are_web_addresses(value: str) -> None:
    assert not plausible_url(value)


@given(st.text() | st.text("0123+-(). ahtps:/@.[]%"))
def test_no_text_whatsoever_raises(value: str) -> None:
    for plausible in (plausible_phone, plausible_email, plausible_url):
        assert plausible(value) in {True, False}
