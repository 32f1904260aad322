"""From a plain form to a response, and from faults back to the questions they belong to.

A form speaks in texts; it is turned into what an app would send (`ResponseIn`) and goes through the same
door. So there is one set of rules, and a page can neither know more nor allow more than the API does.

Without a script the browser knows no time. The form carries when the page was opened, by our own clock, and
that stands for the time of sending too: pressing twice then sends the same content, and the second is
answered as a repetition. How long it took stays unknown rather than wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from secrets import randbits
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.core.errors import faults_of
from app.core.faults import Fault
from app.core.problems import BadRequest, InvalidRequest
from app.core.schema import Instant
from app.questionnaires.definition import Definition
from app.responses.schemas import ResponseIn

MAX_FIELDS = 500
QUESTIONS_A_MINUTE = 7
_INSTANT = TypeAdapter[datetime](Instant)
ANSWERS: Mapping[str, int | None] = {**{str(value): value for value in range(1, 6)}, "none": None}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as far as it is filled in. An answer that is no answer stays the text it was."""

    id: str
    opened_at: str
    language: str | None
    answers: Mapping[str, int | str | None]
    comment: str
    respondent: Mapping[str, str]

    @classmethod
    def blank(cls, now: datetime) -> "Filled":
        """A form nobody has touched, with an id of its own."""
        return cls(str(uuid7(now)), now.isoformat(timespec="milliseconds"), None, {}, "", {})

    @classmethod
    def read(cls, body: bytes) -> "Filled":
        """What a browser posted; BadRequest if that is no form."""
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError as error:
            raise BadRequest from error
        fields = dict(pairs)
        return cls(
            fields.get("id", ""),
            fields.get("opened_at", ""),
            fields.get("language") or None,
            {name: ANSWERS.get(text, text) for name, text in _under("a.", pairs)},
            fields.get("comment", "").replace("\r\n", "\n").strip(),
            {name: text for name, text in _under("r.", pairs) if text},
        )

    def response(self, link: str, definition: Definition) -> ResponseIn:
        """What an app would have sent; InvalidRequest with every fault of the shape."""
        try:
            return ResponseIn.model_validate(
                {
                    "id": self.id,
                    "link": link,
                    "questionnaire": {"code": definition.code, "version": definition.version},
                    "answers": dict(self.answers),
                    "comment": self.comment or None,
                    "respondent": dict(self.respondent) or None,
                    "language": self.language,
                    "submitted_at": self.opened_at,
                    "sent_at": self.opened_at,
                }
            )
        except ValidationError as error:
            raise InvalidRequest(faults=faults_of(error)) from error

    def again(self, now: datetime) -> "Filled":
        """The form to hand back with its faults: the same, or with a good id where the sent one was none."""
        if _is_id(self.id) and _is_instant(self.opened_at):
            return self
        fresh = Filled.blank(
            now
        )  # something on the way changed the hidden fields: what was said still counts
        return replace(self, id=fresh.id, opened_at=fresh.opened_at)


def places(faults: Sequence[Fault], definition: Definition) -> frozenset[str]:
    """Where on the page faults are shown: a criterion's code, `empty`, `comment` or `other`."""
    codes = {criterion.code for criterion in definition.criteria}
    found = set()
    for fault in faults:
        room, _, name = fault.pointer.removeprefix("/").partition("/")
        if fault.code == "no_answer":
            found.add("empty")
        elif room == "answers" and name in codes:
            found.add(name)
        else:
            found.add("comment" if room == "comment" else "other")
    if found & codes:
        found.discard("empty")  # each question that lacks an answer is named already
    return frozenset(found)


def shown(filled: Filled, definition: Definition) -> dict[str, object]:
    """What the template needs besides the definition itself."""
    codes = [criterion.code for criterion in definition.criteria]
    return {
        "definition": definition,
        "filled": filled,
        "numbers": {code: number for number, code in enumerate(codes, 1)},
        "done": sum(code in filled.answers for code in codes),
        "minutes": ceil(len(codes) / QUESTIONS_A_MINUTE),
    }


def uuid7(now: datetime) -> UUID:
    """An id in order of time (RFC 9562): 48 bits of milliseconds, the rest random."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | randbits(12) << 64 | 0b10 << 62 | randbits(62))


def _under(prefix: str, pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name.removeprefix(prefix), text) for name, text in pairs if name.startswith(prefix))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _is_instant(text: str) -> bool:
    try:
        _INSTANT.validate_python(text)
    except ValidationError:
        return False
    return True
