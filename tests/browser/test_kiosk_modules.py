"""The tablet's modules that only think, in the browser they run in: many tiny cases."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from app.web.assets import Assets
from tests.support.site import Site

STATIC = f"/static/{Assets.load().version}/js"
FIELD = {"code": "gender", "title": {}, "options": [{"code": "female"}, {"code": "male"}]}
CONFIG: dict[str, Any] = {
    "device_id": "D",
    "unit": {"code": "U", "name": "Phường"},
    "languages": ["vi", "en"],
    "screens": ["language", "questions", "about", "comment"],
    "questionnaire": {
        "code": "two",
        "version": 3,
        "criteria": [{"code": "A1", "required": True}, {"code": "B1", "required": False}],
        "respondent_fields": [FIELD, {**FIELD, "code": "other"}],
    },
}
LANGUAGE = {"type": "language", "language": "en"}
FIVE, NONE = {"type": "answer", "value": 5}, {"type": "answer", "value": None}
NEXT, BACK = {"type": "next"}, {"type": "back"}
SKIP, SKIP_ALL = {"type": "skip"}, {"type": "skip_about"}


@pytest.fixture(scope="module")
async def page(site: Site, browser: Browser) -> AsyncIterator[Page]:
    """Any page of ours: modules may be loaded from it."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{site.url}/kiosk")
    yield page
    await context.close()


async def run(page: Page, module: str, body: str, *values: object) -> Any:
    """`body` with the module as `m` and the values as `v`."""
    script = f"async (v) => {{ const m = await import({json.dumps(f'{STATIC}/{module}')}); {body} }}"
    return await page.evaluate(script, list(values))


async def walk(page: Page, *events: object, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The state after these events, with its step and what would be sent."""
    state: dict[str, Any] = await run(
        page,
        "kiosk/survey.js",
        """let state = m.begin(v[0], "id-1", "2026-11-20T02:00:00.000Z");
        for (const event of v[1]) state = m.next(state, event);
        const step = state.screen === "survey" ? m.stepOf(state) : null;
        return { ...state, step, sent: m.responseOf(state, "2026-11-20T02:01:00.000Z") };""",
        config or CONFIG,
        list(events),
    )
    return state


@pytest.mark.parametrize(
    ("screens", "kinds"),
    [
        (["questions"], ["question", "question"]),
        (["language", "questions"], ["language", "question", "question"]),
        (["comment", "questions", "language"], ["comment", "question", "question", "language"]),
        (["about", "questions"], ["about", "about", "question", "question"]),
        (["questions", "something new"], ["question", "question"]),
    ],
)
async def test_the_steps_follow_the_configured_order(
    page: Page, screens: list[str], kinds: list[str]
) -> None:
    steps = await run(page, "kiosk/survey.js", "return m.stepsOf(v[0])", {**CONFIG, "screens": screens})
    assert [step["kind"] for step in steps] == kinds


async def test_one_language_alone_is_not_asked_for(page: Page) -> None:
    assert (await walk(page, config={**CONFIG, "languages": ["vi"]}))["step"]["kind"] == "question"


async def test_a_survey_begins_with_nothing_said(page: Page) -> None:
    state = await walk(page)
    assert (state["answers"], state["comment"], state["respondent"], state["sent"]) == ({}, "", {}, None)


async def test_a_complete_way_leads_to_thanks_and_a_complete_response(page: Page) -> None:
    gender = {"type": "about", "value": "female"}
    write = {"type": "write", "comment": "  Tốt \n"}
    state = await walk(page, LANGUAGE, FIVE, NONE, gender, SKIP, write, NEXT)
    assert state["screen"] == "thanks"
    assert state["sent"] == {
        "id": "id-1",
        "unit": "U",
        "device": "D",
        "body": {
            "id": "id-1",
            "questionnaire": {"code": "two", "version": 3},
            "answers": {"A1": 5, "B1": None},
            "complete": True,
            "language": "en",
            "started_at": "2026-11-20T02:00:00.000Z",
            "submitted_at": "2026-11-20T02:01:00.000Z",
            "comment": "Tốt",
            "respondent": {"gender": "female"},
        },
    }


@pytest.mark.parametrize(
    "events",
    [
        [LANGUAGE, NONE],  # the first question must be answered
        [LANGUAGE, NEXT],
        [LANGUAGE, {"type": "answer", "value": 6}],
        [LANGUAGE, {"type": "answer", "value": 0}],
        [LANGUAGE, {"type": "answer", "value": "5"}],
        [LANGUAGE, {"type": "about", "value": "female"}],
        [LANGUAGE, SKIP],
        [LANGUAGE, SKIP_ALL],
        [LANGUAGE, {"type": "write", "comment": "x"}],
        [LANGUAGE, {"type": "what"}],
    ],
)
async def test_what_does_not_fit_the_step_changes_nothing(page: Page, events: list[object]) -> None:
    assert await walk(page, *events) == await walk(page, LANGUAGE)


async def test_a_language_that_is_not_offered_is_not_taken(page: Page) -> None:
    assert (await walk(page, {"type": "language", "language": "fr"}))["step"]["kind"] == "language"


async def test_switching_the_language_stays_where_it_is(page: Page) -> None:
    state = await walk(page, LANGUAGE, FIVE, {"type": "switch", "language": "vi"})
    assert (state["language"], state["step"]["number"], state["answers"]) == ("vi", 2, {"A1": 5})


async def test_back_keeps_what_was_said_and_next_passes_what_is_answered(page: Page) -> None:
    state = await walk(page, LANGUAGE, FIVE, BACK, NEXT)
    assert (state["step"]["number"], state["answers"]) == (2, {"A1": 5})


async def test_there_is_nothing_before_the_first_step(page: Page) -> None:
    assert await walk(page, BACK) == await walk(page)


async def test_an_unknown_option_about_the_person_is_not_taken(page: Page) -> None:
    state = await walk(page, LANGUAGE, FIVE, NONE, {"type": "about", "value": "unheard of"})
    assert (state["step"]["kind"], state["respondent"]) == ("about", {})


async def test_skipping_takes_back_what_was_said_about_that(page: Page) -> None:
    gender = {"type": "about", "value": "male"}
    assert (await walk(page, LANGUAGE, FIVE, NONE, gender, BACK, SKIP))["respondent"] == {}


async def test_half_a_survey_is_sent_as_incomplete(page: Page) -> None:
    assert (await walk(page, LANGUAGE, FIVE))["sent"]["body"]["complete"] is False


async def test_without_an_opinion_there_is_nothing_to_send(page: Page) -> None:
    optional = [{"code": "A1", "required": False}, {"code": "B1", "required": False}]
    config = {**CONFIG, "questionnaire": {**CONFIG["questionnaire"], "criteria": optional}}
    assert (await walk(page, LANGUAGE, NONE, NONE, config=config))["sent"] is None


async def test_after_thanks_nothing_can_be_said_any_more(page: Page) -> None:
    done = [LANGUAGE, FIVE, NONE, SKIP_ALL, NEXT]
    assert await walk(page, *done, BACK, FIVE) == await walk(page, *done)


@pytest.mark.parametrize(("failures", "most"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10_000, 300)])
async def test_the_wait_doubles_up_to_five_minutes(page: Page, failures: int, most: int) -> None:
    ask = "return [m.waitSeconds(v[0], null, () => 0), m.waitSeconds(v[0], null, () => 1)]"
    assert await run(page, "kiosk/backoff.js", ask, failures) == [0, most]


async def test_the_wait_is_never_shorter_than_the_service_asked_for(page: Page) -> None:
    assert await run(page, "kiosk/backoff.js", "return m.waitSeconds(1, 30, () => 0.5)") == 31


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999", 3600),
        ("Thu, 01 Jan 1970 00:00:09 GMT", 9),
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
async def test_retry_after_is_read_in_both_its_forms(
    page: Page, header: str | None, seconds: int | None
) -> None:
    assert await run(page, "kiosk/backoff.js", "return m.retryAfter(v[0], 0)", header) == seconds


@pytest.mark.parametrize(
    ("wrong", "seconds"), [(0, 0), (1, 0), (2, 0), (3, 5), (4, 10), (5, 20), (9, 300), (999, 300)]
)
async def test_wrong_pins_make_one_wait_longer_and_longer(page: Page, wrong: int, seconds: int) -> None:
    assert await run(page, "kiosk/pin.js", "return m.pinWaitSeconds(v[0])", wrong) == seconds


async def test_ids_are_of_version_7_and_in_the_order_of_time(page: Page) -> None:
    ids = await run(
        page, "uuid.js", "return v[0].map((now) => m.uuid7(now))", [0, 1, 2**47, 1_795_000_000_000]
    )
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one)
        for one in ids
    )
    assert [int(one.replace("-", "")[:12], 16) for one in ids] == [0, 1, 2**47, 1_795_000_000_000]


async def test_ten_thousand_ids_are_ten_thousand(page: Page) -> None:
    assert (
        await run(page, "uuid.js", "return new Set(Array.from({ length: 10000 }, () => m.uuid7(1))).size")
        == 10_000
    )


async def deliver(page: Page, items: list[str], *answers: object) -> dict[str, Any]:
    """The result of delivering items to a service that gives these answers in turn; `sizes` it was sent."""
    result: dict[str, Any] = await run(
        page,
        "kiosk/delivery.js",
        """const sizes = [];
        const post = async (items) => {
            sizes.push(items.length);
            return { code: null, detail: "", retryAfter: null, ...v[1].shift() };
        };
        return { ...(await m.deliver(v[0].map((id) => ({ id })), post)), sizes };""",
        items,
        list(answers),
    )
    return result


def judged(**verdicts: object) -> dict[str, Any]:
    """An answer of the service: `accepted`, `replayed`, or the problem of a rejection."""
    items = [
        {"id": name, "status": said}
        if isinstance(said, str)
        else {"id": name, "status": "rejected", "problem": said}
        for name, said in verdicts.items()
    ]
    return {"status": 200, "body": {"items": items}}


async def test_what_is_accepted_or_replayed_is_done(page: Page) -> None:
    result = await deliver(page, ["a", "b"], judged(a="accepted", b="replayed"))
    assert (result["done"], result["then"]) == (["a", "b"], "fine")


async def test_what_nobody_spoke_of_is_not_done(page: Page) -> None:
    result = await deliver(page, ["a", "b"], judged(a="accepted", z="accepted"))
    assert (result["done"], result["refused"], result["then"]) == (["a"], [], "later")


@pytest.mark.parametrize(("status", "code"), [(422, "invalid_request"), (409, "response_conflict")])
async def test_a_rejection_for_good_is_set_aside(page: Page, status: int, code: str) -> None:
    result = await deliver(page, ["a", "b"], judged(a={"status": status, "code": code}, b="accepted"))
    assert [(one["item"]["id"], one["problem"]) for one in result["refused"]] == [("a", code)]
    assert (result["done"], result["then"]) == (["b"], "fine")


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "unavailable"), (429, "too_many_requests"), (500, "internal_error"), (409, "conflict")],
)
async def test_a_rejection_for_now_waits(page: Page, status: int, code: str) -> None:
    result = await deliver(page, ["a", "b"], judged(a={"status": status, "code": code}, b="accepted"))
    assert (result["done"], result["refused"], result["then"]) == (["b"], [], "later")


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "device_revoked")])
async def test_a_refused_device_stops_and_sets_nothing_aside(page: Page, status: int, code: str) -> None:
    result = await deliver(page, ["a", "b"], {"status": status, "code": code})
    assert (result["then"], result["problem"], result["refused"]) == ("stop", code, [])


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 0, "code": "network"},
        {"status": 429, "code": "too_many_requests"},
        {"status": 502},
        {"status": 503, "code": "unavailable"},
        {"status": 404},
        {"status": 401},  # somebody else's door, not ours
        {"status": 403},
        {"status": 400},
        {"status": 422},
        {"status": 200, "body": {"hello": "hotel guest"}},
        {"status": 200, "body": {"items": []}},
    ],
)
async def test_anything_else_waits_and_loses_nothing(page: Page, answer: dict[str, object]) -> None:
    result = await deliver(page, ["a"], answer)
    assert (result["done"], result["refused"], result["then"]) == ([], [], "later")


async def test_a_refused_batch_is_halved_until_the_poisoned_one_stands_alone(page: Page) -> None:
    no = {"status": 400, "code": "bad_request"}
    result = await deliver(
        page,
        list("abcde"),
        no,
        no,
        judged(a="accepted", b="accepted"),
        no,
        judged(d="accepted", e="accepted"),
    )
    assert result["sizes"] == [5, 3, 2, 1, 2]
    assert [one["item"]["id"] for one in result["refused"]] == ["c"]
    assert (result["done"], result["then"]) == (list("abde"), "fine")


async def test_halving_ends_when_the_network_does(page: Page) -> None:
    no = {"status": 413}
    result = await deliver(page, list("abcd"), no, judged(a="accepted", b="accepted"), {"status": 0})
    assert (result["done"], result["refused"], result["then"]) == (list("ab"), [], "later")
