"""What the terminal says at the end."""

from datetime import date
from uuid import UUID

from app.demo.lines import Viewer, closing
from app.demo.province import Story

VIEWER = Viewer("demo", "made-up", UUID(int=7), "a-secret")
STORY = Story(date(2026, 8, 23), date(2026, 11, 20))


def said(viewer: Viewer = VIEWER, story: Story = STORY) -> str:
    return "\n".join(closing("http://127.0.0.1:8000", story, 12345, 678, viewer, "7H3KQ0ZV9XM2P4C8RT5W"))


def test_it_counts_what_was_made_and_says_that_it_is_invented() -> None:
    assert "12,345 visits, 678 responses" in said()
    assert "every figure is invented" in said()


def test_it_names_three_addresses() -> None:
    assert "http://127.0.0.1:8000/docs\n" in said()
    assert "http://127.0.0.1:8000/api/v1/indices/24?from=2026-10-22&to=2026-11-20\n" in said()
    assert "http://127.0.0.1:8000/q/7H3KQ0ZV9XM2P4C8RT5W.svg\n" in said()


def test_a_short_story_is_shown_whole() -> None:
    assert "from=2026-11-18&to=2026-11-20" in said(story=Story(date(2026, 11, 18), date(2026, 11, 20)))


def test_the_credentials_are_there_and_the_curl_line_uses_them() -> None:
    assert "password   made-up" in said()
    assert f"curl -s -u {VIEWER.client_id}:a-secret" in said()


def test_an_account_that_was_there_keeps_its_password() -> None:
    assert "was there before" in said(VIEWER._replace(password=None))
