import gzip
from pathlib import Path

import httpx
import pytest

from app.web.assets import Assets

ASSETS = Assets.load()


def write(directory: Path, name: str, content: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_the_shipped_files_are_found() -> None:
    assert {"style.css", "icons/icon.svg"} <= ASSETS.files.keys()


@pytest.mark.parametrize("name", ASSETS.files)
def test_what_is_packed_unpacks_to_the_same(name: str) -> None:
    asset = ASSETS.files[name]
    assert asset.packed is None or gzip.decompress(asset.packed) == asset.plain


def test_a_changed_byte_a_new_name_and_a_new_file_change_the_version(tmp_path: Path) -> None:
    versions = set()
    for name, content in (("a.css", "b"), ("a.css", "c"), ("b.css", "c"), ("js/a.js", "")):
        write(tmp_path, name, content)
        versions.add(Assets.load(tmp_path).version)
    assert len(versions) == 4


def test_the_same_files_have_the_same_version_wherever_they_lie(tmp_path: Path) -> None:
    for place in ("one", "two"):
        write(tmp_path / place, "js/a.js", "export {};")
    assert Assets.load(tmp_path / "one").version == Assets.load(tmp_path / "two").version


def test_where_a_name_ends_is_part_of_the_version(tmp_path: Path) -> None:
    write(tmp_path / "one", "a.css", "")
    write(tmp_path / "one", "b.css", "x")
    write(tmp_path / "two", "a.css", "b.css")
    assert Assets.load(tmp_path / "one").version != Assets.load(tmp_path / "two").version


def test_a_file_of_a_kind_nobody_serves_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "left here")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        Assets.load(tmp_path)


def test_a_page_cannot_name_a_file_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        ASSETS.url("style.scss")


async def test_a_file_may_be_kept_for_a_year_and_comes_packed(http: httpx.AsyncClient) -> None:
    answer = await http.get(ASSETS.url("style.css"), headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == ASSETS.files["style.css"].plain


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000"])
async def test_who_does_not_take_gzip_gets_the_plain_file(http: httpx.AsyncClient, accepted: str) -> None:
    answer = await http.get(ASSETS.url("style.css"), headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.content == ASSETS.files["style.css"].plain


async def test_another_version_gets_todays_file_and_must_not_keep_it(http: httpx.AsyncClient) -> None:
    answer = await http.get("/static/0123456789abcdef/style.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fmain.py", "js", "", "%00"])
async def test_nothing_else_is_served(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/static/{ASSETS.version}/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
