from hypothesis import given
from hypothesis import strategies as st

from app.samples.hiding import hidden

PEOPLE = st.dictionaries(st.integers(1, 20), st.integers(0, 15), max_size=8)


@given(PEOPLE, st.integers(2, 6))
def test_no_hidden_number_is_left_over_when_the_shown_ones_are_taken_off_the_total(
    people: dict[int, int], least: int
) -> None:
    gone = hidden(people, least)
    assert all(people[stratum] >= least for stratum in people.keys() - gone)
    rest = sum(people[stratum] for stratum in gone)
    assert not gone or gone == people.keys() or (len(gone) >= 2 and rest >= least)


@given(PEOPLE, st.integers(2, 6))
def test_nothing_is_hidden_that_need_not_be(people: dict[int, int], least: int) -> None:
    gone = hidden(people, least)
    must = {stratum for stratum, count in people.items() if count < least}
    assert must <= gone
    assert bool(must) == bool(gone)
    if also := sorted(gone - must, key=lambda stratum: (people[stratum], stratum)):
        before = gone - {also[-1]}
        assert len(before) < 2 or sum(people[one] for one in before) < least
