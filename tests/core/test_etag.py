import pytest

from app.core.etag import etag_of, matches

TAG = etag_of(b"body")


def test_the_same_bytes_have_the_same_tag_and_others_another() -> None:
    assert etag_of(b"body") == TAG
    assert etag_of(b"bodz") != TAG


def test_a_tag_is_quoted_and_short() -> None:
    assert TAG[0] == TAG[-1] == '"'
    assert len(TAG) == 34


@pytest.mark.parametrize(
    "header", [TAG, f"W/{TAG}", "*", " * ", f'"other", {TAG}', f'W/"other" ,W/{TAG},"third"', f'"a,b",{TAG}']
)
def test_a_header_that_names_the_tag_matches(header: str) -> None:
    assert matches(header, TAG)


@pytest.mark.parametrize(
    "header", [None, "", '"other"', TAG.strip('"'), f'"{TAG}', "W/", '"*"', "\x00", '"' * 1000]
)
def test_a_header_that_does_not_name_the_tag_does_not_match(header: str | None) -> None:
    assert not matches(header, TAG)


def test_a_weak_tag_of_ours_is_compared_weakly() -> None:
    assert matches(TAG, f"W/{TAG}")
