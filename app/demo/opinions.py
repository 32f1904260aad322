"""What a citizen says: answers, a comment, something about themselves. Pure.

Each visitor brings a mood that colours all their answers; each answer is a point on a latent normal scale
around the unit's liking, cut into 1 to 5 so that a liking of 1.75 gives about 96 % satisfied. The numbers are
tuned to what is known of ratings at the desk (most units between 90 and 97 %), not taken from anybody's data.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from app.questionnaires.definition import Definition

NO_COMMENT_EVER_MADE = 0.85
LINK_CANDOUR = 0.3
"""At home people are franker than in front of the desk: the latent scale shifts down by this much."""

_CUTS = ((1.3, 5), (0.0, 4), (-0.75, 3), (-1.35, 2))
_MOOD, _NOISE = 0.7, 0.714  # their squares sum to 1

_PRAISE = (
    "Cán bộ hướng dẫn rất tận tình, dễ hiểu.",
    "Nhận kết quả sớm hơn giấy hẹn, cảm ơn các anh chị.",
    "Thủ tục nhanh gọn, không phải đi lại nhiều lần.",
    "Phòng chờ sạch sẽ, có nước uống và đủ chỗ ngồi.",
    "Cô ở quầy giúp tôi điền tờ khai rất nhiệt tình.",
    "Tôi không rành máy tính, được các cháu chỉ từng bước nộp trực tuyến.",
    "Thái độ niềm nở, giải thích rõ ràng.",
    "Giải quyết ngay trong buổi, rất hài lòng.",
    "Gọi số theo thứ tự, không chen lấn như trước.",
)
_WISHES = (
    "Nên có thêm ghế ngồi vào sáng thứ Hai vì rất đông.",
    "Mong có chỗ gửi xe rộng hơn.",
    "Nên niêm yết phí, lệ phí bằng chữ to hơn cho người già dễ đọc.",
    "Đề nghị bố trí thêm máy lấy số.",
    "Nếu làm việc cả chiều thứ Bảy thì tiện cho công nhân.",
    "Nên nhắn tin báo khi có kết quả.",
)
_BLAME = (
    "Chờ lâu quá, hơn một tiếng mới đến lượt.",
    "Phải bổ sung giấy tờ hai lần mới được nhận hồ sơ.",
    "Trễ hẹn ba ngày mà không ai gọi điện báo.",
    "Mạng chậm, nộp trực tuyến bị lỗi nhiều lần.",
    "Cán bộ trả lời chưa rõ, tôi phải hỏi lại nhiều lần.",
    "Hướng dẫn trên bảng khác với cán bộ nói.",
    "Buổi chiều chỉ có một quầy làm việc.",
    "Trang web yêu cầu đính kèm giấy tờ mà xã đã có sẵn.",
)


class Question(NamedTuple):
    """What matters of a criterion here."""

    code: str
    component: str
    required: bool


class Form(NamedTuple):
    """What matters of a questionnaire here; `respondent` maps a field to its options."""

    code: str
    version: int
    questions: Sequence[Question]
    respondent: Mapping[str, Sequence[str]]


def form(definition: Definition) -> Form:
    """A questionnaire as a citizen of the story sees it."""
    return Form(
        definition.code,
        definition.version,
        [Question(one.code, one.component, one.required) for one in definition.criteria],
        {field.code: [option.code for option in field.options] for field in definition.respondent_fields},
    )


def answers(rng: Random, asked: Form, liking: float, leanings: Mapping[str, float]) -> dict[str, int | None]:
    """Criterion code -> 1..5 or None ("not applicable"); at least one is answered."""
    base = liking + _MOOD * rng.gauss(0, 1)
    commented = rng.random() >= NO_COMMENT_EVER_MADE
    given: dict[str, int | None] = {}
    for question in asked.questions:
        if question.component == "complaints":
            skipped = not commented
        else:
            skipped = rng.random() < (0.006 if question.required else 0.12)
        given[question.code] = None if skipped else _score(base + leanings[question.component], rng)
    if all(value is None for value in given.values()):
        given[asked.questions[0].code] = _score(base, rng)
    return given


def comment(rng: Random, given: Mapping[str, int | None], share: float) -> str | None:
    """A remark that fits the answers, from this share of people; the displeased write thrice as often."""
    lowest = min(value for value in given.values() if value is not None)
    if rng.random() >= (share * 3 if lowest < 3 else share):
        return None
    if lowest < 3:
        return rng.choice(_BLAME)
    return rng.choice(_PRAISE if rng.random() < 0.7 else _WISHES)


def respondent(rng: Random, asked: Form, share: float) -> dict[str, str] | None:
    """What some people tell of themselves: mostly gender and age, seldom more."""
    if rng.random() >= share:
        return None
    told = {
        field: rng.choice(options)
        for field, options in asked.respondent.items()
        if field in {"gender", "age_band"} or rng.random() < 0.25
    }
    if told.get("gender") == "other" and rng.random() < 0.95:  # of three options, one is rare
        told["gender"] = rng.choice(("female", "male"))
    return told or None


def _score(latent: float, rng: Random) -> int:
    point = latent + _NOISE * rng.gauss(0, 1)
    return next((score for cut, score in _CUTS if point > cut), 1)
