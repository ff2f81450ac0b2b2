"""The words of the printed report: what the report's codes are called before a clerk."""

from __future__ import annotations

from typing import Final

from signing.report import (
    CertificateKind,
    ChainStatus,
    Changes,
    Coverage,
    Indication,
    Revocation,
    Role,
    TimeSource,
)

ROLE: Final = {
    Role.INITIALS: "Ký nháy",
    Role.SIGNER: "Người có thẩm quyền",
    Role.ORGANISATION: "Cơ quan, tổ chức (con dấu)",
    Role.NUMBER: "Cấp số văn bản",
    Role.DATE: "Ghi ngày ban hành",
    Role.INCOMING: "Dấu đến",
    Role.COPY: "Bản sao điện tử",
    Role.ANNEX: "Phụ lục",
    Role.TIMESTAMP: "Dấu thời gian của tài liệu",
    Role.COUNTER: "Ký xác nhận chữ ký khác",
    Role.UNKNOWN: "Chưa xác định",
}
KIND: Final = {
    CertificateKind.PERSON: "cá nhân",
    CertificateKind.ORGANISATION: "cơ quan, tổ chức",
    CertificateKind.UNKNOWN: "chưa xác định được là của cá nhân hay tổ chức",
}
TIME: Final = {
    TimeSource.CLAIMED: "theo máy người ký, chưa được chứng minh",
    TimeSource.TIMESTAMP: "theo dấu thời gian trên chữ ký",
    TimeSource.DOCUMENT_TIMESTAMP: "theo dấu thời gian của tài liệu",
    TimeSource.RECEIPT: "theo thời điểm trục tiếp nhận",
}
CHANGES: Final = {
    Changes.NONE: "Nội dung đã ký chưa bị thay đổi",
    Changes.PERMITTED: "Nội dung đã ký chưa bị thay đổi; sau đó có thay đổi trong giới hạn cho phép",
    Changes.SUSPICIOUS: "Sau khi ký có thay đổi đáng ngờ",
    Changes.FORBIDDEN: "Nội dung hiển thị đã khác so với lúc ký",
}
COVERS: Final = {
    Coverage.WHOLE_FILE: "toàn bộ tệp",
    Coverage.REVISION: "toàn bộ phiên bản lúc ký",
    Coverage.PARTIAL: "một phần tệp",
    Coverage.UNCLEAR: "không xác định được",
}
CHAIN: Final = {
    ChainStatus.TRUSTED: "dẫn tới CA gốc được tin cậy",
    ChainStatus.UNTRUSTED: "chưa dẫn tới CA gốc được tin cậy",
    ChainStatus.NOT_CHECKED: "không kiểm tra",
}
REVOCATION: Final = {
    Revocation.GOOD: "không bị thu hồi",
    Revocation.REVOKED: "đã bị thu hồi",
    Revocation.UNKNOWN: "chưa kiểm tra được",
    Revocation.NOT_CHECKED: "không kiểm tra",
}
WHAT_TO_DO: Final = {
    Indication.TOTAL_PASSED: "Tiếp nhận",
    Indication.INDETERMINATE: "Hỏi nơi gửi hoặc kiểm tra lại sau",
    Indication.TOTAL_FAILED: "Trả lại, báo nơi gửi",
    Indication.NO_SIGNATURE: "Chỉ có giá trị để biết, tham khảo",
}
