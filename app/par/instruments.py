"""Other people's yearly measures that may be recorded beside ours, and what must be said with each. Pure.

Each asks other people, in another way, about other things: their figures stand beside each other and are
never one line, one sum or one rank. The notes say so wherever a figure is shown.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

from app.par.templates import Words

Code = Literal["sipas_national", "papi", "pci"]
CODES: tuple[Code, ...] = get_args(Code)
Measure = Literal["percent", "points"]


class Instrument(NamedTuple):
    """A measure: its name, what its figures are, the most they can be, and what a reader must know."""

    title: Words
    measure: Measure
    most: Decimal
    note: Words


INSTRUMENTS: Mapping[str, Instrument] = {
    "sipas_national": Instrument(
        Words("SIPAS quốc gia (Bộ Nội vụ)", "National SIPAS (Ministry of Home Affairs)"),
        "percent",
        Decimal(100),
        Words(
            "Điều tra mẫu hằng năm, hỏi người dân được chọn ngẫu nhiên; không so sánh trực tiếp với tỷ lệ "
            "hài lòng đo từng lượt, cũng không nối các năm qua lần đổi phương pháp 2020–2022.",
            "A yearly sample survey of people drawn at random: not to be compared directly with ratings of "
            "single visits, nor joined across the change of method between 2020 and 2022.",
        ),
    ),
    "papi": Instrument(
        Words("PAPI", "PAPI"),
        "points",
        Decimal(80),
        Words(
            "Chỉ số hiệu quả quản trị và hành chính công: trải nghiệm của người dân về quản trị, thang điểm "
            "riêng; là một thước đo khác.",
            "Provincial governance and public administration as citizens live it, on a scale of its own: "
            "another instrument.",
        ),
    ),
    "pci": Instrument(
        Words("PCI", "PCI"),
        "points",
        Decimal(100),
        Words(
            "Chỉ số năng lực cạnh tranh cấp tỉnh: ý kiến của doanh nghiệp, không phải của người dân; là một "
            "thước đo khác.",
            "Provincial competitiveness as businesses see it, not citizens: another instrument.",
        ),
    ),
}

PAR_INDEX = Instrument(
    Words("Chỉ số CCHC (phiếu chấm điểm)", "PAR Index (score sheets)"),
    "points",
    Decimal(100),
    Words(
        "Phiếu chấm điểm đã chốt ghi tại hệ thống này: điểm tổng hợp của các lĩnh vực, thang 100; tự chấm và "
        "thẩm định, không chỉ là ý kiến người dân.",
        "Final score sheets recorded here: a composite of domains, of 100 points, assessed by officials and "
        "not by citizens alone.",
    ),
)
VISITS = Instrument(
    Words("Tỷ lệ hài lòng theo lượt giao dịch", "Satisfaction with single visits"),
    "percent",
    Decimal(100),
    Words(
        "Đo liên tục sau từng lượt giao dịch; người trả lời tại chỗ thường đánh giá cao hơn người được chọn "
        "ngẫu nhiên và hỏi tại nhà. Năm hiện tại chưa trọn.",
        "Asked after each visit, all year: people at the desk answer more kindly than people drawn at random "
        "and asked at home. The present year is not complete.",
    ),
)
NOTE = Words(
    "Mỗi thước đo đứng riêng: không nối thành một đường, không cộng, không xếp hạng chung.",
    "Each instrument stands by itself: never join two in one line, one sum or one rank.",
)
