"""Templates to HTML, with every text in every language.

A page is rendered with all its languages side by side, each in a `span` of its own, and the stylesheet shows
the one that is chosen. So the switch works at once, offline and without JavaScript, and answers given so far
are never at stake. Pure: what a page is sent with stands in `deps`.
"""

from datetime import date
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.questionnaires.definition import Bilingual
from app.web.assets import Assets
from app.web.catalogue import FIRST, Catalogues, long_day

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders the templates; one a process."""

    def __init__(self, catalogues: Catalogues, assets: Assets) -> None:
        self.catalogues = catalogues
        self.assets = assets
        self._made: dict[str, Markup] = {}
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            languages=catalogues.languages,
            version=assets.version,
            asset=assets.url,
            t=self.texts,
            said=self.said,
            day=self.day,
            plain=catalogues.text,
        )

    def render(self, template: str, **values: object) -> bytes:
        """The page in UTF-8."""
        return self._environment.get_template(template).render(values).encode()

    def texts(self, name: str, **values: object) -> Markup:
        """A text of the catalogues in every language; the stylesheet shows one.

        A long page asks a hundred times for the five answers: what wants no values is put together once.
        """
        if not values and name in self._made:
            return self._made[name]
        made = side_by_side(
            tuple((one, self.catalogues.text(one, name, **values)) for one in self.catalogues.languages)
        )
        if not values:
            self._made[name] = made
        return made

    def said(self, text: Bilingual) -> Markup:
        """A questionnaire's own wording; a language it lacks reads the Vietnamese, and says so."""
        return side_by_side(
            tuple(
                (one, escape(getattr(text, one))) if hasattr(text, one) else (FIRST, escape(text.vi))
                for one in self.catalogues.languages
            )
        )

    def day(self, day: date) -> Markup:
        """A day as each language writes it."""
        return side_by_side(tuple((one, escape(long_day(day, one))) for one in self.catalogues.languages))


@lru_cache(maxsize=4_000)
def side_by_side(texts: tuple[tuple[str, Markup], ...]) -> Markup:
    """One span for each (language it is in, text); the order is that of the switch.

    Only for what is escaped already: a `str` equals a `Markup` of the same letters, so a memory that took
    both would one day hand out the one for the other.
    """
    spans = (
        Markup('<span class="t l{}" lang="{}">{}</span>').format(number, language, text)
        for number, (language, text) in enumerate(texts)
    )
    return Markup().join(spans)
