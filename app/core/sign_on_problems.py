"""The catalogue's part about single sign-on."""

from app.core.errors import Problem
from app.core.texts import Text


class SignOnOff(Problem):
    code, status = "sign_on_off", 404
    title = Text("Chưa có đăng nhập một lần", "There is no single sign-on")
    detail = Text("Hệ thống này chưa nối với dịch vụ đăng nhập.", "No provider has been set up here.")


class SignOnExpired(Problem):
    code, status = "sign_on_expired", 400
    title = Text("Lượt đăng nhập không còn hiệu lực", "This sign-in is not under way any more")
    detail = Text(
        "Hãy bắt đầu lại, trong cùng trình duyệt, và hoàn tất trong 10 phút.",
        "Begin again, in the same browser, and finish within 10 minutes.",
    )


class SignOnRefused(Problem):
    code, status = "sign_on_refused", 403
    title = Text("Đăng nhập không thành công", "The sign-in was refused")
    detail = Text(
        "Dịch vụ đăng nhập từ chối, hoặc trả lời của họ không tin được; hãy thử lại.",
        "The provider refused, or its answer cannot be believed; try again.",
    )


class SignOnWithoutRole(Problem):
    code, status = "sign_on_without_role", 403
    title = Text("Chưa có vai trò nào", "No role is given")
    detail = Text(
        "Tài khoản của bạn chưa được cấp vai trò nào ở đây; hãy hỏi quản trị viên.",
        "Your account has been given no role here; ask your administrator.",
    )


class SignOnClosed(Problem):
    code, status = "sign_on_closed", 403
    title = Text("Tài khoản đã đóng", "The account is closed")
    detail = Text("Tài khoản này ở đây đã đóng.", "This account has been closed here.")


class SignOnUnavailable(Problem):
    code, status = "sign_on_unavailable", 503
    title = Text("Dịch vụ đăng nhập không trả lời", "The sign-on provider does not answer")
    detail = Text(
        "Hãy thử lại sau ít phút, hoặc đăng nhập bằng mật khẩu.",
        "Try again in a few minutes, or sign in with a password.",
    )

    def __init__(self, *, retry_after: int = 30) -> None:
        super().__init__(retry_after=retry_after)


class SignOnAccount(Problem):
    code, status = "sign_on_account", 409
    title = Text("Tài khoản của dịch vụ đăng nhập", "An account of the sign-on provider")
    detail = Text(
        "Người này đăng nhập một lần và không có mật khẩu ở đây.",
        "This person comes through single sign-on and has no password here.",
    )
