"""Why a value cannot be used, in Vietnamese and English; values themselves are never repeated.

What pydantic says is English. Its error types are a closed list, so each that an option can run into has its
Vietnamese sentence here; a check of our own brings both sentences by `refusal`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import ErrorDetails, PydanticCustomError

OWN: Final = "refusal"
OTHERWISE: Final = "giá trị không dùng được"
_INTEGER: Final = "phải là số nguyên"
_NUMBER: Final = "phải là số"
_SWITCH: Final = "phải là true hoặc false"
_LIST: Final = "phải là danh sách"
_GROUP: Final = "phải là một nhóm tùy chọn"
_UUID: Final = "phải là mã UUID"

# By pydantic's error type; the words in braces are its context.
_VIETNAMESE: Final[Mapping[str, str]] = {
    "missing": "thiếu tùy chọn này",
    "extra_forbidden": "không có tùy chọn tên này",
    "int_parsing": _INTEGER,
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing_size": "số quá lớn",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "phải là số hữu hạn",
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "string_type": "phải là chuỗi ký tự",
    "string_pattern_mismatch": "phải đúng dạng {pattern}",
    "string_too_short": "phải có ít nhất {min_length} ký tự",
    "string_too_long": "chỉ được có nhiều nhất {max_length} ký tự",
    "greater_than": "phải lớn hơn {gt}",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than": "phải nhỏ hơn {lt}",
    "less_than_equal": "phải từ {le} trở xuống",
    "literal_error": "phải là một trong: {expected}",
    "path_type": "phải là đường dẫn",
    "tuple_type": _LIST,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "uuid_parsing": _UUID,
    "uuid_type": _UUID,
}
_SYSTEM: Final[Mapping[int, str]] = {
    errno.ENOENT: "không có tệp này",
    errno.EACCES: "không có quyền",
    errno.EPERM: "không có quyền",
    errno.EISDIR: "đây là thư mục",
    errno.ENOTDIR: "trên đường dẫn có chỗ không phải thư mục",
    errno.ENOSPC: "đĩa đã đầy",
    errno.EROFS: "đĩa chỉ cho đọc",
    errno.ENAMETOOLONG: "tên quá dài",
    errno.ELOOP: "liên kết vòng",
}


class Reason(NamedTuple):
    """One reason in both languages."""

    vi: str
    en: str


def refusal(vi: str, en: str) -> PydanticCustomError:
    """Return what a validator raises."""
    return PydanticCustomError(OWN, "{en}", {"vi": vi, "en": en})


def reason_of(item: ErrorDetails) -> Reason:
    """Return why pydantic does not take a value."""
    context: Mapping[str, Any] = item.get("ctx", {})
    if item["type"] == OWN:
        return Reason(str(context["vi"]), str(context["en"]))
    shown = {name: _shown(value) for name, value in context.items()}
    vi = _VIETNAMESE.get(item["type"], OTHERWISE).format_map(shown)
    return Reason(vi, item["msg"].removeprefix("Value error, "))


def _shown(value: object) -> str:
    # A bound of a fraction is a whole number as a rule; the choices are listed by "or".
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("' or '", "' hoặc '")


def system_reason(error: OSError) -> Reason:
    """Return why the operating system does not let at a file, without its path."""
    en = error.strerror or type(error).__name__
    return Reason(_SYSTEM.get(error.errno or 0, en), en)
