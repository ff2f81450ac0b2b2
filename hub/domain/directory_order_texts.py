"""Sentences about orders that cannot be carried out: (Vietnamese, English).

The rules of the directory have theirs in ``directory_csv_texts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ORDER_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agency_unknown": (
            "Danh bạ không có đơn vị mang mã “{code}”. Thêm bằng `lienthong agency add`, hoặc nhập danh bạ.",
            "No agency has the code {code!r}: `lienthong agency add` it, or import the directory.",
        ),
        "agency_retired": (
            "Đơn vị {code} đã ngừng hoạt động. Xem `lienthong agency history {code}`.",
            "Agency {code} is retired already: see `lienthong agency history {code}`.",
        ),
        "nothing_to_retire": (
            "Mọi đơn vị nêu tên đều là đơn vị tiếp nhận; không còn đơn vị nào để kết thúc.",
            "Every agency named takes over: none is left to end.",
        ),
        "default_not_successor": (
            "Đơn vị mặc định {code} không nằm trong các đơn vị kế thừa.",
            "The default {code} is not one of the successors.",
        ),
        "code_taken": (
            "Mã {code} đang thuộc đơn vị {holder}.",
            "The code {code} belongs to {holder}.",
        ),
        "period_empty": (
            "Ngày kết thúc của mã {code} trước ngày bắt đầu.",
            "The code {code} would end before it begins.",
        ),
        "name_unusable": (
            "Tên của đơn vị {code} dài quá 200 ký tự hoặc có ký tự điều khiển.",
            "The name of {code} is over 200 characters or has control characters.",
        ),
        "code_unusable": (
            "Mã “{code}” không hợp lệ (1–50 ký tự, không có dấu cách).",
            "{code!r} is no code (1–50 characters without blanks).",
        ),
        "directory_moved": (
            "Danh bạ đã được người khác thay đổi sau khi xem trước. Hãy xem lại rồi thực hiện.",
            "Somebody changed the directory after the preview: look again, then carry it out.",
        ),
        "agency_connected": (
            "Danh bạ mới bỏ đơn vị đang kết nối: {code}. Ghi “retired” kèm kế thừa, hoặc --drop-connected.",
            "Connected agencies are left out: {code}. Retire them with a successor, or add --drop-connected.",
        ),
    }
)
