"""The texts of the pages: one gettext catalogue a language, read once at start. Pure.

A text is asked for by a name of its own (`link.why`), not by its English wording: the two languages then
stand as equals, and mending a comma in one never loses the other. The files are read as they are, without a
compiled twin beside them, so there is nothing to build and nothing that may be stale.

A third language is a third file: it appears in the switch, on the page and in the tablet's texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Self

from babel.dates import format_date
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

LOCALE = Path(__file__).parent / "locale"
FIRST = "vi"
MAX_LANGUAGES = 6
"""As many as the stylesheet has rules to switch between."""


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Every text in every language; `languages` begins with Vietnamese."""

    languages: tuple[str, ...]
    texts: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, directory: Path = LOCALE) -> Self:
        """Read all catalogues; ValueError if one lacks a text that another has."""
        found = {path.parts[-3]: read(path) for path in sorted(directory.glob("*/LC_MESSAGES/web.po"))}
        if FIRST not in found or len(found) > MAX_LANGUAGES:
            raise ValueError(f"{FIRST} and at most {MAX_LANGUAGES - 1} more are needed, not {sorted(found)}")
        for language, texts in found.items():
            if differing := found[FIRST].keys() ^ texts.keys():
                raise ValueError(f"{FIRST} and {language} do not hold the same texts: {sorted(differing)}")
        languages = (FIRST, *sorted(found.keys() - {FIRST}))
        return cls(languages, MappingProxyType({name: MappingProxyType(found[name]) for name in languages}))

    def text(self, language: str, name: str, **values: object) -> Markup:
        """One text, safe to stand in HTML: the values are escaped. KeyError for a name there is not."""
        return Markup(escape(self.texts[language][name])).format(**values)  # noqa: S704  escaped just here

    def named(self, prefix: str) -> dict[str, dict[str, str]]:
        """Language -> the texts whose names begin so, for a page that chooses while it is offline."""
        return {
            language: {name: text for name, text in texts.items() if name.startswith(prefix)}
            for language, texts in self.texts.items()
        }

    def choose(self, accept: str | None) -> str:
        """The language an Accept-Language header ranks first among ours; Vietnamese if it names none."""
        best = (0.0, FIRST)
        for part in (accept or "").split(",")[:20]:
            tag, _, weight = part.strip().partition(";")
            primary = tag.split("-")[0].lower()
            if primary in self.texts and (quality := _quality(weight)) > best[0]:
                best = (quality, primary)
        return best[1]


def read(path: Path) -> dict[str, str]:
    """Name -> text of one file; ValueError for a text that is empty, fuzzy or there twice."""
    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    texts = {str(message.id): str(message.string) for message in catalogue if message.id}
    if faulty := [name for name, text in texts.items() if not text.strip()]:
        raise ValueError(f"{path.parts[-3]} has empty texts: {faulty}")
    if unsure := [str(message.id) for message in catalogue if message.id and message.fuzzy]:
        raise ValueError(f"{path.parts[-3]} has unsure texts: {unsure}")
    return texts


def placeholders(text: str) -> set[str]:
    """The names in braces that a text wants values for."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def long_day(day: date, language: str) -> str:
    """A day as it is read aloud in this language."""
    return format_date(day, "long", locale=language)


def _quality(weight: str) -> float:
    name, equals, number = weight.strip().partition("=")
    try:
        return float(number) if equals and name == "q" else 1.0
    except ValueError:
        return 0.0
