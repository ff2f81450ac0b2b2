"""What a person is told when signing is refused: a code, one sentence in Vietnamese and one in English."""

from __future__ import annotations

from typing import Final

CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    "anchor_not_found": (
        "Không tìm thấy dòng chữ để đặt chữ ký. Chỉ rõ bằng --anchor hoặc --box.",
        "The words beside which to sign are not in the file: give --anchor or --box.",
    ),
    "container_files": (
        "Một gói ASiC chứa từ 1 đến 200 tệp.",
        "A container holds 1 to 200 files.",
    ),
    "container_names": (
        "Tên tệp trùng nhau hoặc không dùng được trong gói ASiC.",
        "Names of files repeat, or cannot stand in a container.",
    ),
    "container_unsignable": (
        "Không ký thêm được vào gói này: tệp hỏng hoặc không phải ASiC-E.",
        "Nothing can be added to this container: it is damaged or no ASiC-E.",
    ),
    "copy_of_signed": (
        "Văn bản đã có chữ ký số: không sao y trên tệp này, hãy chuyển tiếp bản gốc.",
        "The file is signed already: it is not copied but forwarded as it is.",
    ),
    "credential_certificate": (
        "Không có chứng thư nào khớp với khóa bí mật. Chỉ tệp chứng thư bằng --certificate.",
        "No certificate fits the private key: name its file with --certificate.",
    ),
    "credential_key": (
        "Không dùng được khóa bí mật trong tệp này để ký.",
        "The private key in this file cannot be used for signing.",
    ),
    "credential_outdated": (
        "Chứng thư chưa có hiệu lực hoặc đã hết hạn.",
        "The certificate is not yet valid or has expired.",
    ),
    "credential_passphrase": (
        "Sai mật khẩu của khóa, hoặc tệp khóa bị hỏng.",
        "Wrong passphrase for the key, or a damaged key file.",
    ),
    "credential_revoked": (
        "Chứng thư đã bị thu hồi hoặc tạm dừng, không ký được.",
        "The certificate is revoked or on hold and is not signed with.",
    ),
    "credential_unusable": ("Không đọc được tệp khóa.", "The key file cannot be read."),
    "earlier_signature_harmed": (
        "Nếu ký như vậy, một chữ ký đã có sẽ mất giá trị. Không ghi ra tệp nào.",
        "Signing so would harm an earlier signature; nothing was written.",
    ),
    "field_signed": ("Trường chữ ký này đã được ký.", "This signature field is signed already."),
    "file_too_large": ("Tệp quá lớn.", "The file is too large."),
    "file_unreadable": ("Không đọc được tệp.", "The file cannot be read."),
    "format_unknown": (
        "Tệp không phải PDF hay XML. Dùng --enveloping để bọc tệp trong một chữ ký XML.",
        "The file is neither PDF nor XML: --enveloping wraps any file in an XML signature.",
    ),
    "glyph_missing": (
        "Phông chữ không có một ký tự trong nội dung cần ghi.",
        "The typeface lacks a character of the text to be written.",
    ),
    "last_signature_failed": (
        "Chữ ký cuối cùng trong tệp không hợp lệ. Chỉ ký tiếp khi đã biết rõ lý do, bằng --force.",
        "The file's last signature is not valid: sign over it with --force, knowing why.",
    ),
    "level_conflict": (
        "Mức B-LT, B-LTA cần dịch vụ dấu thời gian (--tsa) và danh sách tin cậy (--trust), chỉ dùng cho PDF.",
        "Levels B-LT and B-LTA need a timestamp authority (--tsa) and trust (--trust), and a PDF.",
    ),
    "not_a_pdf": ("Không mở được tệp PDF.", "The file cannot be opened as a PDF."),
    "not_appended": (
        "Không thể ký mà giữ nguyên nội dung có sẵn. Không ghi ra tệp nào.",
        "The file cannot be signed without changing what is there; nothing was written.",
    ),
    "options_conflict": ("Các tùy chọn không đi cùng nhau.", "These options exclude each other."),
    "output_exists": (
        "Tệp đích đã có, không ghi đè. Chọn tên khác bằng --out.",
        "The output file exists and is not overwritten: choose another with --out.",
    ),
    "output_unwritable": ("Không ghi được tệp đích.", "The output file cannot be written."),
    "passphrase_unreadable": (
        "Không đọc được mật khẩu của khóa từ tệp hoặc biến môi trường đã chỉ.",
        "The passphrase cannot be read from the file or variable that was named.",
    ),
    "pdf_encrypted": ("Tệp PDF bị mã hóa, không ký được.", "The PDF is encrypted and is not signed."),
    "pdf_locked": (
        "Một chữ ký đã có cấm ký thêm.",
        "An earlier signature forbids another one.",
    ),
    "pdf_unsignable": ("Không ký được tệp PDF này.", "This PDF cannot be signed."),
    "pdf_xfa": ("Biểu mẫu XFA không ký được.", "XFA forms are not signed."),
    "picture_unreadable": (
        "Không đọc được hình chữ ký (PNG).",
        "The signature's picture (PNG) cannot be read.",
    ),
    "pin_in_uri": (
        "Mã PIN không được nằm trong địa chỉ khóa: dùng --passphrase-file hoặc --passphrase-env.",
        "The PIN is no part of the key's address: use --passphrase-file or --passphrase-env.",
    ),
    "pin_locked": ("Mã PIN của thiết bị đã bị khóa.", "The token's PIN is locked."),
    "pin_missing": (
        "Khóa trên thiết bị cần mã PIN: dùng --passphrase-file hoặc --passphrase-env.",
        "A key on a token needs its PIN: use --passphrase-file or --passphrase-env.",
    ),
    "pin_refused_before": (
        "Lần trước đã sai mã PIN nên không thử lại. Hãy đăng nhập đúng bằng phần mềm của thiết bị.",
        "The last login to the token failed, so the PIN is not tried: log in once with the token's own tool.",
    ),
    "pin_wrong": (
        "Sai mã PIN. Không thử lại lần nào nữa.",
        "Wrong PIN. It will not be tried again.",
    ),
    "place_missing": (
        "Chưa biết đặt chữ ký ở đâu: dùng --box trang,trái,dưới,phải,trên.",
        "There is no place for this signature: give --box page,left,bottom,right,top.",
    ),
    "place_wrong": (
        "--box phải là năm số nguyên trang,trái,dưới,phải,trên (đơn vị point) nằm trong một trang của tệp.",
        "--box takes five whole numbers page,left,bottom,right,top (points) on a page of the file.",
    ),
    "prepared_expired": (
        "Đã quá thời hạn hoàn tất chữ ký kể từ khi chuẩn bị: hãy chuẩn bị lại.",
        "The signature was prepared too long ago: prepare it again.",
    ),
    "prepared_other_document": (
        "Tệp không phải là tệp đã chuẩn bị ký, hoặc đã bị thay đổi từ lúc đó.",
        "The file is not the one that was prepared, or it has been changed since.",
    ),
    "role_missing": ("Nội dung và vị trí chỉ dùng cùng --role.", "Text, place and picture go with --role."),
    "signature_misplaced": (
        "Chữ ký mới không nằm cuối tệp. Không ghi ra tệp nào.",
        "The new signature is not the file's last one; nothing was written.",
    ),
    "signature_not_verified": (
        "Chữ ký vừa tạo không qua được bước kiểm tra lại. Không ghi ra tệp nào.",
        "The signature that was made does not verify; nothing was written.",
    ),
    "signing_error": ("Không ký được.", "Signing is not possible."),
    "state_damaged": (
        "Dữ liệu chuẩn bị ký bị hỏng hoặc bị thay đổi: hãy chuẩn bị lại.",
        "What was kept of the preparation is damaged or was changed: prepare again.",
    ),
    "text_missing": (
        "Chữ ký loại này cần nội dung: dùng --text.",
        "This kind of signature needs its words: give --text.",
    ),
    "token_failed": ("Thiết bị chứa khóa báo lỗi.", "The token reports an error."),
    "token_key_missing": (
        "Không xác định được đúng một khóa trên thiết bị: chỉ rõ object hoặc id trong địa chỉ.",
        "There is not exactly one such key on the token: name its object or id.",
    ),
    "token_missing": (
        "Không tìm thấy đúng một thiết bị chứa khóa như địa chỉ đã chỉ.",
        "There is not exactly one token at this address.",
    ),
    "token_uri": (
        "Địa chỉ khóa phải có dạng pkcs11:token=…;object=…?module-path=….",
        "A key's address reads pkcs11:token=…;object=…?module-path=….",
    ),
    "timestamp_unavailable": (
        "Không lấy được dấu thời gian.",
        "No timestamp could be had.",
    ),
    "tsa_address": (
        "Địa chỉ dịch vụ dấu thời gian phải là http:// hoặc https://.",
        "A timestamp authority's address begins with http:// or https://.",
    ),
    "value_other_certificate": (
        "Chữ ký được tạo bằng chứng thư khác với chứng thư lúc chuẩn bị.",
        "The value comes with another certificate than was named when preparing.",
    ),
    "value_wrong": (
        "Giá trị chữ ký không khớp với chứng thư và tệp đã chuẩn bị. Không ghi ra tệp nào.",
        "The value fits neither the certificate nor what was prepared; nothing was written.",
    ),
    "value_too_large": (
        "Chữ ký lớn hơn phần đã dành sẵn trong tệp.",
        "The value is larger than the room left for it in the file.",
    ),
    "xml_signed": (
        "Tệp XML đã có chữ ký, ký thêm sẽ làm hỏng chữ ký đó.",
        "The XML is signed already; another signature would break that one.",
    ),
    "xml_unsignable": ("Không ký được tệp XML này.", "This XML cannot be signed."),
}
"""Sentences by code; every code that signing may raise is here."""


def told(code: str) -> tuple[str, str]:
    """What to say about a code, in Vietnamese and English."""
    return CATALOGUE.get(code, CATALOGUE["signing_error"])
