"""From the door to the batch writer: which source a response has, and its verdict afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit
from app.auth.reach import find_unit
from app.auth.subjects import Subject
from app.core import metrics
from app.core.database import Database
from app.core.errors import Problem, faults_of
from app.core.faults import Fault
from app.core.problems import InvalidRequest, LinkUnknown, ResponseUnknown, Unauthorized, Unavailable
from app.devices.known import KnownDevice
from app.models.response import Response
from app.questionnaires.published import PublishedQuestionnaires
from app.responses import moved, queries
from app.responses.intake import Intake, Outcome, Stored
from app.responses.schemas import ResponseIn
from app.responses.submission import Said, Source, Submission, prepare
from app.rollups import stale
from app.samples import intake as samples
from app.visits.links import LinkCodes


@dataclass(frozen=True, slots=True)
class Door:
    """What stands between a request and the batch writer."""

    questionnaires: PublishedQuestionnaires
    links: LinkCodes
    intake: Intake
    zone: ZoneInfo
    database: Database

    async def take(self, sent: ResponseIn, device: KnownDevice | None, received_at: datetime) -> Stored:
        """Check one response and store it; raises the problem when it is refused."""
        try:
            stored = await self._take(sent, device, received_at)
        except Problem as problem:
            metrics.response_refused(problem.code)
            raise
        metrics.response_acknowledged(replayed=stored.replayed)
        return stored

    async def _take(self, sent: ResponseIn, device: KnownDevice | None, received_at: datetime) -> Stored:
        submission = await self._prepare(sent, device, received_at)
        if device is not None and moved.is_near(submission):
            (submission,) = await moved.settle(self.database, device, [submission])
        try:
            return await self.intake.submit(submission)
        except LinkUnknown:
            # of our making, and no visit's: a sample's, then
            return await self._take_for_sample(submission)

    async def _take_for_sample(self, submission: Submission) -> Stored:
        if submission.visit_id is None:
            raise LinkUnknown
        given = samples.Given(
            submission.unit_id,
            submission.visit_id,
            submission.id,
            submission.questionnaire_id,
            submission.answers,
            submission.comment,
            submission.respondent,
            submission.language,
            submission.complete,
            submission.received_at,
            submission.content_digest,
        )
        before = await samples.take(self.database, given)
        return Stored(before or submission.received_at, replayed=before is not None)

    async def take_batch(
        self, sent: Sequence[object], device: KnownDevice, received_at: datetime
    ) -> list[Outcome]:
        """Check and store many, each on its own; problems stand in their places. Unavailable if all are."""
        outcomes: list[Outcome | None] = []
        prepared: dict[int, Submission] = {}
        for place, raw in enumerate(sent):
            outcomes.append(None)
            try:
                prepared[place] = await self._prepare(_shaped(raw), device, received_at)
            except Problem as problem:
                outcomes[place] = problem
        if near := {place: row for place, row in prepared.items() if moved.is_near(row)}:
            settled = await moved.settle(self.database, device, list(near.values()))
            prepared.update(zip(near, settled, strict=True))
        entered = []
        for place, submission in prepared.items():
            try:
                entered.append((place, submission, self.intake.enter(submission)))
            except Problem as problem:
                outcomes[place] = problem
        for place, submission, answer in entered:
            outcome = await answer
            if isinstance(outcome, LinkUnknown):
                try:
                    outcome = await self._take_for_sample(submission)
                except Problem as problem:
                    outcome = problem
            outcomes[place] = outcome
        told = [outcome for outcome in outcomes if outcome is not None]
        for outcome in told:
            if isinstance(outcome, Problem):
                metrics.response_refused(outcome.code)
            else:
                metrics.response_acknowledged(replayed=outcome.replayed)
        if told and all(isinstance(outcome, Unavailable) for outcome in told):
            raise Unavailable  # one answer that every client and every proxy understands
        return told

    async def _prepare(
        self, sent: ResponseIn, device: KnownDevice | None, received_at: datetime
    ) -> Submission:
        source = self._source(sent.link, device)
        asked = sent.questionnaire
        published = await self.questionnaires.get(asked.code, asked.version)
        if published is None:
            raise InvalidRequest(faults=[Fault("/questionnaire", "questionnaire_unknown")])
        said = Said(
            sent.id,
            sent.answers,
            sent.comment,
            sent.respondent,
            sent.language,
            sent.started_at,
            sent.submitted_at,
            sent.sent_at,
            sent.complete,
        )
        prepared = prepare(said, published.id, published.layout, source, received_at, self.zone)
        if isinstance(prepared, list):
            raise InvalidRequest(faults=prepared)
        return prepared

    def _source(self, link: str | None, device: KnownDevice | None) -> Source:
        if link is not None:
            visit = self.links.read(link)  # a wrong code ends here, without asking the database
            if visit is None:
                raise LinkUnknown
            return Source(unit_id=visit[0], visit_id=visit[1])
        if device is None:
            raise Unauthorized
        return Source(device.unit_id, device.id, None, device.moved_at, device.closed_after)


def _shaped(raw: object) -> ResponseIn:
    try:
        return ResponseIn.model_validate(raw)
    except ValidationError as error:
        raise InvalidRequest(faults=faults_of(error)) from error


async def judge(
    session: AsyncSession, subject: Subject, unit_code: str, ref: str, verdict: str, reason: str
) -> Response:
    """Give a response its verdict, mark its unit-day stale, put it on record; repeating changes nothing."""
    unit = await find_unit(session, subject, unit_code, "/unit_code")
    response = await queries.by_digest(session, unit.id, bytes.fromhex(ref))
    if response is None:
        raise ResponseUnknown
    before = response.verdict
    if before != verdict:
        response.verdict = verdict
        response.verdict_reason = None if verdict == "counted" else reason
        await stale.mark(session, [(response.unit_id, response.local_day)])
        audit.record(
            session,
            subject.actor,
            "response.verdict",
            f"response:{unit_code}/{ref}",
            [unit.id],
            before=before,
            after=verdict,
            reason=reason,
        )
    return response
