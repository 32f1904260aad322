import json
import re
from pathlib import Path
from posixpath import dirname, join, normpath

import httpx
import pytest

from app.web.assets import STATIC, Assets
from app.web.catalogue import Catalogues
from app.web.offline import ENTRY, ICONS, WORKER_SOURCE, Tablet, modules, shell
from app.web.pages import Pages

ASSETS = Assets.load()
CATALOGUES = Catalogues.load()
TABLET = Tablet.make(Pages(CATALOGUES, ASSETS), "1.2.3")


def constant(worker: str, name: str) -> object:
    """A constant the server put before the worker."""
    found = re.search(rf"^const {name} = (.*);$", worker, re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def reached_from(name: str, seen: set[str]) -> set[str]:
    """Every module an import can lead to, found in another way than the page's: by looking for file names."""
    if name not in seen:
        seen.add(name)
        for target in re.findall(r"""["'](\.{1,2}/[\w./-]+\.js)["']""", (STATIC / name).read_text()):
            reached_from(normpath(join(dirname(name), target)), seen)
    return seen


async def test_the_page_is_guarded_and_never_kept_by_caches_on_the_way(http: httpx.AsyncClient) -> None:
    answer = await http.get("/kiosk")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "worker-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_worker_may_take_the_page_and_is_asked_for_each_time(http: httpx.AsyncClient) -> None:
    answer = await http.get("/kiosk/sw.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["service-worker-allowed"] == "/kiosk"
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_manifest_names_icons_that_exist(http: httpx.AsyncClient) -> None:
    answer = await http.get("/kiosk/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    found = answer.json()
    assert (found["start_url"], found["scope"], found["display"]) == ("/kiosk", "/kiosk", "fullscreen")
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in found["icons"]}
    assert "maskable" in {icon["purpose"] for icon in found["icons"]}
    for icon in found["icons"]:
        picture = await http.get(icon["src"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, icon["type"])


async def test_everything_on_the_workers_list_is_served(http: httpx.AsyncClient) -> None:
    worker = (await http.get("/kiosk/sw.js")).text
    listed = constant(worker, "SHELL")
    assert isinstance(listed, list)
    assert len(listed) == len(set(listed)) >= 30
    for path in listed:
        answer = await http.get(path)
        assert answer.status_code == 200, path
        if path.startswith("/static/"):
            assert "immutable" in answer.headers["cache-control"], path


async def test_page_and_worker_are_of_one_version(http: httpx.AsyncClient) -> None:
    page, worker = (await http.get("/kiosk")).text, (await http.get("/kiosk/sw.js")).text
    assert f'data-version="{constant(worker, "VERSION")}"' in page


def test_every_module_the_page_imports_near_or_far_is_on_the_list() -> None:
    listed = {path.removeprefix(f"/static/{ASSETS.version}/") for path in shell(ASSETS)}
    assert reached_from(ENTRY, set()) - listed == set()


def test_every_module_of_the_tablet_is_imported_by_something() -> None:
    written = {path.relative_to(STATIC).as_posix() for path in (STATIC / "js/kiosk").rglob("*.js")}
    assert written - set(modules(ASSETS, ENTRY)) == set()


def test_every_picture_and_the_style_are_on_the_list() -> None:
    listed = {path.removeprefix(f"/static/{ASSETS.version}/") for path in shell(ASSETS)}
    assert {"style.css", *ICONS} <= listed


def test_the_page_holds_every_text_of_the_tablet_in_every_language() -> None:
    embedded = re.search(rb'id="texts">(.*?)</script>', TABLET.page, re.DOTALL)
    assert embedded is not None
    texts = json.loads(embedded[1])
    assert texts.keys() == set(CATALOGUES.languages)
    for language, found in texts.items():
        wanted = {name for name in CATALOGUES.texts[language] if name.startswith(("kiosk.", "common."))}
        assert found.keys() == wanted


def test_no_script_stands_in_the_page_itself() -> None:
    for attributes, body in re.findall(rb"<script([^>]*)>(.*?)</script>", TABLET.page, re.DOTALL):
        assert b"application/json" in attributes or not body.strip()
    assert b" style=" not in TABLET.page
    assert re.search(rb"\son\w+=", TABLET.page) is None


@pytest.mark.parametrize("name", ["style.css", ENTRY, WORKER_SOURCE, "js/kiosk/survey.js"])
def test_a_changed_file_is_a_new_version_of_the_tablet(name: str, tmp_path: Path) -> None:
    for path in (path for path in STATIC.rglob("*") if path.is_file()):
        copy = tmp_path / path.relative_to(STATIC)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    changed = Tablet.make(Pages(CATALOGUES, Assets.load(tmp_path)), "1.2.3")
    assert changed.version != TABLET.version


def test_the_version_names_the_release_and_fits_a_heartbeat() -> None:
    assert TABLET.version.startswith("1.2.3+")
    assert len(TABLET.version) <= 50
