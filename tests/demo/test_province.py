"""The province of the demonstration: real units, invented characters, the same for the same story."""

from dataclasses import replace
from datetime import date

from app.core.tables import read_rows
from app.demo.province import COMPONENTS, Place, Story, as_table, province
from app.models.unit import UNIT_KINDS
from app.procedures.plan import COLUMNS as PROCEDURE_COLUMNS
from app.questionnaires.catalogue import load_shipped
from app.units.plan import COLUMNS as UNIT_COLUMNS

STORY = Story(date(2026, 8, 23), date(2026, 11, 20))
WHOLE = province(STORY)


def by_code(places: list[Place]) -> dict[str, Place]:
    return {place.code: place for place in places}


def test_it_is_bac_ninh_with_all_its_communes_and_six_bodies_of_the_province() -> None:
    assert WHOLE.units[0]["name"] == "Bắc Ninh"
    kinds = [row["kind"] for row in WHOLE.units]
    assert (kinds.count("province"), kinds.count("commune")) == (1, 99)
    assert (kinds.count("department"), kinds.count("centre")) == (5, 1)
    assert set(kinds) <= set(UNIT_KINDS)


def test_every_unit_but_the_province_itself_is_served_at() -> None:
    assert [place.code for place in WHOLE.places] == [row["code"] for row in WHOLE.units[1:]]
    assert len(by_code(WHOLE.places)) == 105


def test_its_tables_can_be_imported() -> None:
    rows, faults = read_rows(as_table(WHOLE.units), "x.csv", UNIT_COLUMNS, UNIT_COLUMNS[:3], 1000)
    assert (len(rows), faults) == (106, [])
    rows, faults = read_rows(as_table(WHOLE.procedures), "x.csv", PROCEDURE_COLUMNS, PROCEDURE_COLUMNS, 1000)
    assert (len(rows), faults) == (20, [])


def test_communes_handle_commune_procedures_and_the_others_provincial_ones() -> None:
    levels = {row["code"]: row["level"] for row in WHOLE.procedures}
    kinds = {row["code"]: row["kind"] for row in WHOLE.units}
    for place in WHOLE.places:
        expected = "commune" if kinds[place.code] == "commune" else "province"
        assert {levels[code] for code in place.procedures if code is not None} <= {expected}
        assert len(place.demand) == len(place.procedures) > 0


def test_the_same_story_gives_the_same_province() -> None:
    assert province(STORY) == WHOLE


def test_another_seed_gives_other_characters() -> None:
    other = province(replace(STORY, seed=25))
    assert other.units == WHOLE.units
    assert other.places != WHOLE.places


def test_a_unit_looks_the_same_in_a_smaller_story() -> None:
    small = province(replace(STORY, communes=3))
    whole = by_code(WHOLE.places)
    assert len(small.places) == 3 + 6
    assert all(place == whole[place.code] for place in small.places)


def test_communes_differ_in_size_and_average_about_what_the_story_says() -> None:
    communes = [place.visits_a_day for place in WHOLE.places[:99]]
    assert 0.8 < sum(communes) / 99 / STORY.visits_a_day < 1.25
    assert max(communes) > 3 * min(communes)


def test_a_few_units_are_weak_and_most_are_liked() -> None:
    weak = [place for place in WHOLE.places if place.liking < 1.3]
    assert 3 <= len(weak) <= 15


def test_some_small_units_have_no_tablet() -> None:
    without = [place for place in WHOLE.places if not place.tablets]
    assert 0 < len(without) < 50


def test_every_component_of_the_shipped_questionnaires_has_a_leaning() -> None:
    for definition in load_shipped():
        assert {component.code for component in definition.components} == COMPONENTS.keys()
