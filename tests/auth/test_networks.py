import pytest

from app.auth.networks import lies_within, read_network, stored_networks


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)
def test_a_network_is_read_and_written_in_one_way(written: str, read: str) -> None:
    assert str(read_network(written)) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "*",
        "localhost",
        "203.0.113.7/24",  # one address, or the whole network?
        "203.0.113.0/33",
        "203.0.113.0/-1",
        "203.0.113",
        "203.0.113.0/24/8",
        "2001:db8::1/32",
        "::ffff:203.0.113.0/120",
        "203.0.113.0/24, 198.51.100.0/24",
        "²03.0.113.0/24",
    ],
)
def test_what_is_no_network_is_refused(written: str) -> None:
    assert read_network(written) is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("203.0.113.0", True),
        ("203.0.113.255", True),
        ("203.0.114.0", False),
        ("::ffff:203.0.113.9", True),  # the same address, as a socket that speaks both shows it
        ("2001:db8:1::9", True),
        ("2001:db9::9", False),
        ("", False),
        (None, False),
        ("testclient", False),
        ("unix:", False),
        ("203.0.113.9, 198.51.100.1", False),
        ("203.0.113.9:4711", False),
    ],
)
def test_an_address_lies_within_or_not(address: str | None, inside: bool) -> None:
    networks = stored_networks(["203.0.113.0/24", "2001:db8::/32"])
    assert lies_within(address, networks) is inside


def test_no_network_holds_nothing() -> None:
    assert not lies_within("203.0.113.9", ())


def test_a_stored_network_that_cannot_be_read_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        stored_networks(["203.0.113.0/24", "nonsense"])
