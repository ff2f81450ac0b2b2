"""Every sentence a report may contain, in Vietnamese and English, under a stable code.

Wording follows what clerks know from the government's own verifier and the EN 319 102-1 terms. A code keeps
its meaning for ever; texts may be improved. Placeholders are filled by `finding()`; a text never carries
personal numbers.
"""

from __future__ import annotations

from signing.codes import Code
from signing.report import Finding, Severity

__all__ = ["Code", "conclusion", "finding"]


_TEXTS: dict[Code, tuple[str, str]] = {
    Code.FILE_UNREADABLE: ("Không đọc được tệp.", "The file cannot be read."),
    Code.FORMAT_UNKNOWN: (
        "Tệp thuộc loại không mang chữ ký số mà hệ thống kiểm tra được.",
        "The file is of a kind in which no signature can be looked for.",
    ),
    Code.FILE_BROKEN: (
        "Tệp hỏng hoặc sai cấu trúc nên không kiểm tra được: {detail}.",
        "The file is damaged and cannot be examined: {detail}.",
    ),
    Code.FILE_ENCRYPTED: (
        "Tệp đặt mật khẩu nên không kiểm tra được.",
        "The file is protected by a password and cannot be examined.",
    ),
    Code.DOCTYPE_FORBIDDEN: (
        "Tệp XML có khai báo DOCTYPE nên bị từ chối.",
        "The XML file has a DOCTYPE declaration and is refused.",
    ),
    Code.XML_BROKEN: (
        "Tệp không phải XML đúng quy cách: {detail}.",
        "The file is not well-formed XML: {detail}.",
    ),
    Code.LIMIT_EXCEEDED: ("Vượt giới hạn xử lý: {detail}.", "A processing limit is exceeded: {detail}."),
    Code.NOT_EVALUATED: (
        "Chữ ký không được kiểm tra vì tệp quá lớn ({detail}).",
        "The signature was not evaluated because the file is too large ({detail}).",
    ),
    Code.EDXML_PLACEHOLDER: (
        "Phần tử chữ ký của gói tin edXML chỉ là phần tử mẫu, không phải chữ ký dùng được.",
        "The Signature element of the edXML message is a placeholder, not a usable signature.",
    ),
    Code.CONTAINER_BROKEN: ("Gói ASiC hỏng: {detail}.", "The ASiC container is damaged: {detail}."),
    Code.CONTAINER_DUPLICATE_NAME: (
        "Gói ASiC có hai tệp trùng tên: {detail}.",
        "The ASiC container has two entries of one name: {detail}.",
    ),
    Code.CONTAINER_UNSAFE_NAME: (
        "Gói ASiC có tên tệp không an toàn: {detail}.",
        "The ASiC container has an unsafe entry name: {detail}.",
    ),
    Code.CONTAINER_DATA_COUNT: (
        "Gói ASiC-S phải có đúng một tệp dữ liệu, ở đây có {detail}.",
        "An ASiC-S container holds exactly one data file, this one has {detail}.",
    ),
    Code.CONTAINER_NO_DATA: ("Gói ASiC không có tệp dữ liệu nào.", "The ASiC container holds no data file."),
    Code.CONTAINER_MANIFEST_ABSENT: (
        "Gói ASiC thiếu META-INF/manifest.xml.",
        "The ASiC container has no META-INF/manifest.xml.",
    ),
    Code.CONTAINER_MANIFEST_DIFFERS: (
        "META-INF/manifest.xml không khớp với nội dung gói: {detail}.",
        "META-INF/manifest.xml does not match the container: {detail}.",
    ),
    Code.CONTAINER_MIMETYPE: (
        "Mục mimetype của gói ASiC không đúng quy cách.",
        "The container's mimetype entry is not as the standard wants it.",
    ),
    Code.INTERNAL_ERROR: (
        "Lỗi bất thường khi kiểm tra ({detail}); chữ ký chưa được kết luận.",
        "An unexpected error occurred while checking ({detail}); no conclusion was reached.",
    ),
    Code.VERIFICATION_CRASHED: (
        "Tiến trình kiểm tra chữ ký bị dừng đột ngột; chưa kết luận được.",
        "The checking process died; no conclusion was reached.",
    ),
    Code.VERIFICATION_TIMED_OUT: (
        "Kiểm tra chữ ký quá thời gian cho phép; chưa kết luận được.",
        "Checking took longer than allowed; no conclusion was reached.",
    ),
    Code.FORMAT_FAILURE: ("Sai định dạng chữ ký: {detail}.", "The signature's format is wrong: {detail}."),
    Code.SIGNATURE_TYPE_UNKNOWN: (
        "Loại chữ ký không được hỗ trợ: {detail}.",
        "The type of signature is not supported: {detail}.",
    ),
    Code.ALGORITHM_UNKNOWN: (
        "Thuật toán không được hỗ trợ: {detail}.",
        "The algorithm is not supported: {detail}.",
    ),
    Code.CMS_BROKEN: ("Định dạng CMS sai: {detail}.", "The CMS structure is wrong: {detail}."),
    Code.CMS_ENCAPSULATED_CONTENT: (
        "Định dạng CMS sai: chữ ký mang nội dung riêng thay vì ký nội dung tệp.",
        "The CMS structure is wrong: the signature carries content of its own instead of signing the file's.",
    ),
    Code.CMS_SEVERAL_SIGNERS: (
        "Định dạng CMS sai: một trường chữ ký có {detail} người ký.",
        "The CMS structure is wrong: one signature field holds {detail} signer infos.",
    ),
    Code.CMS_ATTRIBUTES_NOT_DER: (
        "Thuộc tính được ký không theo thứ tự DER; giá trị chữ ký vẫn khớp.",
        "The signed attributes are not in DER order; the signature value matches all the same.",
    ),
    Code.CMS_NO_SIGNED_ATTRIBUTES: (
        "Chữ ký không có thuộc tính được ký (kiểu cũ).",
        "The signature has no signed attributes (old style).",
    ),
    Code.CMS_CONTENT_TYPE_DIFFERS: (
        "Thuộc tính content-type không khớp với nội dung được ký.",
        "The content-type attribute does not match the signed content.",
    ),
    Code.CONTENTS_EMPTY: (
        "Trường chữ ký có khung nhưng không có giá trị chữ ký.",
        "The signature field is there but holds no signature value.",
    ),
    Code.STRUCTURE_DAMAGED: (
        "Cấu trúc tệp PDF quanh chữ ký không đọc được trọn vẹn: {detail}.",
        "The PDF structure around the signature cannot be read in full: {detail}.",
    ),
    Code.XSLT_NOT_RUN: (
        "Chữ ký dùng phép biến đổi XSLT; hệ thống không thực hiện XSLT.",
        "The signature uses an XSLT transform; XSLT is never run.",
    ),
    Code.TRANSFORM_UNKNOWN: (
        "Phép biến đổi không được hỗ trợ: {detail}.",
        "The transform is not supported: {detail}.",
    ),
    Code.SIGNATURE_POLICY_DIFFERS: (
        "Giá trị băm của chính sách chữ ký không khớp hoặc không kiểm tra được: {detail}.",
        "The signature policy's digest does not match or cannot be checked: {detail}.",
    ),
    Code.SIGNED_PROPERTIES_NOT_SIGNED: (
        "Thuộc tính XAdES (SignedProperties) không nằm trong phạm vi được ký.",
        "The XAdES SignedProperties are not covered by the signature.",
    ),
    Code.COUNTER_SIGNATURE_ELSEWHERE: (
        "Chữ ký xác nhận không ký lên chữ ký mà nó xác nhận.",
        "The counter-signature does not sign the signature that it stands in.",
    ),
    Code.CONTENT_CHANGED: (
        "Tài liệu đã bị thay đổi: nội dung không khớp với giá trị băm được ký.",
        "The document has been changed: its content does not match the signed digest.",
    ),
    Code.SIGNATURE_VALUE_WRONG: (
        "Giá trị chữ ký sai: không khớp với chứng thư số của người ký.",
        "The signature value is wrong: it does not match the signer's certificate.",
    ),
    Code.REFERENCE_CHANGED: (
        "Dữ liệu được ký đã bị thay đổi: {detail}.",
        "Signed data has been changed: {detail}.",
    ),
    Code.SIGNED_DATA_NOT_FOUND: ("Thiếu tệp được ký: {detail}.", "The signed data is missing: {detail}."),
    Code.PARTIAL_SCOPE: (
        "Chữ ký chỉ bao phủ một phần: {detail}.",
        "The signature covers a part only: {detail}.",
    ),
    Code.COVERAGE_UNCLEAR: (
        "Phạm vi được ký không rõ ràng: {detail}.",
        "What the signature covers is not clear: {detail}.",
    ),
    Code.NO_SIGNING_CERTIFICATE_FOUND: (
        "Không có chứng thư số của người ký trong tệp.",
        "The signer's certificate is not in the file.",
    ),
    Code.SIGNING_CERTIFICATE_DIFFERS: (
        "Chứng thư số không phải chứng thư mà chữ ký chỉ định.",
        "The certificate is not the one that the signature names.",
    ),
    Code.ISSUER_SERIAL_DIFFERS: (
        "Tên CA hoặc số hiệu trong tham chiếu chứng thư không khớp (giá trị băm khớp).",
        "Issuer or serial number of the certificate reference differ (its digest matches).",
    ),
    Code.SIGNING_CERTIFICATE_UNNAMED: (
        "Chữ ký không gắn với chứng thư (không có thuộc tính signing-certificate), chưa đạt mức cơ sở.",
        "The signature does not name its certificate (no signing-certificate attribute).",
    ),
    Code.HMAC_SIGNATURE: (
        "Giá trị HMAC dùng khóa bí mật chung, không phải chữ ký số.",
        "An HMAC value uses a shared secret and is not a signature.",
    ),
    Code.LATER_SIGNATURES: (
        "Nội dung đã ký chưa bị thay đổi; sau đó có thêm {count} chữ ký.",
        "The signed content is unchanged; {count} more signature(s) followed.",
    ),
    Code.CHANGES_PERMITTED: (
        (
            "Nội dung đã ký số chưa bị thay đổi. "
            "Tuy nhiên, tài liệu đã có những thay đổi trong giới hạn cho phép."
        ),
        "The signed content is unchanged; the document has since been changed within what is permitted.",
    ),
    Code.CHANGES_SUSPICIOUS: (
        "Nội dung hiển thị có thể đã khác so với lúc ký: {detail}.",
        "What is shown may differ from what was signed: {detail}.",
    ),
    Code.CHANGES_FORBIDDEN: (
        "Tài liệu đã bị thay đổi sau khi ký ngoài giới hạn cho phép: {detail}.",
        "The document was changed after signing beyond what is permitted: {detail}.",
    ),
    Code.PAGE_LOOKS_DIFFERENT: (
        "Nội dung hiển thị đã khác so với lúc ký (trang {pages}).",
        "What is shown differs from what was signed (page {pages}).",
    ),
    Code.APPEARANCE_COVERS_TEXT: (
        "Hình ảnh thêm sau khi ký che nội dung đã ký (trang {pages}).",
        "A picture added after signing covers signed content (page {pages}).",
    ),
    Code.FREED_OBJECTS_UNUSED: (
        "Phần mềm ký đã giải phóng số đối tượng không dùng đến; hình ảnh các trang không đổi.",
        "The signing tool freed object numbers that nothing uses; every page looks the same.",
    ),
    Code.PAGES_NOT_COMPARED: (
        "Chưa so sánh được hình ảnh các trang: {detail}.",
        "The pages' appearance could not be compared: {detail}.",
    ),
    Code.ALGORITHM_BROKEN: (
        "Thuật toán không còn an toàn: {detail}.",
        "The algorithm is broken and never acceptable: {detail}.",
    ),
    Code.ALGORITHM_OLD: ("Thuật toán cũ ({detail}).", "An old algorithm is used ({detail})."),
    Code.KEY_TOO_SHORT: ("Khóa quá ngắn ({detail}).", "The key is too short ({detail})."),
    Code.OLD_DIGEST_IN_REFERENCE: (
        "Tham chiếu chứng thư dùng thuật toán băm cũ ({detail}).",
        "The certificate reference uses an old digest ({detail}).",
    ),
    Code.OLD_DIGEST_IN_TIMESTAMP: (
        "Dấu thời gian dùng thuật toán băm cũ ({detail}).",
        "A timestamp uses an old digest ({detail}).",
    ),
    Code.TIMESTAMP_INVALID: ("Dấu thời gian không hợp lệ: {detail}.", "A timestamp is not valid: {detail}."),
    Code.TIMESTAMP_NOT_EVALUATED: (
        "Dấu thời gian kiểu cũ không được kiểm tra: {detail}.",
        "A timestamp of an old type was not evaluated: {detail}.",
    ),
    Code.TIMESTAMP_UNTRUSTED: (
        "Chứng thư của dịch vụ cấp dấu thời gian không thuộc danh sách tin cậy; không dùng thời điểm đó.",
        "The timestamp authority's certificate is not trusted; its time is not relied upon.",
    ),
    Code.TIMESTAMP_EXPIRED: (
        "Chứng thư của dịch vụ cấp dấu thời gian đã hết hạn, không có dấu thời gian mới hơn; không dùng.",
        "The timestamp authority's certificate has expired with no later timestamp; it is not relied upon.",
    ),
    Code.TIMESTAMP_REVOKED: (
        "Chứng thư của dịch vụ cấp dấu thời gian đã bị thu hồi ngày {date}; không dùng thời điểm đó.",
        "The timestamp authority's certificate was revoked on {date}; its time is not relied upon.",
    ),
    Code.TIMESTAMP_REVOCATION_UNKNOWN: (
        "Chưa kiểm tra được thu hồi chứng thư của dịch vụ cấp dấu thời gian ({detail}).",
        "Revocation of the timestamp authority's certificate could not be checked ({detail}).",
    ),
    Code.TIMESTAMP_ABSENT: (
        "Chữ ký không gắn dấu thời gian; thời gian theo máy người ký.",
        "The signature has no timestamp; the time is the signer's own claim.",
    ),
    Code.TIMESTAMP_UNAVAILABLE: (
        "Không lấy được dấu thời gian, đã ký không kèm dấu thời gian: {detail}.",
        "No timestamp could be had; signed without one: {detail}.",
    ),
    Code.LONG_TERM_UNAVAILABLE: (
        "Chưa thu được đủ bằng chứng thu hồi, chữ ký không kèm dữ liệu kiểm tra dài hạn: {detail}.",
        "Evidence about revocation is not complete; signed without long-term data: {detail}.",
    ),
    Code.ARCHIVE_TIMESTAMP_UNAVAILABLE: (
        "Không lấy được dấu thời gian cho cả tệp, chữ ký ở mức B-LT: {detail}.",
        "No timestamp over the document could be had; the signature stays at B-LT: {detail}.",
    ),
    Code.CLAIMED_TIME_LATE: (
        "Thời gian ký khai báo muộn hơn thời điểm đã được chứng minh.",
        "The claimed signing time is later than the proven time.",
    ),
    Code.CLAIMED_TIME_BEFORE_CERTIFICATE: (
        "Thời gian ký khai báo trước khi chứng thư có hiệu lực.",
        "The claimed signing time is before the certificate became valid.",
    ),
    Code.CLAIMED_TIMES_DIFFER: (
        "Các thời gian ký ghi trong tệp khác nhau quá 5 phút.",
        "The signing times written in the file differ by more than five minutes.",
    ),
    Code.SIGNER_NOT_SENDER: (
        "Chứng thư số là của cơ quan khác ({detail}), không phải của nơi gửi văn bản.",
        "The certificate is another agency's ({detail}), not the sender's.",
    ),
    Code.SIGNER_UNKNOWN_AGENCY: (
        "Chứng thư số của cơ quan, tổ chức này chưa được xác nhận là của nơi gửi: {detail}.",
        "This organisation's certificate is not confirmed as the sender's: {detail}.",
    ),
    Code.SIGNER_NAME_DIFFERS: (
        "Tên trên chứng thư số ({detail}) khác tên cơ quan gửi trong danh bạ.",
        "The name in the certificate ({detail}) is not the sender's name in the directory.",
    ),
    Code.ATTACHMENT_UNSIGNED: (
        "Tệp đính kèm không có chữ ký số: {detail}.",
        "An attachment has no signature: {detail}.",
    ),
    Code.ATTACHMENT_REFUSED: (
        "Tệp đính kèm hỏng hoặc không kiểm tra được: {detail}.",
        "An attachment is damaged or cannot be examined: {detail}.",
    ),
    Code.MESSAGE_NOT_UNPACKED: (
        "Không tách được tệp đính kèm của gói tin: {detail}.",
        "The attachments of the message cannot be taken out: {detail}.",
    ),
    Code.TRUST_NOT_CHECKED: (
        "Không kiểm tra đường dẫn chứng thực, thu hồi và hiệu lực chứng thư (theo yêu cầu).",
        "Chain, revocation and validity periods were left out on request.",
    ),
    Code.CHAIN_UNTRUSTED: (
        "CA không thuộc danh sách tin cậy: {detail}.",
        "The certification authority is not in the trust list: {detail}.",
    ),
    Code.CHAIN_INTERMEDIATE_MISSING: (
        "Thiếu chứng thư CA trung gian {detail}.",
        "The intermediate certificate {detail} is missing.",
    ),
    Code.CHAIN_BROKEN: (
        "Đường dẫn chứng thực không hợp lệ: {detail}.",
        "The certification path is not valid: {detail}.",
    ),
    Code.CHAIN_PRIVATE: (
        "CA {detail} không thuộc hệ thống chứng thực quốc gia.",
        "The certification authority {detail} is not of the national system.",
    ),
    Code.CHAIN_ROOT_NOT_INSTALLED: (
        "CA gốc {detail} thuộc hệ thống chứng thực quốc gia nhưng chưa được cài vào danh sách tin cậy.",
        "The root {detail} is of the national system but is not installed in the trust list.",
    ),
    Code.CHAIN_PURPOSE: (
        "CA gốc không được tin cậy cho mục đích này: {detail}.",
        "The root is not trusted for this purpose: {detail}.",
    ),
    Code.CHAIN_CLOSED: (
        "CA gốc không được chấp nhận cho chữ ký vào ngày này: {detail}.",
        "The root is not accepted for signatures of this day: {detail}.",
    ),
    Code.CERTIFICATE_EXPIRED: (
        "Chứng thư số đã hết hạn sử dụng khi ký.",
        "The certificate had expired when the signature was made.",
    ),
    Code.CERTIFICATE_EXPIRED_NO_PROOF: (
        "Chứng thư đã hết hạn, chưa chứng minh được thời điểm ký.",
        "The certificate has expired and the time of signing is not proven.",
    ),
    Code.CERTIFICATE_NOT_YET_VALID: (
        "Chứng thư số chưa có hiệu lực khi ký.",
        "The certificate was not yet valid when the signature was made.",
    ),
    Code.CERTIFICATE_USAGE: (
        "Chứng thư số không được cấp để ký: {detail}.",
        "The certificate was not issued for signing: {detail}.",
    ),
    Code.CERTIFICATE_REVOKED: (
        "Chứng thư số đã bị thu hồi ngày {date}.",
        "The certificate was revoked on {date}.",
    ),
    Code.CERTIFICATE_REVOKED_NO_PROOF: (
        "Chứng thư số đã bị thu hồi ngày {date}; chưa chứng minh được chữ ký có trước ngày đó.",
        "The certificate was revoked on {date}; nothing proves that the signature is older.",
    ),
    Code.CERTIFICATE_ON_HOLD: (
        "Chứng thư số đang bị tạm dừng từ ngày {date}; cần kiểm tra lại sau.",
        "The certificate is on hold since {date}; it must be checked again later.",
    ),
    Code.CA_REVOKED: (
        "Chứng thư của CA {detail} đã bị thu hồi ngày {date}.",
        "The certificate of the authority {detail} was revoked on {date}.",
    ),
    Code.CA_REVOCATION_UNKNOWN: (
        "Chưa kiểm tra được thu hồi chứng thư của CA {detail}.",
        "Revocation of this authority could not be checked: {detail}.",
    ),
    Code.REVOCATION_UNKNOWN: (
        "Chưa kiểm tra được thu hồi, hệ thống sẽ thử lại ({detail}).",
        "Revocation could not be checked yet; it will be tried again ({detail}).",
    ),
    Code.REVOCATION_UNPUBLISHED: (
        "CA không công bố nơi kiểm tra thu hồi cho chứng thư này.",
        "The authority publishes no revocation information for this certificate.",
    ),
}


def finding(code: Code, severity: Severity = Severity.INFO, /, **values: object) -> Finding:
    """A finding with its texts filled in."""
    vi, en = _TEXTS[code]
    return Finding(code=code.value, severity=severity, vi=vi.format(**values), en=en.format(**values))


def conclusion(indication: str, reason: str | None = None) -> tuple[str, str]:
    """The verdict's own sentence (Vietnamese, English) as a clerk reads it."""
    because = f": {reason}" if reason else ""
    return {
        "TOTAL-PASSED": ("Chữ ký số hợp lệ", "The signature is valid"),
        "INDETERMINATE": (f"Chưa đủ căn cứ kết luận{because}", f"No conclusion possible{because}"),
        "TOTAL-FAILED": (f"Chữ ký số không hợp lệ{because}", f"The signature is not valid{because}"),
        "NO_SIGNATURE": ("Tệp không có chữ ký số", "The file has no signature"),
    }[indication]
