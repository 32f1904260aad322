"""A unit's day: who comes and when, who answers, and what goes wrong with tablets. Pure.

The rhythm: Mondays and Fridays are busiest, Saturday is a quiet morning, Sundays and public holidays are
closed; people come around nine and around a quarter to three. One day of one unit follows from the seed, the
unit and the day alone.

What is made here is what would come over the wire: visits as a partner system sends them, answers as bodies
of `POST /api/v1/responses`, each with the moment at which the service would have received it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.clock import day_bounds
from app.demo import opinions
from app.demo.opinions import Form
from app.demo.province import Place, Story, dice

_WEEK = (1.27, 0.95, 0.9, 0.92, 1.16, 0.17, 0.0)  # Monday to Sunday; the weekdays' mean is about 1
_HOLIDAYS = frozenset({(1, 1), (4, 30), (5, 1), (9, 2)})
_TET = (  # in Hanoi: in 2030 a day before the Chinese new year
    date(2026, 2, 17),
    date(2027, 2, 6),
    date(2028, 1, 26),
    date(2029, 2, 13),
    date(2030, 2, 2),
    date(2031, 1, 23),
    date(2032, 2, 11),
    date(2033, 1, 31),
    date(2034, 2, 19),
    date(2035, 2, 8),
)
_TET_BREAK = range(-1, 5)
_MORNING = (7.5, 11.4, 8.9)  # from, to, peak, in hours
_AFTERNOON = (13.5, 17.0, 14.7)
SATURDAY = 5

# Tablets that lie in a drawer, lose the network until evening, or tell the wrong time: a share of days each.
_FORGOTTEN, _OFFLINE, _WRONG_CLOCK = 0.004, 0.05, 0.006
_FORGOTTEN_DAYS = range(32, 45)  # beyond the 30 days after which an answer is late
_LATEST = 20  # days after the visit on which somebody still uses the link
_CLOCK_AHEAD = timedelta(hours=7)  # local time taken for UTC


class Answer(NamedTuple):
    """A body to send and when it arrives. Through the link of `dossier`, which fill adds, or at a tablet."""

    body: dict[str, object]
    received_at: datetime
    dossier: str | None
    tablet: int | None


@dataclass(frozen=True, slots=True)
class UnitDay:
    """What happened at one unit on one day. Answers that come after the story's end are not in it."""

    visits: list[dict[str, object]]
    answers: list[Answer]


def busyness(day: date) -> float:
    """How busy a local day is beside an average weekday; 0 when the desks are closed."""
    closed = (day.month, day.day) in _HOLIDAYS or any((day - tet).days in _TET_BREAK for tet in _TET)
    return 0.0 if closed else _WEEK[day.weekday()]


def unit_of(dossier: str) -> str:
    """The unit's code in the code of one of its dossiers, as `unit_day` writes it."""
    return dossier.rsplit("-", 2)[0]


def unit_day(place: Place, day: date, story: Story, forms: Mapping[str, Form], zone: ZoneInfo) -> UnitDay:
    """One day of one unit."""
    rng = dice(story, place.code, str(day))
    expected = place.visits_a_day * busyness(day)
    count = max(0, round(rng.gauss(expected, math.sqrt(expected))))
    until = day_bounds(story.last, zone)[1]
    tablet = _Tablet(rng, day, zone)
    stem, served_on = f"{place.code}-{day:%y%m%d}", day.isoformat()
    midnight = datetime.combine(day, time(), tzinfo=zone)
    visits: list[dict[str, object]] = []
    answers: list[Answer] = []
    for number, moment in enumerate(sorted(_moment(rng, midnight) for _ in range(count)), 1):
        dossier = f"{stem}-{number:04d}"
        visits.append(_visit(rng, place, dossier, served_on))
        answer = None
        if rng.random() < place.link_share:
            answer = _by_link(rng, place, dossier, moment, forms)
        elif place.tablets and rng.random() < place.tablet_share:
            answer = _by_tablet(rng, place, tablet, moment, forms)
        if answer is not None and answer.received_at < until:
            answers.append(answer)
    return UnitDay(visits, answers)


def _moment(rng: Random, midnight: datetime) -> datetime:
    morning = midnight.weekday() == SATURDAY or rng.random() < 0.58
    return midnight + timedelta(hours=rng.triangular(*(_MORNING if morning else _AFTERNOON)))


def _visit(rng: Random, place: Place, dossier: str, served_on: str) -> dict[str, object]:
    visit: dict[str, object] = {
        "dossier_code": dossier,
        "unit_code": place.code,
        "served_on": served_on,
        "counter": str(1 + int(rng.random() * place.counters)),
        "questionnaire": place.questionnaire,
    }
    procedure = rng.choices(place.procedures, cum_weights=place.demand)[0]
    if procedure is not None:
        visit["procedure_code"] = procedure
    return visit


def _by_link(rng: Random, place: Place, dossier: str, served: datetime, forms: Mapping[str, Form]) -> Answer:
    """Most on the way home, some in the evening, some days later."""
    draw = rng.random()
    if draw < 0.55:
        said = served + timedelta(minutes=rng.triangular(3, 240, 15))
    elif draw < 0.8:
        said = _at(served, 0, rng.triangular(18.5, 22.5, 20))
    else:
        said = _at(served, min(1 + int(rng.expovariate(0.4)), _LATEST), rng.triangular(7, 22, 19.5))
    asked = forms[place.questionnaire]
    body = _body(rng, asked, place, place.liking - opinions.LINK_CANDOUR, said, remarks=0.06, tells=0.4)
    body["sent_at"] = body["submitted_at"]
    return Answer(body, said + _journey(rng), dossier, None)


class _Tablet:
    """How a unit's tablets fare on one day."""

    def __init__(self, rng: Random, day: date, zone: ZoneInfo) -> None:
        luck = rng.random()
        evening = datetime.combine(day, time(17, 20), tzinfo=zone)
        self.ahead = luck >= 1 - _WRONG_CLOCK
        self.sends_at: datetime | None = None
        if luck < _FORGOTTEN:
            self.sends_at = _at(evening, rng.choice(_FORGOTTEN_DAYS), 8.25)
        elif luck < _FORGOTTEN + _OFFLINE:
            self.sends_at = evening


def _by_tablet(
    rng: Random, place: Place, tablet: _Tablet, served: datetime, forms: Mapping[str, Form]
) -> Answer:
    said = served + timedelta(minutes=rng.uniform(1, 6))
    sent = max(said, tablet.sends_at or said)
    # a clock that is set right between answering and sending leaves an answer from the future
    shown = said + _CLOCK_AHEAD if tablet.ahead else said
    body = _body(rng, forms["quick-5"], place, place.liking, shown, remarks=0.02, tells=0.08)
    body["sent_at"] = sent.isoformat()
    return Answer(body, sent + _journey(rng), None, rng.randrange(place.tablets))


def _body(
    rng: Random, asked: Form, place: Place, liking: float, said: datetime, *, remarks: float, tells: float
) -> dict[str, object]:
    given = opinions.answers(rng, asked, liking, place.leanings)
    body: dict[str, object] = {
        "id": str(_uuid7(rng, said)),
        "questionnaire": {"code": asked.code, "version": asked.version},
        "answers": given,
        "language": "vi" if rng.random() < 0.99 else "en",
        "started_at": (said - timedelta(seconds=rng.uniform(2, 6) * (3 + len(asked.questions)))).isoformat(),
        "submitted_at": said.isoformat(),
    }
    if (remark := opinions.comment(rng, given, remarks)) is not None:
        body["comment"] = remark
    if (told := opinions.respondent(rng, asked, tells)) is not None:
        body["respondent"] = told
    return body


def _at(day: datetime, later: int, hour: float) -> datetime:
    return datetime.combine(day.date() + timedelta(days=later), time(), day.tzinfo) + timedelta(hours=hour)


def _journey(rng: Random) -> timedelta:
    return timedelta(milliseconds=rng.randint(80, 900))


def _uuid7(rng: Random, moment: datetime) -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    milliseconds = int(moment.timestamp() * 1000)
    number = milliseconds << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62)
    return UUID(int=number)
