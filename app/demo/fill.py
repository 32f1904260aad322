"""`sipas demo`: tells the story through the same doors real life uses.

Visits are registered by the visits service, tablets are paired with codes, every answer goes through the
batch writer with a signed link or as a known device. Only the clock is the story's: each answer is judged at
the moment at which it would have come in.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.auth.subjects import Subject
from app.core.clock import day_bounds, local_day, utc_now
from app.core.database import Database
from app.core.errors import Problem
from app.core.problems import LinkExpired
from app.core.settings import Settings
from app.core.tokens import derive_key
from app.demo import ground, lines, strangers
from app.demo.days import Answer, unit_day, unit_of
from app.demo.lines import Viewer
from app.demo.opinions import Form, form
from app.demo.province import Place, Province, Story, province
from app.devices import codes
from app.devices import service as devices
from app.devices.known import DeviceTokens, KnownDevice
from app.devices.schemas import DeviceIn
from app.questionnaires.catalogue import load_shipped
from app.questionnaires.published import PublishedQuestionnaires
from app.responses.intake import Intake
from app.responses.schemas import ResponseIn
from app.responses.service import Door
from app.rollups import jobs as rollups
from app.visits import service as desks
from app.visits.jobs import settle_answered
from app.visits.links import LinkCodes

DAYS = 90
AT_ONCE = 1000
UNIT_DAYS_AT_ONCE = 2000

Refused = ground.Refused
Tablets = Mapping[tuple[str, int], KnownDevice]
"""Paired tablets by unit code and number."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was told; `lines` is for the terminal."""

    visits: int
    responses: int
    viewer: Viewer
    open_link: str
    lines: list[str]


def story_until_yesterday(settings: Settings) -> Story:
    """The last 90 local days that are over."""
    last = local_day(utc_now(), settings.zone) - timedelta(days=1)
    return Story(last - timedelta(days=DAYS - 1), last)


class _Served(NamedTuple):
    """A day whose visits are registered: the answers to come, and the links by dossier."""

    answers: list[tuple[Place, Answer]]
    links: dict[str, str]


async def fill(
    database: Database,
    settings: Settings,
    progress: Callable[[int, int], None],
    story: Story | None = None,
) -> Filled:
    """Fill a new database, or finish an interrupted demonstration. Refused where there is anything else."""
    async with ground.alone(database):
        story = await ground.begin(database, story or story_until_yesterday(settings), settings.zone)
        told = province(story)
        async with database.transaction() as session:
            partner = await ground.settle_in(session, told)
        questionnaires = PublishedQuestionnaires(database)
        tablets = await _pair(
            database, questionnaires, partner, told, day_bounds(story.first, settings.zone)[0], settings.zone
        )
        links = LinkCodes(derive_key(settings.secret, "link-codes"))
        async with Intake(database.url, queue_size=AT_ONCE) as intake:
            door = Door(questionnaires, links, intake, settings.zone, database)
            forms = {one.code: form(one) for one in load_shipped()}
            teller = _Teller(database, settings, story, told.places, partner, door, tablets, forms)
            await teller.tell(progress)
        await settle_answered(database)
        while await rollups.refresh(database, UNIT_DAYS_AT_ONCE, questionnaires):
            pass  # until nothing is marked; a job runner that serves this database may take a share
        async with database.transaction() as session:
            viewer = await ground.complete(session)
    visits, responses, link = teller.visits, teller.responses, teller.open_link
    said = lines.closing(settings.public_url, story, visits, responses, viewer, link)
    return Filled(visits, responses, viewer, link, said)


async def _pair(
    database: Database,
    questionnaires: PublishedQuestionnaires,
    partner: Subject,
    told: Province,
    now: datetime,
    zone: ZoneInfo,
) -> Tablets:
    """Set up and pair every tablet; those of an interrupted demonstration are paired anew."""
    tokens: dict[tuple[str, int], str] = {}
    async with database.transaction() as session:
        there = await ground.devices_there(session)
        for place in told.places:
            for number in range(place.tablets):
                name = f"Quầy {number + 1}"
                if (place.code, name) in there:
                    _, code = await devices.renew_code(session, partner, there[place.code, name], now, zone)
                else:
                    sent = DeviceIn(unit_code=place.code, name=name)
                    _, code, _ = await devices.create(session, partner, questionnaires, sent, now, zone)
                paired = await codes.pair(session, code.digits, strangers.TABLET, now, zone)
                if isinstance(paired, Problem):
                    raise paired
                tokens[place.code, number] = paired[1]
    known = DeviceTokens(database)
    return {key: await known.find(token) for key, token in tokens.items()}


@dataclass(slots=True)
class _Teller:
    """Tells day after day, and keeps count."""

    database: Database
    settings: Settings
    story: Story
    places: Sequence[Place]
    partner: Subject
    door: Door
    tablets: Tablets
    forms: Mapping[str, Form]
    visits: int = 0
    responses: int = 0
    open_links: dict[str, str] = field(default_factory=dict)
    """By unit, the newest link nobody has answered."""

    async def tell(self, progress: Callable[[int, int], None]) -> None:
        """The whole story; progress is said in days."""
        length = (self.story.last - self.story.first).days + 1
        progress(0, length)
        day = await self._serve(self.story.first)
        for number in range(1, length):
            # the desks of the next day open while this day's answers come in
            following = self.story.first + timedelta(days=number)
            day, _ = await asyncio.gather(self._serve(following), self._hear(day))
            progress(number, length)
        await self._hear(day)
        progress(length, length)

    async def _serve(self, day: date) -> _Served:
        """Register a day's visits, as partner systems would."""
        zone = self.settings.zone
        happened = [(place, unit_day(place, day, self.story, self.forms, zone)) for place in self.places]
        sent = [visit for _, made in happened for visit in made.visits]
        links: dict[str, str] = {}
        for start in range(0, len(sent), AT_ONCE):
            call = sent[start : start + AT_ONCE]
            async with self.database.transaction() as session:
                outcomes = await desks.register(
                    session, self.partner, call, zone, self.settings.link_days, utc_now()
                )
            for outcome in outcomes:
                if outcome.visit is None or outcome.dossier_code is None:
                    raise outcome.problem or RuntimeError("a visit was neither stored nor refused")
                links[outcome.dossier_code] = self.door.links.mint(outcome.visit.unit_id, outcome.visit.id)
        self.visits += len(sent)
        return _Served([(place, answer) for place, made in happened for answer in made.answers], links)

    async def _hear(self, day: _Served) -> None:
        """Send in what was answered about a day's visits and at its tablets."""
        for start in range(0, len(day.answers), AT_ONCE):
            chunk = day.answers[start : start + AT_ONCE]
            heard = await asyncio.gather(*(self._answer(place, answer, day.links) for place, answer in chunk))
            self.responses += sum(heard)
        answered = {answer.dossier for _, answer in day.answers}
        self.open_links.update(
            (unit_of(dossier), link) for dossier, link in day.links.items() if dossier not in answered
        )

    @property
    def open_link(self) -> str:
        """A link nobody has answered yet: the newest of the first unit that has one."""
        return next((self.open_links[one.code] for one in self.places if one.code in self.open_links), "")

    async def _answer(self, place: Place, answer: Answer, links: Mapping[str, str]) -> bool:
        """Whether it was taken."""
        device, body = None, answer.body
        if answer.dossier is not None:
            body = {**body, "link": links[answer.dossier]}
        elif answer.tablet is not None:
            device = self.tablets[place.code, answer.tablet]
        try:
            await self.door.take(ResponseIn.model_validate(body), device, answer.received_at)
        except LinkExpired:
            return False  # this deployment's links end before the latecomers answer
        return True
