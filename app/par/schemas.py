"""What comes in and goes out about score sheets."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from app.core.schema import In, NewCode, Out, Title
from app.models.par import SheetState
from app.models.unit import Unit
from app.par.parts import Points, UnitNamed, WordsIn, WordsOut, band_of, difference, maybe, said
from app.par.queries import Stored
from app.par.scores import MAX_DOMAINS, Score, Scored, plain, totals
from app.par.templates import OWN, Template, Words


class ScoreIn(In):
    """A domain's scores: appraised and survey score, or their sum as `points` where only that is known."""

    code: NewCode
    title: Annotated[WordsIn | None, Field(description=f"Only with the template `{OWN}`.")] = None
    max_points: Annotated[Points | None, Field(description="Default: the template's.")] = None
    self_score: Points | None = None
    appraised_score: Points | None = None
    survey_score: Points | None = None
    points: Points | None = None

    def score(self) -> Score:
        """The same for the pure check."""
        return Score(
            self.code,
            self.self_score,
            self.appraised_score,
            self.survey_score,
            self.points,
            self.max_points,
            None if self.title is None else Words(self.title.vi, self.title.en),
        )


class SheetIn(In):
    """A score sheet as it shall stand."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "template": "provinces-2020",
                "domains": [
                    {"code": "1", "self_score": "8.25", "appraised_score": "6.92", "survey_score": "1"},
                    {"code": "2", "points": "8.98"},
                ],
                "published_total": "85.58",
                "source": "Báo Bắc Giang, 25/06/2021",
            }
        }
    )

    template: Annotated[NewCode, Field(description=f"A template's code, or `{OWN}`: the sheet names all.")]
    domains: Annotated[list[ScoreIn], Field(max_length=MAX_DOMAINS)]
    published_total: Points | None = None
    source: Title | None = None
    final: Annotated[bool, Field(description="A final sheet has points in every domain and stays.")] = False
    reason: Annotated[Title | None, Field(description="Why a final sheet is revised.")] = None


class DomainOut(Out):
    """A domain of a template."""

    code: str
    title: WordsOut
    max_points: str


class BandOut(Out):
    """A band of totals: its name and the lowest total in it, of 100 points."""

    code: str
    lowest: str


class TemplateOut(Out):
    """The domains of a kind of sheet, in order."""

    code: str
    title: WordsOut
    source: str
    domains: list[DomainOut]
    bands: list[BandOut]

    @classmethod
    def of(cls, template: Template) -> Self:
        """As it is shown."""
        return cls(
            code=template.code,
            title=said(template.title),
            source=template.source,
            domains=[
                DomainOut(code=one.code, title=said(one.title), max_points=str(plain(one.max_points)))
                for one in template.domains
            ],
            bands=[BandOut(code=code, lowest=str(edge)) for code, edge in template.bands.lower_edges.items()],
        )


class Templates(Out):
    """All there are."""

    items: list[TemplateOut]


class ScoredOut(DomainOut):
    """A domain with its scores; null where nothing is known."""

    self_score: str | None
    appraised_score: str | None
    survey_score: str | None
    points: str | None

    @classmethod
    def of(cls, one: Scored) -> Self:
        """As it is shown."""
        return cls(
            code=one.domain.code,
            title=said(one.domain.title),
            max_points=str(plain(one.domain.max_points)),
            self_score=maybe(one.self_score),
            appraised_score=maybe(one.appraised_score),
            survey_score=maybe(one.survey_score),
            points=maybe(one.points),
        )


class TotalsOut(Out):
    """Exact sums over the domains; null while one of them has nothing to add."""

    max_points: str
    self_score: str | None
    appraised_score: str | None
    survey_score: str | None
    points: str | None


class SheetOut(Out):
    """A score sheet; `difference` is the sum of its points less the published total."""

    unit: UnitNamed
    year: int
    revision: int
    state: SheetState
    template: str
    domains: list[ScoredOut]
    totals: TotalsOut
    published_total: str | None
    difference: str | None
    band: str | None
    source: str | None
    reason: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, unit: Unit, stored: Stored) -> Self:
        """As it is shown."""
        sheet, sums = stored.sheet, totals(stored.scores)
        return cls.model_validate(
            {
                "unit": UnitNamed(code=unit.code, name=unit.name),
                "year": sheet.year,
                "revision": sheet.revision,
                "state": sheet.state,
                "template": sheet.template,
                "domains": [ScoredOut.of(one) for one in stored.scores],
                "totals": TotalsOut(
                    max_points=str(plain(sums.max_points)),
                    self_score=maybe(sums.self_score),
                    appraised_score=maybe(sums.appraised_score),
                    survey_score=maybe(sums.survey_score),
                    points=maybe(sums.points),
                ),
                "published_total": maybe(sheet.published_total),
                "difference": difference(sums.points, sheet.published_total),
                "band": band_of(sheet.template, sums.points),
                "source": sheet.source,
                "reason": sheet.reason,
                "recorded_at": sheet.recorded_at,
            }
        )
