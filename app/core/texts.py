"""Sentences in both languages."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Language = Literal["vi", "en"]


class Text(NamedTuple):
    """One sentence in both languages; may hold `{placeholders}`."""

    vi: str
    en: str

    def render(self, language: Language, params: Mapping[str, object]) -> str:
        """Fill the placeholders; a missing value is a programming error and raises KeyError."""
        template = self.vi if language == "vi" else self.en
        return template.format_map(params) if params else template
