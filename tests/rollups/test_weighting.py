"""`weighting=visits` against plain Python: every response counted as often as the visits it stands for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import sqrt
from random import Random
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from app.core.database import Database
from app.models.everything import metadata
from app.models.visit import Visit
from app.rollups.jobs import refresh
from app.rollups.schemas import IndexOut
from tests.support.book import Z, ends
from tests.support.rows import INSTANT, Said, insert_responses
from tests.support.world import World

MIN_N = 5
FIRST, LAST = date(2026, 1, 10), date(2026, 3, 20)
DAYS = (date(2026, 1, 10), date(2026, 2, 3), date(2026, 3, 20), date(2026, 1, 9), date(2026, 3, 21))
UNITS = ("09001", "09002", "09101")
FIELDS = {"1.001193": "Hộ tịch", "1.004222": "Cư trú", None: None}


@dataclass(frozen=True, slots=True)
class Came:
    """A visit, as far as weights go."""

    unit: str
    day: date
    procedure: str | None
    form: str = "quick-5"


async def come(world: World, visits: Sequence[Came]) -> None:
    rows = [
        {
            "unit_id": world.units[one.unit],
            "dossier_code": uuid4().hex,
            "served_on": one.day,
            "procedure_id": None if one.procedure is None else world.procedures[one.procedure],
            "questionnaire_id": world.questionnaires[one.form],
            "expires_at": INSTANT,
        }
        for one in visits
    ]
    async with world.database.transaction() as session:
        if rows:
            await session.execute(insert(Visit), rows)


def answer(
    world: World,
    channel: str,
    *answers: int,
    unit: str = "09001",
    procedure: str | None = None,
    day: date = DAYS[0],
) -> Said:
    procedure_id = None if procedure is None else world.procedures[procedure]
    form = world.questionnaires["quick-5"]
    return Said(world.units[unit], day, form, answers, channel=channel, procedure_id=procedure_id)


async def ask(http: httpx.AsyncClient, world: World, unit: str = "24", **query: str) -> dict[str, Any]:
    asked = {"from": str(FIRST), "to": str(LAST), "weighting": "visits", **query}
    answer = await http.get(f"/api/v1/indices/{unit}", params=asked, headers=world.admin)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    IndexOut.model_validate(body)
    return body


async def count(database: Database) -> None:
    while await refresh(database):
        pass


def half_up(ratio: Fraction, places: str = "0.01") -> float:
    exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
    return float(exact.quantize(Decimal(places), ROUND_HALF_UP))


Key = tuple[str, str | None, str | None]


def by_the_book(
    world: World, visits: Sequence[Came], said: Sequence[Said], strata: str, channel: str | None
) -> tuple[dict[Key, int], dict[Key, list[Said]], list[str]]:
    """Visits and responses of each stratum (channel, unit, field), and the channels that count."""
    codes = {number: code for code, number in world.units.items()}
    procedures = {number: code for code, number in world.procedures.items()}

    def key(way: str, unit: str, procedure: str | None) -> Key:
        known = strata != "unit" and way == "link"
        return way, None if strata == "field" else unit, FIELDS[procedure] if known else None

    counted = [
        one
        for one in said
        if one.verdict == "counted" and codes[one.unit_id] != "09101" and FIRST <= one.local_day <= LAST
    ]
    ways = [
        way
        for way in ("kiosk", "link")
        if channel in {None, way} and (way == "link" or channel or any(one.channel == way for one in counted))
    ]
    frame: dict[Key, int] = defaultdict(int)
    for visit in visits:
        if visit.unit != "09101" and FIRST <= visit.day <= LAST and visit.form == "quick-5":
            for way in ways:
                frame[key(way, visit.unit, visit.procedure)] += 1
    crowd = defaultdict(list)
    for one in counted:
        if one.channel in ways:
            crowd[key(one.channel, codes[one.unit_id], procedures.get(one.procedure_id or 0))].append(one)
    return frame, crowd, ways


def weights_of(
    frame: dict[Key, int], crowd: dict[Key, list[Said]], shares: int
) -> list[tuple[Fraction, tuple[int, ...]]]:
    """Every response of the frame's strata with the visits it stands for."""
    return [
        (Fraction(n, len(crowd[key]) * shares), one.answers) for key, n in frame.items() for one in crowd[key]
    ]


def agree(
    figure: dict[str, Any],
    weights: Sequence[tuple[Fraction, tuple[int, ...]]],
    places: Sequence[int],
    min_n: int,
) -> None:
    """A weighted figure against the formulas of docs/decisions/0010 and docs/figures.md, person by person."""
    people = [
        (weight, len(given), sum(one >= 4 for one in given))
        for weight, answers in weights
        if (given := [answers[at] for at in places if answers[at]])
    ]
    n = len(people)
    assert figure["responses"] == n
    hides = figure.get("suppressed")
    assert (hides is None) == (not min_n)
    assert hides is not False or n >= min_n
    if not n or hides:
        told = ("percent", "low", "high", "effective_n", "band")
        assert [figure[name] for name in told] == [None] * 5
        return
    x, y = sum(w * a for w, a, _ in people), sum(w * b for w, _, b in people)
    assert figure["percent"] == half_up(Fraction(100 * y) / x)
    once, squared = sum(w for w, _, _ in people), sum(w**2 for w, _, _ in people)
    kish = once**2 / squared
    assert figure["effective_n"] == half_up(Fraction(kish))
    r, size = float(Fraction(y) / x), float(kish)
    if n > 1 and 0 < r < 1 and size > 1:
        spread = sum(float(w) ** 2 * (b - r * a) ** 2 for w, a, b in people) / float(x) ** 2
        k = size * min(r, 1 - r)
        size = min((k + 2) / (k * spread / (r * (1 - r)) + 2 / size), size * float(Fraction(x) / once))
    middle, half = r + Z * Z / (2 * size), Z * sqrt(r * (1 - r) / size + Z * Z / (4 * size * size))
    scale = 1 + Z * Z / size
    low, high = max(0, (middle - half) / scale), min(1, (middle + half) / scale)
    if size <= float(kish) * (1 + 1e-9):
        low, high = ends(low, high, r, size)
    assert abs(figure["low"] - 100 * low) < 0.0051
    assert abs(figure["high"] - 100 * high) < 0.0051


CAME = st.builds(
    Came,
    st.sampled_from(UNITS),
    st.sampled_from(DAYS),
    st.sampled_from(list(FIELDS)),
    st.sampled_from(["quick-5", "quick-5", "quick-5", "service-16"]),
)
ANSWERS = st.lists(st.integers(0, 5), min_size=5, max_size=5).filter(any).map(tuple)
SPOKEN = st.tuples(
    st.sampled_from(["kiosk", "link", "link"]),
    st.sampled_from(UNITS),
    st.sampled_from(list(FIELDS)),
    st.sampled_from(DAYS),
    ANSWERS,
    st.sampled_from(["counted", "counted", "counted", "quarantined", "void"]),
)

Spoken = tuple[str, str, str | None, date, tuple[int, ...], str]


def busy(seed: int) -> tuple[list[Came], list[Spoken]]:
    """Visits of all strata, most of them answered: of lists that Hypothesis makes nearly all stay empty."""
    chance, strata = Random(seed), [(unit, procedure) for unit in UNITS for procedure in FIELDS]
    visits, spoken, days = list[Came](), list[Spoken](), DAYS + DAYS[:3] * 3
    for unit, procedure in strata:
        visits += [Came(unit, chance.choice(days), procedure) for _ in range(chance.randint(0, 6))]
        for way in ("kiosk", "link"):
            silent = chance.random() < 0.02
            for _ in range(0 if silent else chance.randint(3, 12)):
                given = tuple(chance.choice((0, 1, 3, 4, 5, 5)) for _ in range(5))
                verdict = chance.choice(("counted",) * 5 + ("quarantined", "void"))
                answers = given if any(given) else (2,) * 5
                spoken.append((way, unit, procedure, chance.choice(days), answers, verdict))
    return visits, spoken


SEEDS = st.integers(0, 2**32)
LISTS = st.tuples(st.lists(CAME, max_size=25), st.lists(SPOKEN, min_size=1, max_size=25))


@settings(max_examples=20)
@given(data=st.data())
async def test_every_weight_and_every_figure_is_that_of_a_count_by_the_book(
    http: httpx.AsyncClient, world: World, database: Database, data: st.DataObject
) -> None:
    async with database.transaction() as session:
        for table in (
            "responses", "visits", "stale_unit_days", "unit_day", "unit_month", "channel_day",
            "channel_month", "procedure_day", "procedure_month", "visit_day", "visit_month",
        ):  # fmt: skip
            await session.execute(metadata.tables[table].delete())
    visits, spoken = data.draw(st.one_of(SEEDS.map(busy), SEEDS.map(busy), LISTS), "visits and responses")
    said = [
        answer(
            world, way, *answers, unit=unit, procedure=procedure if way == "link" else None, day=day
        ).judged(verdict)
        for way, unit, procedure, day, answers, verdict in spoken
    ]
    await come(world, visits)
    await insert_responses(database, said)
    await count(database)
    strata = data.draw(st.sampled_from(["field", "unit", "unit_field"]), "strata")
    channel = data.draw(st.sampled_from([None, "kiosk", "link"]), "channel")
    query = {"strata": strata, **({"channel": channel} if channel else {})}
    plain = await ask_plainly(http, world, channel)
    body = await ask(http, world, **query)
    results = [one for one in body["results"] if one["questionnaire"]["code"] == "quick-5"]
    assert [{k: v for k, v in one.items() if k != "weighting"} for one in body["results"]] == plain["results"]
    if not results:
        return
    found = results[0]["weighting"]
    frame, crowd, ways = by_the_book(world, visits, said, strata, channel)

    def named(shown: dict[str, Any]) -> Key:
        return shown["channel"], shown.get("unit"), shown.get("field")

    assert found["visits"] == sum(n for key, n in frame.items() if key[0] == ways[0])
    assert {named(one): one["visits"] for one in found["empty"]} == {
        key: n for key, n in frame.items() if key not in crowd
    }
    assert {named(one): (one["visits"], one["responses"], one["weight"]) for one in found["weights"]} == {
        key: (n, len(crowd[key]), half_up(Fraction(n, len(crowd[key]) * len(ways)), "0.000001"))
        for key, n in frame.items()
        if key in crowd
    }
    assert found["outside"] == sum(len(people) for key, people in crowd.items() if key not in frame)
    assert [one["channel"] for one in found["channels"]] == ways
    for one in found["channels"]:
        alone = {key: n for key, n in frame.items() if key[0] == one["channel"]}
        assert one["responses"] == sum(
            len(people) for key, people in crowd.items() if key[0] == one["channel"]
        )
        if not alone or any(key not in crowd for key in alone):
            assert one["overall"] is None
        else:
            agree(one["overall"], weights_of(alone, crowd, 1), range(5), MIN_N)
    if not frame or any(key not in crowd for key in frame):
        assert (found["overall"], found["components"]) == (None, None)
        assert found["reason"] == ("empty_strata" if frame else "no_visits")
        return
    assert found["reason"] is None
    weights = weights_of(frame, crowd, len(ways))
    agree(found["overall"], weights, range(5), MIN_N if channel else 0)
    for at, one in enumerate(found["components"]):
        agree(one, weights, [at], MIN_N if channel else 0)


async def ask_plainly(http: httpx.AsyncClient, world: World, channel: str | None) -> dict[str, Any]:
    asked = {"from": str(FIRST), "to": str(LAST), **({"channel": channel} if channel else {})}
    answer = await http.get("/api/v1/indices/24", params=asked, headers=world.admin)
    body: dict[str, Any] = answer.json()
    return body


async def test_a_busy_tablet_beside_ignored_links_speaks_no_louder_than_they_do(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await come(world, [Came("09001", DAYS[0], "1.001193")] * 40)
    tablet = [answer(world, "kiosk", 5, 5, 5, 5, 5 if n else 1) for n in range(20)]
    links = [answer(world, "link", 5, 4, 2, 1, 3, procedure="1.001193") for _ in range(2)]
    await insert_responses(database, [*tablet, *links])
    await count(database)
    result = (await ask(http, world))["results"][0]
    weighting = result["weighting"]
    assert result["overall"]["percent"] == 93.64  # 103 of 110
    assert [one["overall"]["percent"] for one in weighting["channels"]] == [
        None,
        None,
    ]  # two are too few, and are not to be
    assert [one["overall"]["suppressed"] for one in weighting["channels"]] == [
        True,
        True,
    ]  # had from the rest
    assert [one["share"] for one in weighting["channels"]] == [0.5, 0.5]
    assert weighting["overall"]["percent"] == 69.5
    assert weighting["overall"]["effective_n"] == 7.27  # of 22
    assert weighting["weights"] == [
        {"channel": "kiosk", "visits": 40, "responses": 20, "weight": 1.0},
        {"channel": "link", "field": "Hộ tịch", "visits": 40, "responses": 2, "weight": 10.0},
    ]


async def test_links_nobody_answered_are_an_empty_stratum_not_left_out(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await come(world, [Came("09001", DAYS[0], "1.001193")] * 3 + [Came("09001", DAYS[0], None)] * 2)
    await insert_responses(database, [answer(world, "kiosk", 5, 5, 5, 5, 5) for _ in range(5)])
    await count(database)
    weighting = (await ask(http, world))["results"][0]["weighting"]
    assert (weighting["reason"], weighting["overall"]) == ("empty_strata", None)
    assert weighting["empty"] == [
        {"channel": "link", "field": None, "visits": 2},
        {"channel": "link", "field": "Hộ tịch", "visits": 3},
    ]
    alone = (await ask(http, world, channel="kiosk"))["results"][0]["weighting"]
    assert (alone["reason"], alone["overall"]["percent"]) == (None, 100.0)


async def test_responses_where_there_were_no_visits_are_said_and_left_out(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await come(world, [Came("09001", DAYS[0], "1.001193")] * 3)
    await insert_responses(
        database,
        [
            answer(world, "link", 5, 5, 5, 5, 1, procedure="1.001193"),
            answer(world, "link", 1, 1, 1, 1, 1, procedure="1.004222"),
        ],
    )
    await count(database)
    weighting = (await ask(http, world))["results"][0]["weighting"]
    assert (weighting["outside"], weighting["overall"]["percent"]) == (1, 80.0)


REFUSED = [
    ({"weighting": "gender"}, "/weighting", "not_allowed"),
    ({"strata": "unit"}, "/strata", "only_with"),
    ({"weighting": "visits", "strata": "age"}, "/strata", "not_allowed"),
    ({"weighting": "visits", "formula": "mean_of_criteria"}, "/weighting", "not_with"),
    ({"weighting": "visits", "boundaries": "as_now"}, "/weighting", "not_with"),
]


async def test_what_cannot_be_weighted_is_refused(http: httpx.AsyncClient, world: World) -> None:
    period = {"from": str(FIRST), "to": str(LAST)}
    for query, pointer, code in REFUSED:
        heard = await http.get("/api/v1/indices/24", params={**period, **query}, headers=world.admin)
        assert heard.status_code == 422
        assert [(one["pointer"], one["code"]) for one in heard.json()["errors"]] == [(pointer, code)]


async def test_outside_the_reach_there_is_nothing_to_weigh(http: httpx.AsyncClient, world: World) -> None:
    viewer = await world.person("viewer", ("viewer", "27"))
    period = {"from": str(FIRST), "to": str(LAST), "weighting": "visits"}
    heard = await http.get("/api/v1/indices/24", params=period, headers=viewer)
    assert (heard.status_code, heard.json()["code"]) == (404, "unit_unknown")
