"""Every text the pages ask for exists, in every language, and none is left over."""

import re
from datetime import date
from pathlib import Path

import pytest

from app.web import catalogue
from app.web.catalogue import LOCALE, Catalogues, long_day, placeholders

WEB = Path(catalogue.__file__).parent
CATALOGUES = Catalogues.load()
VIETNAMESE = CATALOGUES.texts["vi"]
NAMED = re.compile(r"""["'`]((?:account|common|link|kiosk|receipt)(?:\.[a-z0-9_-]+)+)["'`]""")
FAMILY = re.compile(r"""["'`]((?:account|common|link|kiosk|receipt)(?:\.[a-z0-9_-]+)+\.)(?:["'`]|\$\{|\{)""")
SUFFIXES = (".html", ".js", ".css", ".svg", ".png", ".po")


def sources() -> str:
    """Everything that may name a text."""
    paths = [path for kind in ("*.html", "*.js", "*.py") for path in WEB.rglob(kind)]
    return "\n".join(path.read_text() for path in paths)


SOURCES = sources()
ASKED = {name for name in NAMED.findall(SOURCES) if not name.endswith(SUFFIXES)}
FAMILIES = tuple(set(FAMILY.findall(SOURCES)))
"""Beginnings of names whose end is worked out: `common.answer.` and the answer's number."""


def write(directory: Path, language: str, text: str) -> None:
    path = directory / language / "LC_MESSAGES" / "web.po"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def entry(name: str, text: str, above: str = "") -> str:
    return f'{above}\nmsgid "{name}"\nmsgstr "{text}"\n\n'


def test_the_walk_finds_the_texts_in_use() -> None:
    assert len(ASKED) >= 40
    assert "common.answer." in FAMILIES


def test_vietnamese_comes_first_and_english_is_there() -> None:
    assert CATALOGUES.languages[:2] == ("vi", "en")


def test_every_text_that_is_asked_for_exists() -> None:
    assert ASKED - VIETNAMESE.keys() == set()


def test_no_text_is_left_over() -> None:
    assert {name for name in VIETNAMESE if not name.startswith(FAMILIES)} - ASKED == set()


def test_a_family_has_members() -> None:
    assert [one for one in FAMILIES if not any(name.startswith(one) for name in VIETNAMESE)] == []


@pytest.mark.parametrize("language", CATALOGUES.languages)
def test_the_languages_hold_the_same_texts(language: str) -> None:
    assert CATALOGUES.texts[language].keys() == VIETNAMESE.keys()


@pytest.mark.parametrize("name", VIETNAMESE)
def test_a_text_wants_the_same_values_in_every_language(name: str) -> None:
    wanted = {frozenset(placeholders(texts[name])) for texts in CATALOGUES.texts.values()}
    assert len(wanted) == 1


@pytest.mark.parametrize("name", VIETNAMESE)
def test_a_text_is_translated_and_tidy(name: str) -> None:
    said = [texts[name] for texts in CATALOGUES.texts.values()]
    assert all(text == text.strip() and "  " not in text for text in said)
    assert len(set(said)) == len(said), "the same words in two languages"


@pytest.mark.parametrize("language", CATALOGUES.languages)
def test_a_file_names_no_text_twice(language: str) -> None:
    names = re.findall(
        r'^msgid "(.+)"$', (LOCALE / language / "LC_MESSAGES/web.po").read_text(), re.MULTILINE
    )
    assert len(names) == len(set(names))


def test_a_text_escapes_what_is_filled_in() -> None:
    said = CATALOGUES.text("vi", "link.contact.text", unit="<b>Phường</b>")
    assert "&lt;b&gt;Phường" in said


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        CATALOGUES.text("vi", "link.nothing")


def test_a_third_language_is_a_file(tmp_path: Path) -> None:
    for language in ("vi", "en", "tay"):
        write(tmp_path, language, entry("common.language", language))
    assert Catalogues.load(tmp_path).languages == ("vi", "en", "tay")


def test_a_language_that_lacks_a_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "vi", entry("link.why", "vì sao") + entry("link.day", "ngày"))
    write(tmp_path, "en", entry("link.why", "why"))
    with pytest.raises(ValueError, match=r"link\.day"):
        Catalogues.load(tmp_path)


@pytest.mark.parametrize("bad", [entry("link.why", ""), entry("link.why", "why", "#, fuzzy")])
def test_a_text_that_is_empty_or_unsure_is_refused(tmp_path: Path, bad: str) -> None:
    write(tmp_path, "vi", bad)
    with pytest.raises(ValueError, match=r"link\.why"):
        Catalogues.load(tmp_path)


def test_without_vietnamese_nothing_starts(tmp_path: Path) -> None:
    write(tmp_path, "en", entry("link.why", "why"))
    with pytest.raises(ValueError, match="vi"):
        Catalogues.load(tmp_path)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "vi"),
        ("", "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9,vi;q=0.8", "en"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("fr,en;q=0.2", "en"),
        ("fr", "vi"),
        ("en;q=0", "vi"),
        ("en;q=abc", "vi"),
        ("en; q=0.9, vi; q=1", "vi"),
        (";;;,=,", "vi"),
    ],
)
def test_a_browser_is_answered_in_the_language_it_ranks_first(accept: str | None, language: str) -> None:
    assert CATALOGUES.choose(accept) == language


@pytest.mark.parametrize(("language", "said"), [("vi", "20 tháng 11, 2026"), ("en", "November 20, 2026")])
def test_a_day_is_written_as_it_is_read(language: str, said: str) -> None:
    assert long_day(date(2026, 11, 20), language) == said


def test_named_gives_every_language_the_texts_of_a_page() -> None:
    texts = CATALOGUES.named("common.")
    assert texts.keys() == {"vi", "en"}
    assert texts["en"]["common.answer.5"] == "Very satisfied"
    assert all(name.startswith("common.") for name in texts["vi"])
