"""The catalogue: every problem anybody can meet, named once. `docs/errors.md` lists the same codes."""

from app.core.errors import Problem
from app.core.texts import Text


class InvalidRequest(Problem):
    code, status = "invalid_request", 422
    title = Text("Yêu cầu chưa hợp lệ", "The request is not valid")
    detail = Text("Xem từng lỗi trong `errors`.", "Each fault is listed in `errors`.")


class BadRequest(Problem):
    code, status = "bad_request", 400
    title = Text("Không đọc được yêu cầu", "The request cannot be read")
    detail = Text("Nội dung gửi lên bị hỏng hoặc sai định dạng.", "What was sent is broken or malformed.")


class UnsupportedMediaType(Problem):
    code, status = "unsupported_media_type", 415
    title = Text("Kiểu nội dung không được hỗ trợ", "The content type is not supported")
    detail = Text("Hãy gửi dưới dạng {expected}.", "Send it as {expected}.")


class BodyTooLarge(Problem):
    code, status = "body_too_large", 413
    title = Text("Nội dung quá lớn", "The body is too large")
    detail = Text("Lớn nhất {limit} byte.", "At most {limit} bytes.")


class BodyTooSlow(Problem):
    code, status = "body_too_slow", 408
    title = Text("Nội dung đến quá chậm", "The body arrives too slowly")
    detail = Text(
        "Nội dung chưa đến đủ; hãy kiểm tra đường truyền rồi gửi lại.",
        "It did not arrive in whole; check the line, then send it again.",
    )

    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}  # the rest of the body would be taken for a request


class NotFound(Problem):
    code, status = "not_found", 404
    title = Text("Không tìm thấy", "Not found")
    detail = Text("Không có gì ở địa chỉ này.", "There is nothing at this address.")


class MethodNotAllowed(Problem):
    code, status = "method_not_allowed", 405
    title = Text("Phương thức không được phép", "The method is not allowed")
    detail = Text("Địa chỉ này không nhận phương thức đó.", "This address does not take that method.")


class Unauthorized(Problem):
    code, status = "unauthorized", 401
    title = Text("Chưa xác thực", "Not authenticated")
    detail = Text(
        "Thiếu mã truy cập, hoặc mã đã hết hạn hay không hợp lệ.",
        "The access token is missing, expired or not valid.",
    )

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class MissingScope(Problem):
    code, status = "missing_scope", 403
    title = Text("Không đủ quyền", "Not allowed")
    detail = Text("Cần quyền {scope}.", "The scope {scope} is needed.")


class AddressNotAllowed(Problem):
    code, status = "address_not_allowed", 403
    title = Text("Địa chỉ không được phép", "The address is not allowed")
    detail = Text(
        "Ứng dụng này không được gọi từ địa chỉ {address}.",
        "This client may not call from the address {address}.",
    )


class WholeReachNeeded(Problem):
    code, status = "whole_reach_needed", 403
    title = Text("Cần phạm vi mọi đơn vị", "A reach of every unit is needed")
    detail = Text(
        "Danh mục này dùng chung cả nước: chỉ tài khoản phụ trách mọi đơn vị được thay đổi.",
        "This list is shared by the whole nation: only who reaches every unit may change it.",
    )


class DeviceRevoked(Problem):
    code, status = "device_revoked", 403
    title = Text("Thiết bị đã bị thu hồi", "The device has been revoked")
    detail = Text("Quản trị viên đã ngừng thiết bị này.", "An administrator has stopped this device.")


class TooManyRequests(Problem):
    code, status = "too_many_requests", 429
    title = Text("Quá nhiều yêu cầu", "Too many requests")
    detail = Text("Hãy chờ rồi thử lại.", "Wait, then try again.")


class Unavailable(Problem):
    code, status = "unavailable", 503
    title = Text("Tạm thời chưa phục vụ được", "Not available for the moment")
    detail = Text(
        "Hãy gửi lại sau ít giây; gửi lại không bị tính hai lần.",
        "Send it again in a few seconds; nothing is counted twice.",
    )

    def __init__(self, *, retry_after: int = 2) -> None:
        super().__init__(retry_after=retry_after)


class InternalError(Problem):
    code, status = "internal_error", 500
    title = Text("Lỗi của hệ thống", "An error on our side")
    detail = Text("Hãy báo mã yêu cầu cho quản trị viên.", "Tell the administrator the request id.")


class Conflict(Problem):
    code, status = "conflict", 409
    title = Text("Xung đột dữ liệu", "A conflict")
    detail = Text("Dữ liệu vừa thay đổi hoặc đang được dùng.", "The data has just changed or is in use.")


class UnitUnknown(Problem):
    code, status = "unit_unknown", 404
    title = Text("Không có đơn vị này", "There is no such unit")
    detail = Text("Không thấy đơn vị {unit}.", "The unit {unit} is not known.")


class UnitExists(Problem):
    code, status = "unit_exists", 409
    title = Text("Mã đơn vị đã có", "The unit code is taken")
    detail = Text("Đã có đơn vị mang mã này.", "A unit has this code already.")


class UnitClosed(Problem):
    code, status = "unit_closed", 409
    title = Text("Đơn vị đã kết thúc hoạt động", "The unit has ended")
    detail = Text(
        "Đơn vị {unit} đã kết thúc sau ngày {day}; đơn vị kế thừa: {successor}.",
        "The unit {unit} ended after {day}; it is succeeded by: {successor}.",
    )


class ReorganisationUnknown(Problem):
    code, status = "reorganisation_unknown", 404
    title = Text("Không có lần sắp xếp này", "There is no such reorganisation")
    detail = Text("Không thấy lần sắp xếp đơn vị này.", "The reorganisation is not known.")


class ReorganisationExists(Problem):
    code, status = "reorganisation_exists", 409
    title = Text("Quyết định này đã được thực hiện", "This decision is applied already")
    detail = Text(
        "Đã có một lần sắp xếp cùng quyết định, cùng ngày và cùng nội dung.",
        "There is a reorganisation with the same decision, day and changes.",
    )


class ReorganisationReverted(Problem):
    code, status = "reorganisation_reverted", 409
    title = Text("Lần sắp xếp đã bị hủy", "The reorganisation is taken back already")
    detail = Text("Lần sắp xếp này đã được hủy trước đó.", "It has been taken back before.")


class ReorganisationInUse(Problem):
    code, status = "reorganisation_in_use", 409
    title = Text("Không thể hủy lần sắp xếp này", "The reorganisation cannot be taken back")
    detail = Text(
        "Đã có dữ liệu phụ thuộc vào nó; xem `errors`.", "Something depends on it by now: see `errors`."
    )


class ProcedureUnknown(Problem):
    code, status = "procedure_unknown", 404
    title = Text("Không có thủ tục này", "There is no such procedure")
    detail = Text("Không thấy thủ tục {procedure}.", "The procedure {procedure} is not known.")


class ProcedureExists(Problem):
    code, status = "procedure_exists", 409
    title = Text("Mã thủ tục đã có", "The procedure code is taken")
    detail = Text("Đã có thủ tục mang mã này.", "A procedure has this code already.")


class QuestionnaireUnknown(Problem):
    code, status = "questionnaire_unknown", 404
    title = Text("Không có phiếu khảo sát này", "There is no such questionnaire")
    detail = Text("Không thấy phiếu {questionnaire}.", "The questionnaire {questionnaire} is not known.")


class QuestionnaireExists(Problem):
    code, status = "questionnaire_exists", 409
    title = Text("Phiên bản phiếu đã có", "This version exists already")
    detail = Text(
        "Hãy dùng số phiên bản mới; phiên bản đã công bố không bao giờ đổi.",
        "Use a new version number; a published version never changes.",
    )


class QuestionnaireFrozen(Problem):
    code, status = "questionnaire_frozen", 409
    title = Text("Phiếu đã được công bố", "The questionnaire is published")
    detail = Text("Phiên bản đã công bố không bao giờ đổi.", "A published version never changes.")


class QuestionnaireRetired(Problem):
    code, status = "questionnaire_retired", 409
    title = Text("Phiếu đã ngừng dùng", "The questionnaire is retired")
    detail = Text(
        "Phiên bản đã ngừng dùng không được công bố lại; hãy tạo phiên bản mới.",
        "A retired version is not published again; make a new version.",
    )


class QuestionnaireNotPublished(Problem):
    code, status = "questionnaire_not_published", 409
    title = Text("Phiếu chưa được công bố", "The questionnaire is not published")
    detail = Text("Bản nháp thì sửa, không ngừng dùng.", "A draft is changed, not retired.")


class ClientUnknown(Problem):
    code, status = "client_unknown", 404
    title = Text("Không có ứng dụng này", "There is no such client")
    detail = Text("Không thấy ứng dụng.", "The client is not known.")


class SecretUnknown(Problem):
    code, status = "secret_unknown", 404
    title = Text("Không có khóa bí mật này", "There is no such secret")
    detail = Text("Ứng dụng không có khóa bí mật này.", "The client has no such secret.")


class TooManySecrets(Problem):
    code, status = "too_many_secrets", 409
    title = Text("Ứng dụng đã có quá nhiều khóa bí mật", "The client has too many secrets")
    detail = Text(
        "Nhiều nhất {limit} khóa cùng lúc; hãy xóa một khóa cũ trước.",
        "At most {limit} at a time; remove an old one first.",
    )


class ClientClosed(Problem):
    code, status = "client_closed", 409
    title = Text("Ứng dụng đã đóng", "The client is closed")
    detail = Text("Hãy tạo ứng dụng mới.", "Make a new client.")


class UsernameTaken(Problem):
    code, status = "username_taken", 409
    title = Text("Tên đăng nhập đã có", "The username is taken")
    detail = Text("Hãy chọn tên khác.", "Choose another name.")


class LinkUnknown(Problem):
    code, status = "link_unknown", 404
    title = Text("Không có liên kết này", "There is no such link")
    detail = Text("Hãy kiểm tra lại mã trên biên nhận.", "Check the code on the receipt.")


class LinkUsed(Problem):
    code, status = "link_used", 410
    title = Text("Liên kết đã được dùng", "The link has been used")
    detail = Text("Mỗi liên kết chỉ trả lời được một lần. Cảm ơn bạn!", "Each link answers once. Thank you!")


class LinkExpired(Problem):
    code, status = "link_expired", 410
    title = Text("Liên kết đã hết hạn", "The link has expired")
    detail = Text("Thời gian trả lời cho lượt này đã hết.", "The time to answer for this visit is over.")


class ResponseConflict(Problem):
    code, status = "response_conflict", 409
    title = Text("Mã phản hồi đã dùng cho nội dung khác", "The response id was used for other content")
    detail = Text("Hãy tạo mã mới cho phản hồi mới.", "Make a new id for a new response.")


class ResponseUnknown(Problem):
    code, status = "response_unknown", 404
    title = Text("Không có phản hồi này", "There is no such response")
    detail = Text("Không thấy phản hồi.", "The response is not known.")


class DeviceUnknown(Problem):
    code, status = "device_unknown", 404
    title = Text("Không có thiết bị này", "There is no such device")
    detail = Text("Không thấy thiết bị.", "The device is not known.")


class PairingCodeInvalid(Problem):
    code, status = "pairing_code_invalid", 404
    title = Text("Mã ghép nối không đúng", "The pairing code is not valid")
    detail = Text(
        "Mã sai, đã dùng hoặc đã hết hạn; hãy xin mã mới.", "It is wrong, used or expired; ask for a new one."
    )
