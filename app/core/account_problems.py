"""The catalogue's part about people: accounts, roles, passwords, second factors, sessions."""

from app.core.errors import Problem
from app.core.problems import Unauthorized
from app.core.texts import Text


class AccountClosed(Unauthorized):
    code = "account_closed"
    title = Text("Tài khoản đã đóng", "The account is closed")
    detail = Text("Tài khoản của mã truy cập này đã đóng.", "The account of this access token is closed.")


class SessionEnded(Unauthorized):
    code = "session_ended"
    title = Text("Phiên đăng nhập đã kết thúc", "The session has ended")
    detail = Text("Hãy đăng nhập lại.", "Sign in again.")


class TotpRequired(Problem):
    code, status = "totp_required", 403
    title = Text("Cần bật xác thực hai bước", "A second factor is required")
    detail = Text(
        "Đơn vị của bạn yêu cầu mã dùng một lần: hãy bật tại /api/v1/auth/totp.",
        "Your unit requires one-time codes: set them up at /api/v1/auth/totp.",
    )


class FreshProofRequired(Problem):
    code, status = "fresh_proof_required", 403
    title = Text("Cần xác nhận lại danh tính", "A fresh proof is required")
    detail = Text(
        "Hãy gửi mật khẩu hoặc mã dùng một lần tới POST /api/v1/auth/proof và dùng mã truy cập nhận được; "
        "có giá trị trong {minutes} phút.",
        "Send your password or a one-time code to POST /api/v1/auth/proof and use the access token it gives; "
        "it counts for {minutes} minutes.",
    )


class PeopleOnly(Problem):
    code, status = "people_only", 403
    title = Text("Chỉ dành cho người dùng", "For people only")
    detail = Text("Ứng dụng không có mật khẩu hay phiên đăng nhập.", "A client has no password or session.")


class BeyondYourRights(Problem):
    code, status = "beyond_your_rights", 403
    title = Text("Người này có quyền mà bạn không có", "This person holds rights that you do not")
    detail = Text(
        "Hãy nhờ quản trị viên cấp trên của cả hai.", "Ask an administrator who stands above both of you."
    )


class UserUnknown(Problem):
    code, status = "user_unknown", 404
    title = Text("Không có người dùng này", "There is no such user")
    detail = Text("Không thấy người dùng.", "The user is not known.")


class RoleNotHeld(Problem):
    code, status = "role_not_held", 404
    title = Text("Người này không giữ vai trò đó", "This person does not hold that role")
    detail = Text("Không thấy vai trò này tại đơn vị đó.", "There is no such role at that unit.")


class SessionUnknown(Problem):
    code, status = "session_unknown", 404
    title = Text("Không có phiên đăng nhập này", "There is no such session")
    detail = Text("Phiên không có hoặc đã kết thúc.", "It does not exist or has ended.")


class InvitationUnknown(Problem):
    code, status = "invitation_unknown", 404
    title = Text("Không có lời mời này", "There is no such invitation")
    detail = Text("Hãy kiểm tra lại liên kết đã nhận.", "Check the link you were given.")


class InvitationUsed(Problem):
    code, status = "invitation_used", 410
    title = Text("Lời mời đã được dùng", "The invitation has been used")
    detail = Text("Mỗi liên kết chỉ dùng được một lần.", "Each link works once.")


class InvitationExpired(Problem):
    code, status = "invitation_expired", 410
    title = Text("Lời mời đã hết hạn", "The invitation has expired")
    detail = Text("Hãy xin quản trị viên liên kết mới.", "Ask the administrator for a new link.")


class UserClosed(Problem):
    code, status = "user_closed", 409
    title = Text("Tài khoản người dùng đã đóng", "The user's account is closed")
    detail = Text("Tài khoản đã đóng không thay đổi nữa.", "A closed account changes no more.")


class LastRole(Problem):
    code, status = "last_role", 409
    title = Text("Vai trò cuối cùng", "The last role")
    detail = Text(
        "Hãy cấp vai trò khác trước, hoặc đóng tài khoản.", "Give another role first, or close the account."
    )


class LastAdministrator(Problem):
    code, status = "last_administrator", 409
    title = Text("Quản trị viên hệ thống cuối cùng", "The last system administrator")
    detail = Text(
        "Phải còn ít nhất một người giữ vai trò system_admin đăng nhập được.",
        "At least one person who can sign in must hold the role system_admin.",
    )


class TotpOn(Problem):
    code, status = "totp_on", 409
    title = Text("Xác thực hai bước đã bật", "The second factor is on already")
    detail = Text("Hãy tắt trước khi đặt lại.", "Take it off before setting it up anew.")
