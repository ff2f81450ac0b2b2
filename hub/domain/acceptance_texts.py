"""Sentences of the acceptance policy: (Vietnamese, English); ``{file}`` is the file's name.

"Chỉ có giá trị để biết, tham khảo" is the wording of QĐ 28/2018 Đ.4.2 for what is not duly signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_REFERENCE_VI = "chỉ có giá trị để biết, tham khảo"
_REFERENCE_EN = "for information and reference only"

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "signature_failed": (
            "Chữ ký số của người ký hoặc của cơ quan, tổ chức trên tệp {file} không hợp lệ.",
            "The signer's or the organisation's signature on {file} is not valid.",
        ),
        "changed_after_signing": (
            "Tệp {file} đã bị thay đổi trái phép sau khi ký số.",
            "{file} was changed after signing in a way the signature forbids.",
        ),
        "suspicious_changes": (
            "Tệp {file} có thay đổi đáng ngờ sau khi ký số; cần kiểm tra.",
            "{file} shows suspicious changes after signing; look at it closely.",
        ),
        "minor_signature_failed": (
            "Chữ ký phụ (ký nháy, số, ngày, dấu đến hoặc dấu thời gian) trên tệp {file} không hợp lệ.",
            "A minor signature (initials, number, date, arrival or timestamp) on {file} is not valid.",
        ),
        "signature_indeterminate": (
            "Chưa đủ căn cứ kết luận chữ ký số trên tệp {file}.",
            "The signature on {file} could be neither confirmed nor denied.",
        ),
        "minor_signature_indeterminate": (
            "Chưa đủ căn cứ kết luận chữ ký phụ trên tệp {file}.",
            "A minor signature on {file} could be neither confirmed nor denied.",
        ),
        "signer_not_sender": (
            "Tệp {file} mang chữ ký số của cơ quan khác, không phải của nơi gửi.",
            "{file} bears another agency's signature, not the sender's.",
        ),
        "signer_unknown_agency": (
            "Chứng thư số của cơ quan trên tệp {file} chưa được xác nhận là của nơi gửi.",
            "The organisation's certificate on {file} is not confirmed as the sender's.",
        ),
        "file_not_examinable": (
            "Tệp {file} bị hỏng hoặc không an toàn, không kiểm tra được.",
            "{file} is damaged or unsafe and cannot be examined.",
        ),
        "file_indeterminate": (
            "Việc kiểm tra chữ ký số trên tệp {file} chưa hoàn tất.",
            "The signature check of {file} could not be completed.",
        ),
        "unsigned": (
            f"Tệp {{file}} không có chữ ký số: {_REFERENCE_VI}.",
            f"{{file}} bears no digital signature: {_REFERENCE_EN}.",
        ),
        "signer_unclear": (
            f"Không xác định được chữ ký trên tệp {{file}} là của ai: {_REFERENCE_VI}.",
            f"It is not clear whose signatures are on {{file}}: {_REFERENCE_EN}.",
        ),
        "person_signature_missing": (
            f"Tệp {{file}} thiếu chữ ký số của người có thẩm quyền: {_REFERENCE_VI}.",
            f"{{file}} lacks the competent person's signature: {_REFERENCE_EN}.",
        ),
        "organisation_signature_missing": (
            f"Tệp {{file}} thiếu chữ ký số của cơ quan, tổ chức: {_REFERENCE_VI}.",
            f"{{file}} lacks the organisation's signature: {_REFERENCE_EN}.",
        ),
        "required_signature_missing": (
            f"Tệp {{file}} thiếu chữ ký số bắt buộc: {_REFERENCE_VI}.",
            f"{{file}} lacks a required signature: {_REFERENCE_EN}.",
        ),
        "no_document_file": (
            f"Không có tệp văn bản ký số nào: {_REFERENCE_VI}.",
            f"There is no signed document file: {_REFERENCE_EN}.",
        ),
    }
)
