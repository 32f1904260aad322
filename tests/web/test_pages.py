from datetime import date

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from app.questionnaires.definition import Bilingual
from app.web.assets import Assets
from app.web.catalogue import Catalogues
from app.web.pages import Pages, side_by_side

CATALOGUES = Catalogues.load()
PAGES = Pages(CATALOGUES, Assets.load())
TAY = Catalogues(("vi", "en", "tay"), {**CATALOGUES.texts, "tay": CATALOGUES.texts["en"]})


def test_a_text_stands_in_every_language() -> None:
    assert PAGES.texts("common.answer.5") == (
        '<span class="t l0" lang="vi">Rất hài lòng</span><span class="t l1" lang="en">Very satisfied</span>'
    )


def test_a_text_with_values_is_made_anew_each_time() -> None:
    assert "câu 2" not in PAGES.texts("link.fault.missing", number=1)
    assert "Câu 2" in PAGES.texts("link.fault.missing", number=2)


def test_a_value_is_escaped_unless_it_is_markup() -> None:
    assert "&lt;b&gt;" in PAGES.texts("link.fault.missing", number="<b>")
    assert "<b>1</b>" in PAGES.texts("link.fault.missing", number=Markup("<b>1</b>"))


def test_a_questionnaires_wording_is_escaped_whatever_was_made_before() -> None:
    assert side_by_side((("vi", Markup("<b>")), ("en", Markup("<b>")))).count("<b>") == 2
    assert PAGES.said(Bilingual(vi="<b>", en="<b>")).count("&lt;b&gt;") == 2


def test_a_language_a_questionnaire_is_not_written_in_reads_the_vietnamese_and_says_so() -> None:
    said = Pages(TAY, Assets.load()).said(Bilingual(vi="Tốt", en="Good"))
    assert said.endswith('<span class="t l2" lang="vi">Tốt</span>')


def test_a_day_stands_in_every_language() -> None:
    assert "20 tháng 11, 2026" in PAGES.day(date(2026, 11, 20))
    assert "November 20, 2026" in PAGES.day(date(2026, 11, 20))


def test_a_name_nobody_set_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        PAGES.render("message.html", kind="used", language="vi")
