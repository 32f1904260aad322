"""What a questionnaire is: its shape, its checks, its fingerprint, and its compiled layout.

Pure. A definition is data, because the ministry changes its method every few years and the versions
are not one series: components and criteria are named here, never in the code that counts.

Two kinds of fault are kept apart. The shape (a missing field, a number where a text should be) is
Pydantic's to refuse. Everything one must read the whole definition for is `check`'s, which reports all
faults at once. Nothing here knows a status: drafts and publications are the database's business.

A published version never changes; `digest` over `canonical_json` is how anybody can prove it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt

from app.core.faults import Fault, pointer
from app.core.text import clean, first_hidden

Formula = Literal["pooled", "mean_of_criteria"]

MAX_FAULTS = 50  # a hostile body must not buy a larger answer; nobody mends more than this in one go
MAX_CRITERIA = 60
MAX_COMPONENTS = 20
MAX_OPTIONS = 40
MAX_TITLE = 200
MAX_TEXT = 500

# A code's form and an example of it: people learn more from the example.
_QUESTIONNAIRE_CODE = (re.compile(r"[a-z0-9][a-z0-9-]{0,39}"), "quick-5")
_COMPONENT_CODE = (re.compile(r"[a-z][a-z0-9_]{0,39}"), "access")
_CRITERION_CODE = (re.compile(r"[A-Z][0-9]{1,2}"), "A1")
_OPTION_CODE = (re.compile(r"[a-z0-9][a-z0-9_+-]{0,39}"), "25-34")

# What may be asked about a person at all. Where the API fixes the values they are named here, too: a
# finer age band plus a small commune would point at somebody. None: the questionnaire names them.
RESPONDENT_FIELDS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "gender": frozenset({"female", "male", "other"}),
        "age_band": frozenset({"under-18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"}),
        "education": None,
        "occupation": None,
        "ethnicity_group": None,
    }
)

# Stored as `clean` leaves it, so that one wording has one spelling and one digest.
_Text = Annotated[str, AfterValidator(clean)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Part):
    """One text for people, in Vietnamese and English."""

    vi: _Text
    en: _Text


class Component(_Part):
    """A group of criteria with a percentage of its own."""

    code: str
    title: Bilingual


class Criterion(_Part):
    """One question on the 1 to 5 scale.

    `required`: the question must have been put, so its code must be among the answers, if only with
    null ("not applicable"). It never forces an opinion out of anybody.
    """

    code: str
    component: str
    text: Bilingual
    required: StrictBool = False


class Option(_Part):
    """One coded answer about the respondent."""

    code: str
    title: Bilingual


class RespondentField(_Part):
    """One thing a respondent may tell of themselves, never must; coded values only."""

    code: str
    title: Bilingual
    options: tuple[Option, ...]


class Definition(_Part):
    """A whole questionnaire version. Well shaped is not yet sound: see `check`."""

    code: str
    version: Annotated[StrictInt, Field(ge=1, le=9999)]
    title: Bilingual
    formula: Formula = "pooled"
    components: tuple[Component, ...]
    criteria: tuple[Criterion, ...]
    respondent_fields: tuple[RespondentField, ...] = ()


def canonical_json(definition: Definition) -> bytes:
    """The one spelling of a sound definition: UTF-8, sorted keys, no spaces, defaults written out.

    ValueError for text that is not Unicode (half a surrogate), which `check` reports as a fault.
    """
    content = definition.model_dump(mode="json")
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(definition: Definition) -> str:
    """SHA-256 of `canonical_json`, 64 hex digits."""
    return sha256(canonical_json(definition)).hexdigest()


def check(definition: Definition) -> list[Fault]:
    """Every fault that shape alone does not show, at most MAX_FAULTS; empty means sound."""
    return list(islice(_faults(definition), MAX_FAULTS))


def _faults(definition: Definition) -> Iterator[Fault]:
    yield from _code_faults((), [definition.code], _QUESTIONNAIRE_CODE)
    yield from _text_faults(definition.title, MAX_TITLE, "title")
    yield from _component_faults(definition)
    yield from _criterion_faults(definition)
    yield from _respondent_faults(definition.respondent_fields)


def _component_faults(definition: Definition) -> Iterator[Fault]:
    components = definition.components
    yield from _count_faults(len(components), MAX_COMPONENTS, "components")
    yield from _code_faults(("components",), [component.code for component in components], _COMPONENT_CODE)
    used = {criterion.component for criterion in definition.criteria}
    for index, component in enumerate(components):
        yield from _text_faults(component.title, MAX_TITLE, "components", index, "title")
        if component.code not in used:
            yield Fault(pointer("components", index), "component_without_criteria")


def _criterion_faults(definition: Definition) -> Iterator[Fault]:
    criteria = definition.criteria
    yield from _count_faults(len(criteria), MAX_CRITERIA, "criteria")
    yield from _code_faults(("criteria",), [criterion.code for criterion in criteria], _CRITERION_CODE)
    places: dict[str, int] = {}
    for place, component in enumerate(definition.components):
        places.setdefault(component.code, place)
    reached = 0
    for index, criterion in enumerate(criteria):
        yield from _text_faults(criterion.text, MAX_TEXT, "criteria", index, "text")
        at = places.get(criterion.component)
        if at is None:
            yield Fault(pointer("criteria", index, "component"), "unknown_component")
        elif at < reached:
            yield Fault(pointer("criteria", index, "component"), "criteria_out_of_order")
        else:
            reached = at


def _respondent_faults(fields: Sequence[RespondentField]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, field in enumerate(fields):
        path = ("respondent_fields", index)
        yield from _text_faults(field.title, MAX_TITLE, *path, "title")
        if field.code not in RESPONDENT_FIELDS:
            yield Fault(pointer(*path, "code"), "not_allowed", {"allowed": ", ".join(RESPONDENT_FIELDS)})
        elif field.code in seen:
            yield Fault(pointer(*path, "code"), "duplicate_code")
        seen.add(field.code)
        yield from _count_faults(len(field.options), MAX_OPTIONS, *path, "options")
        yield from _code_faults((*path, "options"), [option.code for option in field.options], _OPTION_CODE)
        fixed = RESPONDENT_FIELDS.get(field.code)
        for at, option in enumerate(field.options):
            yield from _text_faults(option.title, MAX_TITLE, *path, "options", at, "title")
            if fixed is not None and option.code not in fixed:
                where = pointer(*path, "options", at, "code")
                yield Fault(where, "not_allowed", {"allowed": ", ".join(sorted(fixed))})


def _count_faults(count: int, most: int, *path: str | int) -> Iterator[Fault]:
    if count == 0:
        yield Fault(pointer(*path), "too_few_items", {"limit": 1})
    elif count > most:
        yield Fault(pointer(*path), "too_many_items", {"limit": most})


def _code_faults(
    path: tuple[str | int, ...], codes: Sequence[str], form: tuple[re.Pattern[str], str]
) -> Iterator[Fault]:
    """Form and uniqueness; an empty path means the questionnaire's own code, which has no list about it."""
    pattern, example = form
    times: Counter[str] = Counter()
    for index, code in enumerate(codes):
        where = pointer(*path, index, "code") if path else pointer("code")
        times[code] += 1
        if times[code] > 1:
            yield Fault(where, "duplicate_code")
        elif not pattern.fullmatch(code):
            yield Fault(where, "invalid_code", {"example": example})


def _text_faults(text: Bilingual, longest: int, *path: str | int) -> Iterator[Fault]:
    for language, words in (("vi", text.vi), ("en", text.en)):
        where = pointer(*path, language)
        if not words:  # `clean` has taken the spaces at both ends
            yield Fault(where, "blank")
        if len(words) > longest:
            yield Fault(where, "too_long", {"limit": longest})
        if first_hidden(words) is not None:
            yield Fault(where, "invalid_character")


class Slice(NamedTuple):
    """Where a component's criteria stand among all: `length` of them from position `first`."""

    code: str
    first: int
    length: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A sound definition compiled for intake and counting. Build it once with `of`, then keep it.

    codes: criteria in order, the order of the stored bytes; positions: code -> place in that order.
    required: codes that must be present; required_positions: their places, ascending.
    components: slices that follow each other and cover all positions.
    respondent: field -> the option codes it allows.
    """

    code: str
    version: int
    codes: tuple[str, ...]
    positions: Mapping[str, int]
    required: frozenset[str]
    required_positions: tuple[int, ...]
    components: tuple[Slice, ...]
    respondent: Mapping[str, frozenset[str]]

    @property
    def width(self) -> int:
        """How many bytes one response's answers take."""
        return len(self.codes)

    @classmethod
    def of(cls, definition: Definition) -> Self:
        """Compile; ValueError if the definition has faults, since slices would then lie."""
        if faults := check(definition):
            raise ValueError(f"{definition.code} {definition.version} has faults: {faults}")
        criteria = definition.criteria
        lengths = Counter(criterion.component for criterion in criteria)
        slices: list[Slice] = []
        first = 0
        for component in definition.components:
            slices.append(Slice(component.code, first, lengths[component.code]))
            first += lengths[component.code]
        return cls(
            code=definition.code,
            version=definition.version,
            codes=tuple(criterion.code for criterion in criteria),
            positions=MappingProxyType({criterion.code: at for at, criterion in enumerate(criteria)}),
            required=frozenset(criterion.code for criterion in criteria if criterion.required),
            required_positions=tuple(at for at, criterion in enumerate(criteria) if criterion.required),
            components=tuple(slices),
            respondent=MappingProxyType(
                {
                    field.code: frozenset(option.code for option in field.options)
                    for field in definition.respondent_fields
                }
            ),
        )
