"""What can be wrong with what somebody sends about figures: samples, score sheets. A part of `messages`."""

from app.core.texts import Text

FIGURE_FAULTS: dict[str, Text] = {
    # samples
    "one_of": Text("Hãy cho đúng một trong: {fields}.", "Give exactly one of: {fields}."),
    "day_past": Text("Ngày này đã qua.", "This day has passed."),
    "no_visits": Text(
        "Không có lượt giao dịch nào trong phạm vi này.", "There are no visits in this unit and period."
    ),
    "sample_too_small": Text(
        "Chỉ rút {size} lượt; cần ít nhất {least} để giữ kín danh tính.",
        "Only {size} visits would be drawn; at least {least} are needed to keep answers anonymous.",
    ),
    "strata_too_small": Text(
        "Mỗi tầng cần ít nhất {least} lượt được rút; quá nhỏ: {strata}. "
        "Hãy tăng cỡ mẫu, gộp tầng hoặc phân tầng khác.",
        "At least {least} visits must be drawn in each stratum; too small: {strata}. "
        "Draw more, merge them, or choose other strata.",
    ),
    "channel_no_stratum": Text(
        "Một lượt giao dịch chưa có kênh trước khi được trả lời: không thể phân tầng theo kênh.",
        "A visit has no channel before it is answered: it cannot make strata.",
    ),
    # score sheets of the PAR Index, other people's figures
    "invalid_points": Text("Điểm phải là một số, ví dụ 7.92.", "Points must be a number such as 7.92."),
    "too_many_decimals": Text("Nhiều nhất {limit} chữ số thập phân.", "At most {limit} decimals."),
    "above_maximum": Text("Vượt quá điểm tối đa {limit}.", "Above the maximum of {limit}."),
    "unknown_domain": Text(
        "Không có lĩnh vực này; các lĩnh vực: {allowed}.",
        "There is no such domain; the domains are: {allowed}.",
    ),
    "titled_by_template": Text(
        "Tên lĩnh vực đã có trong mẫu; chỉ mẫu {own} mới tự đặt tên.",
        "The template names its domains; only the template {own} takes titles.",
    ),
    "points_twice": Text(
        "Hoặc ghi tổng điểm, hoặc ghi điểm thẩm định và điểm điều tra, không ghi cả hai.",
        "Give either the points, or the appraised and survey scores, not both.",
    ),
    "maxima_not_whole": Text(
        "Điểm tối đa của các lĩnh vực cộng lại là {total}, phải là {whole}.",
        "The maximum points of the domains add up to {total} instead of {whole}.",
    ),
    "no_points": Text(
        "Lĩnh vực {domain} chưa có điểm: phiếu chốt phải đủ điểm.",
        "The domain {domain} has no points yet: a final sheet has them all.",
    ),
    "revision_is_final": Text(
        "Bản sửa đổi của phiếu đã chốt cũng là bản chốt.", "A revision of a final sheet is final too."
    ),
    "nothing_to_revise": Text(
        "Chỉ ghi lý do khi sửa phiếu đã chốt.", "A reason belongs to the revision of a final sheet only."
    ),
    "sheet_is_final": Text(
        "Đơn vị đã có phiếu chốt với nội dung khác; muốn sửa thì lập bản sửa đổi có lý do.",
        "The unit has a final sheet that differs; revise that one sheet, with a reason.",
    ),
    "domain_twice": Text(
        "Lĩnh vực này của đơn vị đã có ở dòng {first}.",
        "This domain of the unit stands in row {first} already.",
    ),
    "duplicate_year": Text("Năm này đã có ở trên.", "This year stands above already."),
}
