"""Templates to HTML, with every text in every language.

A page is rendered with all its languages side by side, each in a `span` of its own, and the stylesheet shows
the one that is chosen. So the switch works at once, offline and without JavaScript, and answers given so far
are never at stake. Pure: what a page is sent with stands in `deps`.
"""

from collections.abc import Mapping
from datetime import date
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
        """A text of the catalogues in every language; the stylesheet shows one."""
        return self._beside(
            {one: self.catalogues.text(one, name, **values) for one in self.catalogues.languages}
        )

    def said(self, text: Bilingual) -> Markup:
        """A questionnaire's own wording; a language it is not written in reads the Vietnamese."""
        return self._beside({one: getattr(text, one, text.vi) for one in self.catalogues.languages}, text)

    def day(self, day: date) -> Markup:
        """A day as each language writes it."""
        return self._beside({one: long_day(day, one) for one in self.catalogues.languages})

    def _beside(self, texts: Mapping[str, str], written: Bilingual | None = None) -> Markup:
        """One span a language; where the wording is another language's, it says so to screen readers."""
        spans = (
            Markup('<span class="t l{}" lang="{}">{}</span>').format(
                number, language if written is None or hasattr(written, language) else FIRST, escape(text)
            )
            for number, (language, text) in enumerate(texts.items())
        )
        return Markup().join(spans)
