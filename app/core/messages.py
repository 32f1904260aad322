"""What a person reads: the sentences of faults in both languages.

One table, so that a translator finds everything in one place and a test can see that every code
has both languages. `{name}` stands for a value from the fault's params.
"""

from app.core.figure_faults import FIGURE_FAULTS
from app.core.table_faults import TABLE_FAULTS
from app.core.texts import Text

NEAREST = Text(" Tên gần nhất: {nearest}.", " The nearest name: {nearest}.")
"""Goes behind the sentence of a fault that knows which name was probably meant."""

FAULTS: dict[str, Text] = {
    # the shape of a body or a parameter
    "missing": Text("Thiếu trường bắt buộc.", "This field is required."),
    "unknown_field": Text(
        "Không có trường hay tham số nào tên như vậy.", "There is no field or parameter of this name."
    ),
    "repeated_parameter": Text("Tham số này chỉ được ghi một lần.", "This parameter may be given only once."),
    "invalid_json": Text("Nội dung không phải JSON hợp lệ (UTF-8).", "The body is not valid JSON in UTF-8."),
    "invalid_type": Text("Kiểu dữ liệu không đúng.", "The value has the wrong type."),
    "invalid_value": Text("Giá trị không hợp lệ.", "The value is not valid."),
    "not_allowed": Text("Giá trị phải là một trong: {allowed}.", "The value must be one of: {allowed}."),
    "too_long": Text("Dài nhất {limit}.", "At most {limit} long."),
    "too_short": Text("Ngắn nhất {limit}.", "At least {limit} long."),
    "too_large": Text("Lớn nhất {limit}.", "At most {limit}."),
    "too_small": Text("Nhỏ nhất {limit}.", "At least {limit}."),
    "invalid_character": Text("Có ký tự không được phép.", "Holds a character that is not allowed."),
    "invalid_date": Text(
        "Ngày phải có thật và có dạng YYYY-MM-DD (trong tệp bảng cũng được DD/MM/YYYY).",
        "A day must exist and look like YYYY-MM-DD (in a table also DD/MM/YYYY).",
    ),
    "invalid_instant": Text(
        "Thời điểm phải theo RFC 3339, có múi giờ.", "An instant must follow RFC 3339, with an offset."
    ),
    "invalid_uuid": Text("Phải là một UUID.", "Must be a UUID."),
    "invalid_cursor": Text("Con trỏ trang không hợp lệ.", "This page cursor is not valid."),
    "period_reversed": Text("Ngày đầu đứng sau ngày cuối.", "The first day lies after the last."),
    "period_too_long": Text("Kỳ dài quá {years} năm.", "The period is longer than {years} years."),
    "not_with": Text("Không dùng cùng {other}.", "Cannot be used together with {other}."),
    "only_with": Text("Chỉ dùng cùng {other}.", "Is of use only together with {other}."),
    "period_too_many_days": Text("Kỳ dài quá {limit} ngày.", "The period is longer than {limit} days."),
    "periods_overlap": Text("Hai kỳ so sánh trùng ngày.", "The two periods share days."),
    "too_many_points": Text(
        "Chuỗi có quá {limit} điểm; hãy chọn bước dài hơn hoặc kỳ ngắn hơn.",
        "The series has more than {limit} points: choose a longer grain or a shorter period.",
    ),
    # a new password
    "password_personal": Text(
        "Có tên của bạn, của đơn vị hoặc của hệ thống, dễ đoán.",
        "Holds a name of yours, of your unit or of this service, which is soon guessed.",
    ),
    "password_common": Text(
        "Có từ hoặc mật khẩu nhiều người dùng.", "Holds a word or a password that many people use."
    ),
    "password_repeats": Text("Lặp lại cùng một đoạn.", "Repeats the same characters."),
    "password_sequence": Text(
        "Có dãy ký tự liền nhau như 12345, abcde, qwerty.",
        "Holds a run of characters such as 12345, abcde, qwerty.",
    ),
    "password_date": Text("Có ngày hoặc năm, dễ đoán.", "Holds a date or a year, which is soon guessed."),
    "password_weak": Text("Dễ đoán; hãy dùng một câu dài hơn.", "Soon guessed: use a longer sentence."),
    # a table uploaded for import
    **TABLE_FAULTS,
    # questionnaires
    "duplicate_code": Text("Mã này đã dùng ở trên.", "This code is already used above."),
    "invalid_code": Text(
        "Mã không đúng dạng; ví dụ đúng: {example}.",
        "The code does not have the right form, such as {example}.",
    ),
    "unknown_component": Text("Không có yếu tố nào mã như vậy.", "There is no component of this code."),
    "component_without_criteria": Text(
        "Yếu tố này không có tiêu chí nào.", "This component has no criteria."
    ),
    "criteria_out_of_order": Text(
        "Tiêu chí phải xếp theo từng yếu tố, đúng thứ tự các yếu tố.",
        "Criteria must stand together by component, in the order of the components.",
    ),
    "blank": Text("Không được để trống.", "Must not be blank."),
    "too_few_items": Text("Cần ít nhất {limit} mục.", "At least {limit} is needed."),
    "too_many_items": Text("Nhiều nhất {limit} mục.", "At most {limit} are allowed."),
    # answers
    "unknown_criterion": Text(
        "Phiếu này không có tiêu chí nào mã như vậy.", "This questionnaire has no criterion of this code."
    ),
    "invalid_answer": Text(
        "Câu trả lời phải là số nguyên từ 1 đến 5, hoặc null nếu không áp dụng.",
        "An answer must be a whole number from 1 to 5, or null for not applicable.",
    ),
    "no_answer": Text("Cần trả lời ít nhất một câu.", "At least one question must be answered."),
    # an import of units or procedures
    "duplicate_row": Text("Mã này đã có ở dòng {first}.", "This code stands in row {first} already."),
    "code_taken_for_number": Text(
        "Bảng tính đã coi mã này là số và làm mất chữ số 0; mã đúng có lẽ là {likely}.",
        "A spreadsheet took this code for a number and lost zeros; it was probably {likely}.",
    ),
    "only_by_reorganisation": Text(
        "Đơn vị đã có lượt giao dịch, phản hồi hoặc quyết định sắp xếp; loại và cấp trên của nó chỉ thay đổi "
        "bằng một lần sắp xếp có ngày hiệu lực.",
        "This unit or one beneath it has visits, responses or a reorganisation; its kind and its parent "
        "change by a reorganisation, with a day.",
    ),
    "name_of_before": Text(
        "Đây là tên cũ; theo quyết định sắp xếp, đơn vị nay mang tên {name}.",
        "This is a former name; by a reorganisation the unit is called {name} now.",
    ),
    "code_taken": Text(
        "Mã này đã thuộc về một đơn vị ngoài phạm vi của bạn.",
        "This code belongs to a unit outside your reach already.",
    ),
    "unknown_parent": Text(
        "Không thấy đơn vị cấp trên {parent}, cả trong tệp lẫn trong phạm vi của bạn.",
        "The parent {parent} is neither in the file nor within your reach.",
    ),
    "parent_needed": Text(
        "Hãy ghi đơn vị cấp trên: bạn chỉ được thêm đơn vị dưới đơn vị của mình.",
        "Name the parent: you may add units below your own unit only.",
    ),
    "parent_loop": Text(
        "Đơn vị này thành cấp trên của chính nó.", "This would make the unit stand above itself."
    ),
    # a reorganisation of units
    "unit_closed": Text(
        "Đơn vị {unit} đã kết thúc sau ngày {day}; đơn vị kế thừa: {successor}.",
        "The unit {unit} ended after {day}; it is succeeded by: {successor}.",
    ),
    "unit_ended": Text(
        "Đơn vị đã kết thúc theo một quyết định sắp xếp; không sửa bằng tệp được nữa.",
        "The unit ends by a reorganisation; a file cannot change it any more.",
    ),
    "unit_renumbered": Text(
        "Đơn vị này nay mang mã {code}.", "The code of this unit has changed; it is {code} now."
    ),
    "code_moved": Text(
        "Vào ngày {day}, mã {code} thuộc về đơn vị nay mang mã {now}: nếu là đơn vị đó, hãy ghi {now};"
        " nếu là đơn vị nay mang mã {code}, hãy ghi mã của nó vào ngày đó.",
        "On {day} the code {code} was that of the unit that has {now} today: if that one is meant, give"
        " {now}; if it is the one that has {code} today, give the code it had on that day.",
    ),
    "unit_touched_twice": Text(
        "Đơn vị này đã có trong một thay đổi khác: {first}.",
        "This unit is in another change already: {first}.",
    ),
    "unit_in_row": Text("Đơn vị này đã có ở dòng {first}.", "This unit is in row {first} already."),
    "code_goes_elsewhere": Text(
        "Mã {unit} nay thuộc về {name}, theo bảng lại vào đơn vị khác; mã không bao giờ được cấp lại.",
        "{unit} is the code of {name}, which by the table goes elsewhere; a code is never given twice.",
    ),
    "codes_moved": Text(
        "Trong hệ thống, {name} mang mã {stands}, trong tệp mang mã {code}; số đơn vị khác mã: {count}. Nhập"
        " tệp sẽ tạo chúng lần thứ hai. Nếu tệp đúng, hãy dùng tệp này để sắp xếp lại (`sipas reorganise`);"
        " nếu tệp là danh mục cũ (như bản phát hành trước ngày 30/11/2026), hãy dùng danh mục hiện nay.",
        "{name} has the code {stands} here and {code} in the file; units whose codes differ: {count}. An"
        " import would make them a second time. If the file is right, give it to a reorganisation (`sipas"
        " reorganise`); if it is an older list (such as the one shipped before 30 November 2026), take"
        " today's.",
    ),
    "stands_already": Text(
        "Mã {unit} là của đơn vị đang hoạt động ({name}), khác với mô tả ở đây. Hãy chỉ ghi mã;"
        " nếu đơn vị đó cũng thay đổi, hãy ghi thành một thay đổi riêng.",
        "{unit} is a unit that stands already ({name}), and it is described otherwise here. Give its code"
        " alone; if it changes as well, say so by a change of its own.",
    ),
    "changed_same_day": Text(
        "Đơn vị {unit} đã thay đổi vào chính ngày {day}.",
        "The unit {unit} has changed on that very day, {day}.",
    ),
    "changed_later": Text(
        "Đơn vị {unit} còn một thay đổi sau đó, vào ngày {day}.",
        "The unit {unit} has a change after that, on {day}.",
    ),
    "code_in_use": Text(
        "Mã này đã hoặc từng thuộc về một đơn vị; mã không bao giờ được cấp lại.",
        "This code belongs, or once belonged, to a unit; a code is never given twice.",
    ),
    "children_left": Text(
        "Đơn vị kết thúc nhưng còn đơn vị trực thuộc: {children}. Hãy chuyển chúng trước.",
        "The unit ends with units beneath it: {children}. Move them in the same reorganisation.",
    ),
    "parent_closed": Text(
        "Đơn vị cấp trên {parent} không hoạt động từ ngày đó.",
        "The parent {parent} does not exist from that day on.",
    ),
    "units_of_before_missing": Text(
        "Các tỉnh trong bảng không có trong hệ thống. Hãy nhập danh mục đơn vị trước sắp xếp trước đã.",
        "None of the provinces in the table is in this tree: import the units of before first.",
    ),
    "nothing_changes": Text("Không có gì thay đổi.", "Nothing would change."),
    "not_for_this_kind": Text(
        "Cột này phải để trống với loại {kind}.", "This cell must be empty for a row of kind {kind}."
    ),
    "row_differs": Text(
        "Khác với dòng {first} của cùng đơn vị.", "Differs from row {first} of the same unit."
    ),
    # what keeps a reorganisation from being taken back
    "has_visits": Text("Đã có {count} lượt giao dịch.", "It has {count} visits."),
    "has_responses": Text("Đã có {count} phản hồi.", "It has {count} responses."),
    "has_devices": Text("Đã có {count} thiết bị mới.", "It has {count} devices of its own."),
    "has_accounts": Text(
        "Đã có {count} tài khoản hoặc ứng dụng được giao cho đơn vị này.",
        "{count} accounts or clients have been given this unit.",
    ),
    "has_samples": Text(
        "Đã có {count} mẫu khảo sát hoặc lượt được rút.", "It has {count} samples or drawn visits."
    ),
    "has_periods": Text("Đã có {count} kỳ công bố.", "It has {count} periods."),
    "has_par_sheets": Text("Đã có {count} phiếu điểm PAR Index.", "It has {count} PAR Index sheets."),
    "has_external_figures": Text(
        "Đã có {count} số liệu từ nguồn khác.", "It has {count} figures from elsewhere."
    ),
    "has_children": Text("Đã có {count} đơn vị trực thuộc.", "It has {count} units beneath it."),
    "reorganised_since": Text(
        "Đơn vị đã được sắp xếp lại {count} lần sau đó; hãy hủy các lần đó trước.",
        "It was reorganised {count} times since; take those back first.",
    ),
    "parent_closed_since": Text(
        "Đơn vị cấp trên trước đây đã kết thúc.", "The unit it stood beneath has ended since."
    ),
    "changed_since": Text("Đơn vị đã được sửa sau đó.", "It has been changed since."),
    "code_taken_since": Text(
        "Mã trước đây của đơn vị nay thuộc về đơn vị khác.", "The code it had belongs to another unit by now."
    ),
    # a unit's contact and opening hours
    "invalid_phone": Text(
        "Số điện thoại không đúng dạng; ví dụ đúng: 0222 3822 333.",
        "A telephone number must look like 0222 3822 333.",
    ),
    "invalid_email": Text(
        "Địa chỉ thư điện tử không đúng dạng.", "This does not look like an email address."
    ),
    "invalid_url": Text(
        "Địa chỉ phải bắt đầu bằng http:// hoặc https:// và có tên máy chủ.",
        "An address must begin with http:// or https:// and name a host.",
    ),
    "invalid_time": Text(
        "Giờ phải có dạng HH:MM, từ 00:00 đến 24:00.", "A time must look like HH:MM, from 00:00 to 24:00."
    ),
    "hours_reversed": Text("Giờ đầu phải trước giờ cuối.", "The first time must be before the second."),
    "hours_overlap": Text("Khoảng giờ {second} chồng lên khoảng {first}.", "{second} overlaps with {first}."),
    # devices
    "questions_needed": Text(
        "Phải có màn hình câu hỏi (questions).", "The screen with the questions must be among them."
    ),
    # accounts
    "scope_not_held": Text(
        "Không thể cấp quyền mà chính bạn không có: {scope}.",
        "You cannot grant a scope you do not hold yourself: {scope}.",
    ),
    "unit_needed": Text(
        "Hãy ghi đơn vị: chỉ tài khoản phụ trách mọi đơn vị mới được để trống.",
        "Name the unit: only who reaches every unit may leave it out.",
    ),
    "everywhere_only": Text(
        "Vai trò {role} áp dụng cho mọi đơn vị: hãy để unit_code là null.",
        "The role {role} holds everywhere: leave unit_code null.",
    ),
    "password_wrong": Text("Mật khẩu không đúng.", "The password is not right."),
    "totp_wrong": Text("Mã không đúng hoặc đã dùng.", "The code is not right, or has been used."),
    "invalid_path": Text(
        "Phải là một đường dẫn của chính hệ thống này, bắt đầu bằng /.",
        "Must be a path of this very service, beginning with /.",
    ),
    "instant_past": Text("Thời điểm này đã qua.", "This instant has passed."),
    "invalid_network": Text(
        "Mạng phải ở dạng CIDR; ví dụ đúng: 203.0.113.0/24 hoặc 2001:db8::/32.",
        "A network must look like 203.0.113.0/24 or 2001:db8::/32.",
    ),
    # samples, the PAR Index
    **FIGURE_FAULTS,
    # visits
    "unit_unknown": Text("Không thấy đơn vị này.", "This unit is not known."),
    "procedure_unknown": Text("Không thấy thủ tục này.", "This procedure is not known."),
    "questionnaire_unknown": Text(
        "Không có phiếu đã công bố nào như vậy.", "There is no such published questionnaire."
    ),
    "unit_not_valid_on_day": Text(
        "Đơn vị chưa hoặc không còn hoạt động vào ngày đó.", "The unit did not exist on that day."
    ),
    "day_in_future": Text("Ngày này chưa tới.", "This day is still to come."),
    "day_too_old": Text("Ngày này đã quá {days} ngày.", "This day is more than {days} days ago."),
    "link_unknown": Text("Không có liên kết này.", "There is no such link."),
    "link_used": Text("Liên kết này đã được dùng.", "This link has been used."),
    "link_expired": Text("Liên kết này đã hết hạn.", "This link has expired."),
    "questionnaire_differs": Text("Lượt này dùng một phiếu khác.", "This visit has another questionnaire."),
}
