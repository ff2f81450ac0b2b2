"""The catalogue of findings: every code with its severity and its sentence in Vietnamese and English.

A sentence says what is wrong and what to do. Placeholders in braces are filled by `issue()`; values that come
from a message are shortened and stripped of characters that could disturb a terminal or a page. Codes are
stable: they are part of the interface. `docs/reference/edxml-format.md` lists all of them (a test compares).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from schemas.issues import EdxmlRefused, Issue, Severity

SHOWN_LENGTH: Final = 160
# What fills a placeholder: one text for both languages, or a pair (Vietnamese, English).
Value: TypeAlias = "str | int | tuple[str, str]"
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of the catalogue."""

    severity: Severity
    vi: str
    en: str


def _error(vi: str, en: str) -> Message:
    return Message(severity="error", vi=vi, en=en)


def _warning(vi: str, en: str) -> Message:
    return Message(severity="warning", vi=vi, en=en)


_ERRORS: Final[dict[str, Message]] = {
    "file_unreadable": _error(
        "Không đọc được tệp ({detail}). Hãy kiểm tra đường dẫn và quyền đọc.",
        "The file cannot be read ({detail}). Check the path and the permission to read.",
    ),
    "not_xml": _error(
        "Nội dung không phải XML hợp lệ ({detail}). Hãy gửi lại tệp edXML nguyên vẹn do phần mềm xuất ra.",
        "The content is not well-formed XML ({detail}). Send the edXML file again exactly as your software "
        "made it.",
    ),
    "doctype_forbidden": _error(
        "Tệp có khai báo DOCTYPE, không được phép vì lý do an toàn. Hãy bỏ khai báo DOCTYPE rồi gửi lại.",
        "The file has a DOCTYPE declaration, which is forbidden for safety. Remove the DOCTYPE and send "
        "again.",
    ),
    "encoding_unsupported": _error(
        "Bảng mã {detail} không được hỗ trợ. Hãy lưu tệp bằng UTF-8 rồi gửi lại.",
        "The encoding {detail} is not supported. Save the file as UTF-8 and send again.",
    ),
    "namespace_wrong": _error(
        "Thẻ gốc hoặc edXMLEnvelope không thuộc không gian tên http://www.mic.gov.vn/TBT/QCVN_102_2016 "
        "({detail}). Hãy xuất văn bản theo QCVN 102:2016/BTTTT rồi gửi lại.",
        "The root element or edXMLEnvelope is not in the namespace http://www.mic.gov.vn/TBT/QCVN_102_2016 "
        "({detail}). Export the message in the QCVN 102:2016 format and send again.",
    ),
    "message_kind_unknown": _error(
        "Không xác định được đây là văn bản hay trạng thái ({detail}). Văn bản phải có MessageHeader/To; "
        "trạng thái phải có ResponseFor và StatusCode, không có To và tệp đính kèm.",
        "It cannot be told whether this is a document or a status ({detail}). A document needs "
        "MessageHeader/To; a status needs ResponseFor and StatusCode and has neither To nor attachments.",
    ),
    "from_missing": _error(
        "Thiếu mã định danh đơn vị gửi (From/OrganId). Hãy bổ sung rồi gửi lại.",
        "The sender's organisation code (From/OrganId) is missing. Add it and send again.",
    ),
    "to_missing": _error(
        "Văn bản không có đơn vị nhận. Hãy thêm ít nhất một To có OrganId rồi gửi lại.",
        "The document names no recipient. Add at least one To with an OrganId and send again.",
    ),
    "response_for_missing": _error(
        "Trạng thái thiếu ResponseFor/OrganId nên không biết gửi về đâu. Hãy bổ sung mã đơn vị đã gửi văn "
        "bản.",
        "The status has no ResponseFor/OrganId, so it cannot be routed. Add the code of the unit that is to "
        "get it.",
    ),
    "document_id_missing": _error(
        "Trạng thái thiếu ResponseFor/DocumentId. Hãy ghi đúng mã định danh của văn bản mà trạng thái nói "
        "tới.",
        "The status has no ResponseFor/DocumentId. Give the id of the document that the status is about.",
    ),
    "code_missing": _error(
        "Trạng thái thiếu ResponseFor/Code. Hãy ghi số và ký hiệu của văn bản, ví dụ 125/UBND-VP.",
        "The status has no ResponseFor/Code. Give the number and notation of the document, such as "
        "125/UBND-VP.",
    ),
    "status_code_unknown": _error(
        "StatusCode “{value}” không có trong bảng mã. Chỉ dùng 01, 02, 03, 04, 05, 06, 13, 15 hoặc 16.",
        "StatusCode “{value}” is not in the list. Use 01, 02, 03, 04, 05, 06, 13, 15 or 16.",
    ),
    "business_type_unknown": _error(
        "BussinessDocType “{value}” không hợp lệ. Chỉ dùng 0 (mới), 1 (thu hồi), 2 (cập nhật) hoặc 3 (thay "
        "thế).",
        "BussinessDocType “{value}” is not valid. Use 0 (new), 1 (revoke), 2 (update) or 3 (replace).",
    ),
    "base64_invalid": _error(
        "Không giải mã được nội dung tệp đính kèm ({detail}). Hãy đính kèm lại tệp bằng base64 chuẩn rồi "
        "gửi lại.",
        "The attachment's content cannot be decoded ({detail}). Attach the file again in standard base64.",
    ),
    "archive_unsafe": _error(
        "Tệp nén trong tệp đính kèm không an toàn hoặc bị hỏng ({detail}). Hãy đính kèm tệp gốc, không nén.",
        "The archive in the attachment is unsafe or damaged ({detail}). Attach the original file without "
        "zipping it.",
    ),
    "attachment_shape_unknown": _error(
        "Tệp đính kèm sai cấu trúc ({detail}). Mỗi AttachmentEncoded/Attachment phải có đúng một "
        "ContentTransferEncoded chứa base64; không dùng AttachmentData.",
        "The attachment has the wrong shape ({detail}). Each AttachmentEncoded/Attachment must hold exactly "
        "one ContentTransferEncoded with base64; AttachmentData is not part of the format.",
    ),
    "attachment_too_large": _error(
        "Một tệp đính kèm vượt quá {limit} byte. Hãy giảm dung lượng hoặc chia nhỏ tệp rồi gửi lại.",
        "An attachment is larger than {limit} bytes. Make the file smaller or split it and send again.",
    ),
    "too_many_attachments": _error(
        "Có quá {limit} tệp đính kèm. Hãy gộp các tệp hoặc gửi thành nhiều văn bản.",
        "There are more than {limit} attachments. Merge the files or send several documents.",
    ),
    "too_many_recipients": _error(
        "Có quá {limit} đơn vị nhận. Hãy chia danh sách To thành nhiều lần gửi.",
        "There are more than {limit} recipients. Split the list of To over several messages.",
    ),
    "message_too_large": _error(
        "Thông điệp vượt quá {limit} byte. Hãy giảm dung lượng tệp đính kèm hoặc gửi thành nhiều văn bản.",
        "The message is larger than {limit} bytes. Reduce the attachments or send several documents.",
    ),
    "skeleton_too_large": _error(
        "Phần thông tin (không kể tệp đính kèm) quá lớn ({detail}). Hãy kiểm tra phần mềm xuất tệp: "
        "nội dung tệp chỉ được đặt trong ContentTransferEncoded.",
        "The message apart from its attachments is too large ({detail}). Check the exporting software: "
        "file content belongs in ContentTransferEncoded only.",
    ),
    "too_deep": _error(
        "Các thẻ lồng nhau quá {limit} cấp. Hãy xuất lại tệp theo QCVN 102:2016/BTTTT.",
        "Elements are nested deeper than {limit} levels. Export the file again in the QCVN 102:2016 format.",
    ),
    "too_many_elements": _error(
        "Tệp có quá {limit} thẻ. Hãy xuất lại tệp theo QCVN 102:2016/BTTTT hoặc chia nhỏ danh sách nhận.",
        "The file has more than {limit} elements. Export it again in the QCVN 102:2016 format or split the "
        "recipients.",
    ),
}

_WARNINGS: Final[dict[str, Message]] = {
    "dialect_older": _warning(
        "Thông điệp viết theo dạng cũ ({value}), đọc được nhưng nơi nhận luôn nhận bản viết lại theo QCVN "
        "102:2016/BTTTT. Hãy nâng cấp phần mềm gửi.",
        "The message is written in an older dialect ({value}); it was read, but recipients always get it "
        "rendered in QCVN 102:2016. Upgrade the sending software.",
    ),
    "junk_trimmed": _warning(
        "Có {detail} ký tự thừa trước khai báo XML, đã bỏ qua. Hãy sửa phần mềm xuất tệp: nhiều hệ thống "
        "khác từ chối.",
        "{detail} stray characters before the XML declaration were skipped. Fix the exporter: other systems "
        "refuse it.",
    ),
    "xlink_bound": _warning(
        "Dùng tiền tố xlink mà không khai báo xmlns:xlink; đã tự bổ sung. Hãy khai báo hoặc bỏ thuộc tính "
        "này.",
        "The prefix xlink is used without xmlns:xlink; it was bound. Declare it or leave the attribute out.",
    ),
    "prefix_bound": _warning(
        "Tiền tố {value} được dùng ngoài nơi khai báo; đã hiểu theo QCVN 102:2016. "
        "Hãy khai báo xmlns:{value} trên thẻ gốc hoặc bỏ tiền tố.",
        "The prefix {value} is used where it is not declared; it was taken as QCVN 102:2016. "
        "Declare xmlns:{value} on the root element or leave the prefix out.",
    ),
    "encoding_mismatch": _warning(
        "Khai báo bảng mã {value} nhưng nội dung là {detail}; đã đọc theo nội dung. Hãy khai báo đúng UTF-8.",
        "The declaration says {value} but the content is {detail}; it was read as such. Declare UTF-8.",
    ),
    "root_unusual": _warning(
        "Thẻ gốc là {value} thay vì edXML. Hãy dùng đúng <edXML>: một số hệ thống nhận sẽ từ chối.",
        "The root element is {value} instead of edXML. Use <edXML>: some receiving systems refuse this.",
    ),
    "namespace_mixed": _warning(
        "Thẻ {value} thuộc không gian tên lạ; vẫn đọc theo tên thẻ. Hãy dùng một không gian tên QCVN "
        "102:2016.",
        "Element {value} is in a foreign namespace; it was read by its name. Use the QCVN 102:2016 "
        "namespace throughout.",
    ),
    "element_repeated": _warning(
        "Thẻ {value} chỉ được có một; chỉ thẻ đầu tiên được dùng. Hãy bỏ các thẻ lặp.",
        "Element {value} may occur once; only the first is used. Remove the repetitions.",
    ),
    "unknown_element": _warning(
        "Thẻ {value} không có trong định dạng, đã bỏ qua. Thông tin trong thẻ này không được chuyển tiếp "
        "khi ghi lại.",
        "Element {value} is not part of the format and is ignored. What it holds is not passed on in a "
        "rendition.",
    ),
    "xml_signature_ignored": _warning(
        "Chữ ký XML trong phần đầu không có giá trị xác thực trên trục liên thông; hãy ký số trên tệp PDF.",
        "The XML signature in the header carries no trust on the exchange axis; sign the PDF files instead.",
    ),
    "organ_name_missing": _warning(
        "Thiếu tên đơn vị (OrganName). Hãy bổ sung để nơi nhận đọc được.",
        "The organisation's name (OrganName) is missing. Add it so that readers can tell who it is.",
    ),
    "organ_id_missing": _warning(
        "Một đơn vị nhận không có OrganId nên bị bỏ qua. Hãy bổ sung mã định danh.",
        "A recipient without OrganId is ignored. Add its organisation code.",
    ),
    "organ_id_unusual": _warning(
        "Mã định danh “{value}” không theo QCVN 102:2016 hay QĐ 20/2020/QĐ-TTg. Hãy kiểm tra lại mã.",
        "The code “{value}” follows neither QCVN 102:2016 nor Decision 20/2020/QĐ-TTg. Check it.",
    ),
    "recipient_repeated": _warning(
        "Đơn vị nhận “{value}” bị ghi lặp. Chỉ cần ghi một lần.",
        "Recipient “{value}” is named more than once. Once is enough.",
    ),
    "document_id_absent": _warning(
        "Văn bản không có DocumentId. Hãy ghi mã định danh văn bản: <mã đơn vị>,<yyyy/MM/dd>,<số>/<ký hiệu>.",
        "The document has no DocumentId. Give one: <organisation code>,<yyyy/MM/dd>,<number>/<notation>.",
    ),
    "code_absent": _warning(
        "Văn bản thiếu số hoặc ký hiệu (Code). Hãy ghi CodeNumber và CodeNotation.",
        "The document has no number or no notation (Code). Give CodeNumber and CodeNotation.",
    ),
    "subject_missing": _warning(
        "Văn bản không có trích yếu (Subject). Hãy bổ sung.",
        "The document has no subject. Add one.",
    ),
    "text_too_long": _warning(
        "{value} dài {detail} ký tự, quá {limit} ký tự. Hãy rút ngắn: hệ thống nhận có thể cắt bớt.",
        "{value} has {detail} characters, more than {limit}. Shorten it: receiving systems may cut it.",
    ),
    "spaces_stray": _warning(
        "{value} có khoảng trắng thừa hoặc ký tự không nhìn thấy. Hãy xoá chúng ở phần mềm gửi.",
        "{value} has stray spaces or invisible characters. Remove them in the sending software.",
    ),
    "placeholder_ignored": _warning(
        "{value} chứa giá trị giữ chỗ “{detail}”, được coi là để trống. Hãy bỏ thẻ khi không có giá trị.",
        "{value} holds the placeholder “{detail}” and counts as empty. Leave the element out instead.",
    ),
    "number_invalid": _warning(
        "{value} phải là số nguyên nhưng có giá trị “{detail}”; đã bỏ qua. Hãy ghi số.",
        "{value} must be an integer but is “{detail}”; it is ignored. Give a number.",
    ),
    "value_unlisted": _warning(
        "{value} có giá trị “{detail}” ngoài danh mục; được đọc là {limit}. Hãy dùng giá trị trong danh mục.",
        "{value} is “{detail}”, which is not in its list; it is read as {limit}. Use a listed value.",
    ),
    "document_type_unusual": _warning(
        "DocumentType/Type là {value}; một số hệ thống chỉ nhận 1 hoặc 2. Hãy ghi loại văn bản ở TypeName.",
        "DocumentType/Type is {value}; some systems take only 1 or 2. Put the kind of document in TypeName.",
    ),
    "date_not_canonical": _warning(
        "{value} là “{detail}”, không đúng dạng {limit}. Hãy dùng dạng này: hệ thống khác có thể bỏ qua "
        "ngày.",
        "{value} is “{detail}”, not in the form {limit}. Use that form: other systems may drop the date.",
    ),
    "date_invalid": _warning(
        "{value} là “{detail}”, không phải ngày hợp lệ. Hãy ghi theo dạng {limit}.",
        "{value} is “{detail}”, which is not a date. Write it in the form {limit}.",
    ),
    "date_in_future": _warning(
        "Ngày ban hành {value} ở tương lai. Hãy kiểm tra lại: một số hệ thống từ chối.",
        "The promulgation date {value} is in the future. Check it: some systems refuse this.",
    ),
    "business_missing": _warning(
        "Không có Bussiness/BussinessDocType; coi là văn bản mới (0). Hãy ghi rõ loại nghiệp vụ.",
        "There is no Bussiness/BussinessDocType; taken as a new document (0). State the kind.",
    ),
    "business_spelling": _warning(
        "Thẻ {value} viết khác chuẩn; vẫn được đọc. Hãy dùng đúng cách viết Bussiness, BussinessDocType.",
        "Element {value} is spelled differently; it was read all the same. Use Bussiness, BussinessDocType.",
    ),
    "business_incomplete": _warning(
        "Văn bản {value} thiếu {detail} nên nơi nhận không biết văn bản nào bị tác động. Hãy bổ sung.",
        "This {value} lacks {detail}, so recipients cannot tell which document it concerns. Add it.",
    ),
    "reason_missing": _warning(
        "Trạng thái {value} cần lý do trong Description. Hãy ghi lý do.",
        "Status {value} needs a reason in Description. Give one.",
    ),
    "attachments_absent": _warning(
        "Văn bản không có tệp đính kèm nào. Hãy đính kèm văn bản đã ký số.",
        "The document has no attachment. Attach the signed document.",
    ),
    "attachment_missing": _warning(
        "Manifest nêu tệp “{value}” nhưng không có nội dung. Hãy đính kèm tệp hoặc bỏ khỏi danh sách.",
        "The manifest names “{value}” but there is no content for it. Attach the file or drop the reference.",
    ),
    "attachment_unlisted": _warning(
        "Tệp đính kèm “{value}” không có trong edXMLManifest. Hãy thêm Reference cho tệp.",
        "Attachment “{value}” is not listed in edXMLManifest. Add a Reference for it.",
    ),
    "content_id_mismatch": _warning(
        "ContentId của tệp “{value}” không khớp với manifest; đã ghép theo {detail}. Hãy dùng cùng một mã "
        "cid.",
        "The ContentId of “{value}” differs from the manifest; matched by {detail}. Use the same cid on "
        "both sides.",
    ),
    "content_id_repeated": _warning(
        "ContentId “{value}” bị trùng; đã đổi thành “{detail}”. Mỗi tệp cần một ContentId riêng.",
        "ContentId “{value}” is used twice; it becomes “{detail}”. Give every file its own ContentId.",
    ),
    "content_type_mismatch": _warning(
        "Tệp “{value}” khai báo kiểu {detail} nhưng thực tế là {limit}. Hãy khai báo đúng kiểu.",
        "File “{value}” is declared as {detail} but is {limit}. Declare its true type.",
    ),
    "attachment_name_missing": _warning(
        "Tệp đính kèm không có tên; đặt là “{value}”. Hãy ghi AttachmentName.",
        "The attachment has no name; it is called “{value}”. Give AttachmentName.",
    ),
    "attachment_name_unsafe": _warning(
        "Tên tệp có đường dẫn hoặc ký tự nguy hiểm; được đổi thành “{value}”. Hãy chỉ ghi tên tệp.",
        "The file name holds a path or dangerous characters; it becomes “{value}”. Give the bare file name.",
    ),
    "attachment_empty": _warning(
        "Tệp đính kèm “{value}” rỗng (0 byte). Hãy kiểm tra lại tệp.",
        "Attachment “{value}” is empty (0 bytes). Check the file.",
    ),
    "archive_kept": _warning(
        "Tệp nén “{value}” được giữ nguyên ({detail}). Hãy đính kèm tệp gốc, không nén.",
        "The archive “{value}” is left as it is ({detail}). Attach the original file without zipping it.",
    ),
    "base64_dirty": _warning(
        "Base64 có {detail} ký tự lạ, đã bỏ qua. Hãy xuất lại tệp bằng base64 chuẩn.",
        "{detail} illegal characters in the base64 were ignored. Export the file in standard base64.",
    ),
    "base64_padding": _warning(
        "Base64 thiếu hoặc thừa dấu “=” ở cuối; vẫn giải mã được. Hãy xuất lại tệp bằng base64 chuẩn.",
        "The base64 has too few or too many “=” at its end; it was decoded all the same. Use standard "
        "base64.",
    ),
    "control_removed": _warning(
        "{value} có ký tự điều khiển không được phép trong XML; chúng bị bỏ khi ghi. Hãy xoá các ký tự này.",
        "{value} has control characters that XML forbids; they are dropped in writing. Remove them.",
    ),
    "schema_violation": _warning(
        "Thông điệp ghi ra không đúng lược đồ nội bộ: {detail}. Hãy báo cho đơn vị quản trị trục.",
        "The written message violates the strict schema: {detail}. Tell the operators of the hub.",
    ),
}

CATALOGUE: Final = MappingProxyType({**_ERRORS, **_WARNINGS})


def shown(value: object) -> str:
    """A value from a message as it may be shown: one line, no invisible characters, shortened."""
    text = "".join(
        " " if char in "\t\r\n" else char
        for char in str(value)[: SHOWN_LENGTH * 4]
        if char in "\t\r\n" or unicodedata.category(char) not in _HIDDEN_CATEGORIES
    )
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def _filled(template: str, index: int, values: dict[str, Value]) -> str:
    return template.format(
        **{name: shown(value[index] if isinstance(value, tuple) else value) for name, value in values.items()}
    )


def issue(code: str, path: str = "", *, value: Value = "", detail: Value = "", limit: Value = "") -> Issue:
    """Make the finding `code`; an unknown code is a programming error."""
    message = CATALOGUE[code]
    values = {"value": value, "detail": detail, "limit": limit}
    return Issue(
        code=code,
        severity=message.severity,
        path=shown(path),
        vi=_filled(message.vi, 0, values),
        en=_filled(message.en, 1, values),
    )


def refusal(
    code: str, path: str = "", *, value: Value = "", detail: Value = "", limit: Value = ""
) -> EdxmlRefused:
    """A refusal for one reason."""
    return EdxmlRefused(issue(code, path, value=value, detail=detail, limit=limit))
