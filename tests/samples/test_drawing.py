"""Draws: the same visits from the same seed, counted again in plain Python; and what is refused."""

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.core.clock import utc_now
from app.samples import drawing
from app.samples.drawing import Part, Where, bound
from app.samples.plan import allocate
from tests.support.sampling import (
    SAMPLES,
    Came,
    come,
    crowd,
    draw,
    first_by_hash,
    forget,
    links,
    read,
    stored,
    wanted,
)
from tests.support.visits import day, today
from tests.support.world import World

UNITS = ("24", "09001", "09002", "09101")
FIELDS = {"1.001193": "Hộ tịch", "1.004222": "Cư trú", None: None}


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(UNITS), st.sampled_from(list(FIELDS)), st.sampled_from([0, 1, 30, 31])),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from(["none", "unit", "procedure", "field"]),
    st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12),
    st.data(),
)
async def test_the_first_of_each_stratum_by_the_keyed_hash_are_drawn(
    http: httpx.AsyncClient,
    world: World,
    came: list[tuple[str, str | None, int]],
    stratify: str,
    seed: str,
    data: st.DataObject,
) -> None:
    await forget(world)
    visits = await come(
        world,
        [Came(unit, f"H:{number}", procedure, ago) for number, (unit, procedure, ago) in enumerate(came)],
    )
    frame = [one for one in visits if one.unit != "09101" and one.ago <= 30]
    size = data.draw(st.integers(1, max(1, len(frame))), "size")
    body = wanted(size=size, stratify=stratify, seed=seed, small_strata="merge")
    heard = await http.post(SAMPLES, json=body, headers=world.admin)
    if size < 5 or len(frame) < size:
        assert heard.status_code == 422
        assert await stored(world, "samples") == []
        return
    assert heard.status_code == 201, heard.text
    sample = heard.json()
    assert (sample["visits"], sample["drawn"], sample["seed"]) == (len(frame), size, seed)

    def member(one: Came) -> str | None:
        return {
            "none": None,
            "unit": one.unit,
            "procedure": one.procedure,
            "field": FIELDS[one.procedure],
        }[stratify]

    strata = {stratum["number"]: set(stratum["members"]) for stratum in sample["strata"]}
    assert Counter(name for names in strata.values() for name in names) == Counter(
        {member(one) for one in frame}
    )
    crowd = {number: [one for one in frame if member(one) in names] for number, names in strata.items()}
    sizes = allocate({number: len(found) for number, found in crowd.items()}, size)
    shown = {one["number"]: (one["visits"], one["drawn"]) for one in sample["strata"]}
    assert shown == {number: (len(crowd[number]), sizes[number]) for number in strata}
    assert all(drawn >= 5 for _, drawn in shown.values()) or len(shown) == 1
    expected = set()
    for number, found in crowd.items():
        expected |= first_by_hash(world, seed, found, sizes[number])
    sent = await links(http, world, sample["id"])
    assert {one["dossier_code"] for one in sent} == expected
    assert len(sent) == size
    assert [(one["unit_code"], one["dossier_code"]) for one in sent] == sorted(
        (one["unit_code"], one["dossier_code"]) for one in sent
    )
    checked = await read(http, world, f"{sample['id']}/verify")
    assert checked == {
        "matches": True,
        "digest": sample["digest"],
        "recorded": sample["digest"],
        "visits": len(frame),
        "visits_recorded": len(frame),
        "missing": 0,
        "unexpected": 0,
        "codes_gone": 0,
    }


async def test_few_of_many_are_the_same_with_a_bound_on_what_is_sorted_and_without(
    http: httpx.AsyncClient, world: World
) -> None:
    visits = await come(world, [Came("09001", f"H-{at}") for at in range(1_500)])
    sample = await draw(http, world, seed="dice")
    expected = first_by_hash(world, "dice", visits, 10)
    assert {one["dossier_code"] for one in await links(http, world, sample["id"])} == expected
    where = Where([world.units["09001"]], today() - timedelta(days=30), today(), utc_now(), "none")
    for believed in (1_500, 10**12):  # a bound for so many leaves none: then everything is sorted
        part = Part(1, [0], believed, 10)
        assert bound(part) < b"\x20"
        async with world.database.read() as session:
            drawn = await drawing.draw(session, where, [part], "dice")
        assert {one.dossier_code for one in drawn} == expected


async def test_a_draw_is_on_record_with_its_seed_and_digest(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    sample = await draw(http, world)
    (line,) = [one for one in await stored(world, "audit_lines") if one["action"] == "sample.draw"]
    assert line["target"] == f"sample:{sample['id']}"
    assert line["details"]["seed"] == sample["seed"]
    assert line["details"]["digest"] == sample["digest"]
    assert line["details"]["seed_given"] is False
    assert len(sample["seed"]) == 32


async def test_one_seed_draws_the_same_visits_twice_and_another_draws_others(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    drawn = {}
    for name, seed in (("A", "one"), ("B", "one"), ("C", "two")):
        sample = await draw(http, world, name=name, seed=seed)
        drawn[name] = {one["dossier_code"] for one in await links(http, world, sample["id"])}
    assert drawn["A"] == drawn["B"] != drawn["C"]


async def test_visits_registered_after_the_draw_are_not_of_its_frame(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    sample = await draw(http, world, stratify="unit")
    await come(world, [Came("09001", f"L-{at}") for at in range(40)])
    assert (await read(http, world, f"{sample['id']}/verify"))["matches"]


async def test_links_that_were_exchanged_are_found_out(http: httpx.AsyncClient, world: World) -> None:
    visits = await crowd(world)
    sample = await draw(http, world)
    drawn = {one["dossier_code"] for one in await links(http, world, sample["id"])}
    other = next(one.dossier for one in visits if one.dossier not in drawn)
    async with world.database.transaction() as session:
        await session.execute(
            text("UPDATE sample_links SET dossier_code = :other WHERE dossier_code = :one"),
            {"other": other, "one": min(drawn)},
        )
    checked = await read(http, world, f"{sample['id']}/verify")
    assert not checked["matches"]
    assert (checked["missing"], checked["unexpected"]) == (1, 1)


async def test_a_call_that_is_repeated_does_not_draw_twice(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    await draw(http, world)
    heard = await http.post(SAMPLES, json=wanted(), headers=world.admin)
    assert (heard.status_code, heard.json()["code"]) == (409, "sample_exists")
    assert len(await stored(world, "samples")) == 1
    assert len(await stored(world, "sample_links")) == 10


async def test_the_margin_gives_the_size(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world, 60)
    sample = await draw(http, world, size=None, margin_of_error=0.2)
    assert (sample["visits"], sample["drawn"]) == (60, 18)  # 60 / 3.4 = 17.6


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"margin_of_error": 0.05}, [("/size", "one_of")]),
    ({"size": None}, [("/size", "one_of")]),
    ({"size": None, "margin_of_error": None}, [("/size", "one_of")]),
    ({"size": None, "margin_of_error": True}, [("/margin_of_error", "invalid_value")]),
    ({"size": None, "margin_of_error": 0.3}, [("/margin_of_error", "too_large")]),
    ({"size": None, "margin_of_error": 0}, [("/margin_of_error", "too_small")]),
    ({"size": None, "margin_of_error": -1}, [("/margin_of_error", "too_small")]),
    ({"size": None, "margin_of_error": "0.1"}, [("/margin_of_error", "invalid_value")]),
    ({"size": 0}, [("/size", "too_small")]),
    ({"size": 41}, [("/size", "too_large")]),
    ({"size": 4}, [("/size", "sample_too_small")]),
    ({"size": 50_000}, [("/size", "too_large")]),
    ({"stratify": "channel"}, [("/stratify", "channel_no_stratum")]),
    ({"stratify": "gender"}, [("/stratify", "not_allowed")]),
    ({"stratify": "field"}, [("/stratify", "strata_too_small")]),
    ({"from": day(), "to": day(1)}, [("/from", "period_reversed")]),
    ({"to": day(-1)}, [("/to", "day_in_future")]),
    ({"from": day(300), "to": day(200)}, [("/from", "no_visits")]),
    ({"from": "1990-01-01"}, [("/to", "period_too_long")]),
    ({"from": "2011-03-01", "to": "2021-03-01"}, [("/to", "period_too_long")]),
    ({"answer_until": day(1)}, [("/answer_until", "day_past")]),
    ({"answer_until": day(-400)}, [("/answer_until", "too_large")]),
    ({"questionnaire": "none-such"}, [("/questionnaire", "questionnaire_unknown")]),
    ({"questionnaire": {"code": "quick-5", "version": 9}}, [("/questionnaire", "questionnaire_unknown")]),
    ({"colour": "red"}, [("/colour", "unknown_field")]),
    (
        {"to": day(-1), "answer_until": day(1), "questionnaire": "none-such", "size": None},
        [
            ("/to", "day_in_future"),
            ("/size", "one_of"),
            ("/answer_until", "day_past"),
            ("/questionnaire", "questionnaire_unknown"),
        ],
    ),
]


async def test_what_cannot_be_drawn_is_refused_with_every_fault(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    for change, faults in REFUSED:
        heard = await http.post(SAMPLES, json=wanted(**change), headers=world.admin)
        assert heard.status_code == 422, heard.text
        assert [(one["pointer"], one["code"]) for one in heard.json()["errors"]] == faults, change
    assert await stored(world, "samples") == []


async def test_small_strata_are_named_or_put_together(http: httpx.AsyncClient, world: World) -> None:
    await come(world, [Came("09001", f"A-{at}") for at in range(30)])
    await come(world, [Came("09002", f"B-{at}") for at in range(8)])
    await come(world, [Came("SNV", f"C-{at}") for at in range(2)])
    heard = await http.post(
        SAMPLES, json=wanted(size=20, stratify="unit"), headers={**world.admin, "Accept-Language": "en"}
    )
    (fault,) = heard.json()["errors"]
    assert fault["detail"] == (
        "At least 5 visits must be drawn in each stratum; too small: 09002, SNV. "
        "Draw more, merge them, or choose other strata."
    )
    sample = await draw(http, world, size=20, stratify="unit", small_strata="merge")
    assert [(one["members"], one["visits"], one["drawn"]) for one in sample["strata"]] == [
        (["09001"], 30, 15),
        (["09002", "SNV"], 10, 5),
    ]


async def test_outside_the_reach_nothing_is_drawn(http: httpx.AsyncClient, world: World) -> None:
    await come(world, [Came("09101", f"N-{at}") for at in range(10)])
    chief = await world.person("chief", ("unit_admin", "24"))
    for unit in ("99999", "27", "09101"):
        heard = await http.post(SAMPLES, json=wanted(unit_code=unit), headers=chief)
        assert (heard.status_code, heard.json()["code"]) == (404, "unit_unknown")


async def test_who_draws_who_sends_and_who_reads(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    sample = (await draw(http, world))["id"]
    clients = {
        scope: await world.client("24", scope)
        for scope in ("periods:publish", "visits:write", "indices:read")
    }
    paths = {"": "indices:read", "/result": "indices:read", "/verify": "indices:read"}
    paths |= {"/links": "visits:write", "/links.csv": "visits:write"}
    for path, needed in paths.items():
        for scope, headers in clients.items():
            heard = await http.get(f"{SAMPLES}/{sample}{path}", headers=headers)
            assert heard.status_code == (200 if scope == needed else 403), (path, scope)
    for scope, headers in clients.items():
        heard = await http.post(SAMPLES, json=wanted(name=scope), headers=headers)
        assert heard.status_code == (201 if scope == "periods:publish" else 403), scope


async def test_a_commune_sends_its_own_links_of_the_provinces_sample(
    http: httpx.AsyncClient, world: World
) -> None:
    await crowd(world)
    sample = (await draw(http, world))["id"]
    everything = await links(http, world, sample)
    commune = await world.client("09001", "visits:write", "indices:read")
    heard = await http.get(f"{SAMPLES}/{sample}/links", headers=commune)
    assert heard.json()["items"] == [one for one in everything if one["unit_code"] == "09001"]
    table = await http.get(f"{SAMPLES}/{sample}/links.csv", headers=commune)
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) == 1 + len(heard.json()["items"])
    assert heard.json()["items"][0]["link"]["url"] in table.text
    for path in ("", "/result", "/verify"):
        refused = await http.get(f"{SAMPLES}/{sample}{path}", headers=commune)
        assert (refused.status_code, refused.json()["code"]) == (404, "sample_unknown")
    neighbour = await world.client("09101", "visits:write")
    refused = await http.get(f"{SAMPLES}/{sample}/links", headers=neighbour)
    assert (refused.status_code, refused.json()["code"]) == (404, "sample_unknown")


async def test_samples_are_listed_newest_first_within_reach(http: httpx.AsyncClient, world: World) -> None:
    await crowd(world)
    await come(world, [Came("09101", f"N-{at}") for at in range(10)])
    for name, unit in (("A", "24"), ("B", "27"), ("C", "09001")):
        await draw(http, world, name=name, unit_code=unit, size=5)
    assert [one["name"] for one in (await read(http, world, ""))["items"]] == ["C", "B", "A"]
    assert [one["name"] for one in (await read(http, world, "", unit="09001"))["items"]] == ["C"]
    page = await read(http, world, "", limit="2")
    assert [one["name"] for one in (await read(http, world, "", cursor=page["next"]))["items"]] == ["A"]
    viewer = await world.person("viewer", ("viewer", "24"))
    heard = await http.get(SAMPLES, headers=viewer)
    assert [one["name"] for one in heard.json()["items"]] == ["C", "A"]
