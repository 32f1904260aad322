"""Whoever adds and subtracts what an answer shows never gets at a figure that it hides for few people."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.database import Database
from app.disclosure.protection import Figure, Table
from app.rollups.jobs import refresh
from app.rollups.lanes import Shape
from app.rollups.suppression import added, among_groups, among_points
from tests.support.attack import Attack, wholes
from tests.support.rows import Said, insert_responses
from tests.support.world import World

DAY = date(2026, 2, 10)
QUICK = ("access", "procedures", "officials", "results", "complaints")
Fill = Callable[..., Any]


@pytest.fixture
def plant(world: World, database: Database) -> Fill:
    async def insert(*crowds: tuple[int, tuple[int, ...], dict[str, Any]], form: str = "quick-5") -> None:
        """So many people who answered alike, by channel, procedure, counter and day."""
        counters: dict[Any, Any] = {}
        rows = []
        for number, answers, how in crowds:
            for _ in range(number):
                said = Said(
                    world.units["09001"],
                    how.get("day", DAY),
                    world.questionnaires[form],
                    answers,
                    how.get("channel", "kiosk"),
                    procedure_id=world.procedures[how["procedure"]] if "procedure" in how else None,
                )
                rows.append(said)
                counters[said.id] = how.get("counter")
        await insert_responses(database, rows)
        async with database.transaction() as session:
            await session.execute(
                text("UPDATE responses SET counter = :counter WHERE id = :id"),
                [{"id": number, "counter": counter} for number, counter in counters.items()],
            )
        while await refresh(database):
            pass

    return insert


@pytest.fixture
def ask(http: httpx.AsyncClient, world: World) -> Fill:
    async def read(what: str = "", *, last: date = DAY, form: str = "quick-5", **query: str) -> Any:
        asked = {"from": str(DAY), "to": str(last), "questionnaire": form, **query}
        heard = await http.get(f"/api/v1/indices/09001{what}", params=asked, headers=world.admin)
        assert heard.status_code == 200, heard.text
        return heard.json()

    return read


@st.composite
def channels_by_day(draw: st.DrawFn) -> list[dict[str, tuple[int, ...]]]:
    """Of a few days and channels, how many answered at all and how many each of three components."""
    names, days = ("kiosk", "link", "import")[: draw(st.integers(2, 3))], draw(st.integers(1, 4))

    def crowd() -> tuple[int, ...]:
        everything, some = draw(st.integers(0, 9)), draw(st.integers(0, 4))
        places = draw(st.lists(st.booleans(), min_size=3, max_size=3).filter(any))
        return (everything + some, *(everything + some * answered for answered in places))

    return [{name: crowd() for name in names} for _ in range(days)]


@settings(max_examples=150, deadline=None)
@given(channels_by_day())
def test_no_sum_of_what_a_series_shows_tells_a_small_figure_of_a_channel(
    points: list[dict[str, tuple[int, ...]]],
) -> None:
    """The attacker of tests/disclosure, with every point, channel and component at once."""
    channels = list(points[0])
    over_all = {one: added(point[one] for point in points) for one in channels}
    whole = among_groups(over_all, added(over_all.values()), None, 5)
    gone = {one: among_points(points, whole, one, 5) for one in channels}
    figures = [
        Figure(frozenset(3 * at + part for part in parts))
        for at in range(len(channels))
        for parts in (range(3), [0], [1], [2])
    ]
    figures += [Figure(frozenset(range(part, 3 * len(channels), 3))) for part in range(3)]
    rows = [
        [*(count for one in channels for count in point[one]), *added(point.values())[1:]] for point in points
    ]
    units = {(node, 4 * len(channels) + part) for node in range(1 + len(points)) for part in range(3)}
    told = {
        (0, 4 * at + part) for at, one in enumerate(channels) for part in range(4) if part not in whole[one]
    }
    over_all_rows = [sum(column) for column in zip(*rows, strict=True)]
    table = Table([None, *(0 for _ in points)], figures, [over_all_rows, *rows], units | told)
    hides = [frozenset(4 * at + part for at, one in enumerate(channels) for part in whole[one])]
    hides += [
        frozenset(4 * at + part for at, one in enumerate(channels) for part in gone[one][day])
        for day in range(len(points))
    ]
    assert Attack(table, hides).small_figures(5) == []


@settings(max_examples=150, deadline=None)
@given(wholes())
def test_settling_groups_from_the_whole_to_its_parts_leaves_nothing_small_to_be_told(table: Table) -> None:
    sizes = [len(figure.places) for figure in table.figures[1 : 1 + components_of(table)]]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    shape = Shape(tuple(zip(starts, sizes, strict=True)))
    groups = {at: tuple(people) for at, people in enumerate(table.people[1:])}
    gone = among_groups(groups, tuple(table.people[0]), shape, 5)
    attack = Attack(table, [frozenset(), *gone.values()])
    assert attack.small_figures(5) == []


def components_of(table: Table) -> int:
    return len(table.figures) - 1 - len(table.figures[0].places)


def hidden(item: dict[str, Any]) -> set[str]:
    """Which figures of a group are hidden; counts would tell them, and are hidden with them."""
    figures = {"overall": item["overall"], **{one["code"]: one for one in item["components"]}}
    gone = {name for name, one in figures.items() if one["suppressed"]}
    for name in gone:
        told = ("percent", "low", "high", "answers", "satisfied", "band")
        assert [figures[name][each] for each in told] == [None] * 6
    return gone


ALL, SOME = (5, 4, 3, 2, 5), (5, 4, 3, 2, 0)
EVERYTHING = {"overall", *QUICK}


async def test_a_channel_on_few_does_not_follow_from_the_unit_less_its_other_channels(
    plant: Fill, ask: Fill
) -> None:
    await plant((20, ALL, {}), (3, ALL, {"channel": "link"}), (8, ALL, {"channel": "import"}))
    channels = {one["channel"]: hidden(one) for one in (await ask("/channels"))["items"]}
    assert channels == {"kiosk": set(), "link": EVERYTHING, "import": EVERYTHING}
    for channel, gone in channels.items():
        assert hidden((await ask(channel=channel))["results"][0]) == gone
        assert hidden((await ask("/series", channel=channel, grain="day"))["points"][0]) == gone


async def test_among_equals_every_address_hides_the_same_one(plant: Fill, ask: Fill) -> None:
    """Else the one that is shown here and hidden there, and the other way round, would tell the third."""
    await plant((8, ALL, {}), (3, ALL, {"channel": "link"}), (8, ALL, {"channel": "import"}))
    channels = {one["channel"]: hidden(one) for one in (await ask("/channels"))["items"]}
    assert len([one for one in channels.values() if one]) == 2
    for channel, gone in channels.items():
        assert hidden((await ask(channel=channel))["results"][0]) == gone
        assert hidden((await ask("/series", channel=channel, grain="day"))["points"][0]) == gone


async def test_a_component_on_few_follows_neither_from_its_channel_nor_from_the_other_one(
    plant: Fill, ask: Fill
) -> None:
    few = (2, ALL, {"channel": "link"}), (30, SOME, {"channel": "link"})
    await plant((20, ALL, {}), (20, SOME, {}), *few)
    assert [hidden(one) for one in (await ask("/channels"))["items"]] == [{"results", "complaints"}] * 2
    for channel in ("kiosk", "link"):
        result = (await ask(channel=channel))["results"][0]
        assert hidden(result) == {"results", "complaints"}
        for component in result["components"][3:]:
            assert component["distribution"] is None
            assert [component["criteria"][0][name] for name in ("percent", "answers", "skipped")] == [
                None
            ] * 3
            assert component["criteria"][0]["distribution"] is None


async def test_a_mean_that_could_be_solved_for_a_hidden_component_is_hidden_with_it(
    plant: Fill, ask: Fill
) -> None:
    """With 40 answers to one and 2 to the other, their sum and the sum of their ratios tell both."""
    few = (2, ALL, {"channel": "link"}), (38, SOME, {"channel": "link"})
    await plant((20, ALL, {}), (20, SOME, {}), *few)
    asked = {"formula": "mean_of_criteria"}
    gone = {"overall", "results", "complaints"}
    assert [hidden(one) for one in (await ask("/channels", **asked))["items"]] == [gone] * 2
    assert hidden((await ask(channel="link", **asked))["results"][0]) == gone
    assert hidden((await ask("/series", channel="link", grain="day", **asked))["points"][0]) == gone


async def test_a_criterion_on_few_does_not_follow_from_its_component(plant: Fill, ask: Fill) -> None:
    full, without = (5,) * 16, (5, 0, *(4,) * 14)
    await plant(
        (9, full, {}), (3, full, {"channel": "link"}), (9, without, {"channel": "link"}), form="service-16"
    )
    for channel in ("kiosk", "link"):
        (result,) = (await ask(channel=channel, form="service-16"))["results"]
        assert hidden(result) == set()
        first, *others = result["components"]
        assert len([one for one in first["criteria"] if one["percent"] is None]) == 2
        assert first["criteria"][1]["percent"] is None
        assert all(one["percent"] is not None for component in others for one in component["criteria"])


@pytest.mark.parametrize("without", [0, 3])
async def test_procedures_on_few_follow_neither_from_their_field_nor_from_the_unit(
    plant: Fill, ask: Fill, without: int
) -> None:
    """What came for no known procedure is a part as well, told by nobody."""
    link = {"channel": "link"}
    await plant(
        (4 - without, ALL, link | {"procedure": "1.001193"}),
        (9, ALL, link | {"procedure": "1.004222"}),
        (without, ALL, link),
    )
    procedures = (await ask("/procedures"))["items"]
    assert len(procedures) == 2
    assert [hidden(one) for one in procedures] == [EVERYTHING] * 2
    fields = (await ask("/fields"))["items"]
    assert [(hidden(one), one["suppressed"]) for one in fields] == [(EVERYTHING, True)] * 2


async def test_a_counter_on_few_does_not_follow_from_the_unit_less_its_other_counters(
    plant: Fill, ask: Fill
) -> None:
    await plant(
        (4, ALL, {"counter": "Quầy 1"}), (9, ALL, {"counter": "Quầy 2"}), (30, ALL, {"counter": None})
    )
    items = (await ask("/counters"))["items"]
    assert {one["counter"]: hidden(one) for one in items} == {
        None: set(),
        "Quầy 2": EVERYTHING,
        "Quầy 1": EVERYTHING,
    }


async def test_a_thin_day_of_a_channel_follows_neither_from_the_period_nor_from_the_day(
    plant: Fill, ask: Fill
) -> None:
    days = [DAY + timedelta(days=at) for at in range(4)]
    numbers = {"kiosk": (20, 20, 9, 20), "link": (30, 3, 8, 40)}
    crowds = [
        (number, ALL, {"channel": channel, "day": day})
        for channel, each in numbers.items()
        for day, number in zip(days, each, strict=True)
    ]
    await plant(*crowds)
    for channel in numbers:
        series = await ask("/series", last=days[-1], channel=channel, grain="day")
        assert [bool(hidden(one)) for one in series["points"]] == [False, True, True, False]
        assert hidden((await ask(last=days[-1], channel=channel))["results"][0]) == set()
    series = await ask("/series", last=days[-1], grain="day")
    assert all("suppressed" not in one["overall"] for one in series["points"])


async def test_a_driver_on_few_does_not_follow_from_the_gap_less_the_other_drivers(
    plant: Fill, ask: Fill
) -> None:
    await plant((3, ALL, {}), (20, SOME, {}))
    drivers = await ask("/drivers")
    for listed in (drivers["components"], drivers["criteria"]):
        assert len([one for one in listed if one["suppressed"]]) == 2
        for one in listed[3:]:
            assert {one[name] for name in ("answers", "dissatisfied", "gap_points", "gap_percent")} == {None}


async def test_what_a_ranking_leaves_unranked_is_no_secret_to_its_reader(
    plant: Fill, ask: Fill, http: httpx.AsyncClient, world: World
) -> None:
    """A rank on few would mislead; the unit's own figure stands where its reader finds it, whatever its n."""
    await plant((3, ALL, {}))
    asked = {"kind": "commune", "parent": "24", "from": str(DAY), "to": str(DAY), "questionnaire": "quick-5"}
    ranked = await http.get("/api/v1/rankings", params=asked, headers=world.admin)
    item = next(one for one in ranked.json()["items"] if one["unit"]["code"] == "09001")
    assert item["suppressed"]
    assert (await ask())["results"][0]["overall"]["percent"] == 60.0
