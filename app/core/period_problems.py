"""The catalogue's part about periods: closing, publishing, revising."""

from app.core.errors import Problem
from app.core.texts import Text


class PeriodUnknown(Problem):
    code, status = "period_unknown", 404
    title = Text("Không có kỳ này", "There is no such period")
    detail = Text("Không thấy kỳ, hoặc kỳ chưa công bố.", "The period is not known, or not published.")


class RevisionUnknown(Problem):
    code, status = "revision_unknown", 404
    title = Text("Không có bản số liệu này", "There is no such revision")
    detail = Text("Kỳ này không có bản số liệu đó.", "The period has no such revision.")


class PeriodExists(Problem):
    code, status = "period_exists", 409
    title = Text("Kỳ này đã có", "There is such a period already")
    detail = Text(
        "Đơn vị đã có một kỳ cùng ngày và cùng phiếu.",
        "The unit has a period of the same days and questionnaire.",
    )


class PeriodNotOver(Problem):
    code, status = "period_not_over", 409
    title = Text("Kỳ chưa kết thúc", "The period is not over")
    detail = Text("Ngày cuối của kỳ là {day}.", "Its last day is {day}.")


class PeriodState(Problem):
    code, status = "period_state", 409
    title = Text("Trạng thái của kỳ không cho phép", "The state of the period does not allow this")
    detail = Text("Kỳ đang ở trạng thái {state}.", "The period is {state}.")


class PeriodPending(Problem):
    code, status = "period_pending", 409
    title = Text("Số liệu đang được đếm", "The figures are still being counted")
    detail = Text(
        "Còn {pending} ngày của các đơn vị chưa đếm xong; hãy thử lại sau ít giây.",
        "{pending} days of units are still to be counted; try again in a few seconds.",
    )


class SecondPersonNeeded(Problem):
    code, status = "second_person_needed", 403
    title = Text("Cần người thứ hai", "A second person is needed")
    detail = Text(
        "Người công bố phải khác người đã đóng kỳ hoặc lập bản sửa đổi.",
        "Whoever publishes must not be the one who closed the period or made the revision.",
    )


class PersonNeeded(Problem):
    code, status = "person_needed", 403
    title = Text("Chỉ người mới làm được việc này", "Only a person may do this")
    detail = Text(
        "Việc đóng và công bố kỳ do hai người chịu trách nhiệm, không phải ứng dụng.",
        "Two people answer for closing and publishing; a client cannot.",
    )


class RevisionSuperseded(Problem):
    code, status = "revision_superseded", 409
    title = Text("Đã có bản sửa đổi mới hơn", "There is a newer revision")
    detail = Text(
        "Chỉ công bố bản mới nhất; bản mới nhất là {latest}.",
        "Only the latest revision is published; it is {latest}.",
    )


class TreeDiffers(Problem):
    code, status = "tree_differs", 409
    title = Text("Cơ cấu đơn vị đã thay đổi", "The tree of units has changed")
    detail = Text(
        "Kỳ này trùng ngày với một kỳ đã công bố theo cơ cấu đơn vị khác (đơn vị {unit}): công bố cả hai có "
        "thể để lộ số liệu quá nhỏ.",
        "This period shares days with one that was published with another tree (unit {unit}): both together "
        "could give figures away that are too small.",
    )


class AlreadyPublished(Problem):
    code, status = "already_published", 409
    title = Text("Bản số liệu đã được công bố", "This revision is published already")
    detail = Text("Số liệu đã công bố không bao giờ đổi.", "Published figures never change.")


class NothingToPublish(Problem):
    code, status = "nothing_to_publish", 409
    title = Text("Không có gì công bố được", "Nothing of it can be published")
    detail = Text(
        "Mọi số liệu đều dựa trên dưới {min_n} phản hồi, hoặc để lộ số liệu như vậy khi so với bản đã công "
        "bố.",
        "Every figure rests on fewer than {min_n} responses, or gives such a figure away beside what is "
        "published already.",
    )


class NothingRevised(Problem):
    code, status = "nothing_revised", 409
    title = Text("Số liệu không thay đổi", "Nothing has changed")
    detail = Text("Số liệu hiện nay giống hệt bản gần nhất.", "The figures are those of the latest revision.")


class SnapshotFrozen(Problem):
    code, status = "snapshot_frozen", 409
    title = Text("Bản số liệu không bao giờ đổi", "A snapshot never changes")
    detail = Text("Hãy lập bản sửa đổi mới.", "Make a new revision.")
