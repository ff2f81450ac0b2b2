"""Sentences about what is wrong in a directory file: (Vietnamese, English)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "file_empty": ("Tệp không có dòng tiêu đề.", "The file has no header line."),
        "csv_broken": ("Tệp CSV sai cú pháp: {what}.", "The CSV is malformed: {what}."),
        "column_missing": ("Thiếu cột {column}.", "The column {column} is missing."),
        "column_unknown": (
            "Không có cột nào tên {column}; cột này bị bỏ qua.",
            "There is no column {column}; it is passed over.",
        ),
        "too_many_cells": (
            "Dòng có nhiều ô hơn tiêu đề; kiểm tra dấu phẩy và dấu nháy.",
            "The line has more cells than the header; look for commas and quotes.",
        ),
        "cell_formula": (
            "Ô ở cột {column} bắt đầu bằng {text}, bảng tính coi là công thức; thêm dấu nháy đơn phía trước.",
            "A cell of {column} begins with {text}: a spreadsheet would run it. Put an apostrophe before it.",
        ),
        "code_missing": ("Thiếu mã đơn vị; bỏ qua dòng.", "The unit's code is missing; line passed over."),
        "code_invalid": (
            "Mã {code} ở cột {column} không hợp lệ (1–50 ký tự, không có dấu cách).",
            "{code} in {column} is no code (1–50 characters without blanks).",
        ),
        "code_duplicate": (
            "Mã {code} đã có ở dòng trước; bỏ qua dòng này.",
            "{code} stands on an earlier line; this one is passed over.",
        ),
        "alias_repeated": ("Mã {code} lặp lại trong cùng dòng.", "{code} is repeated within the line."),
        "alias_taken": (
            "Mã {code} đã thuộc đơn vị khác trong cùng thời gian; không gán lại.",
            "{code} belongs to another unit at that time; it is not given twice.",
        ),
        "name_missing": ("Đơn vị {code} thiếu tên; bỏ qua dòng.", "{code} has no name; line passed over."),
        "name_too_long": (
            "Tên của đơn vị {code} dài quá 200 ký tự; bỏ qua dòng.",
            "The name of {code} is over 200 characters; line passed over.",
        ),
        "choice_invalid": (
            "Giá trị {text} ở cột {column} không hợp lệ; dùng một trong: {allowed}.",
            "{text} is not a value of {column}; use one of: {allowed}.",
        ),
        "date_invalid": (
            "Ngày {text} ở cột {column} không đúng dạng năm-tháng-ngày (2025-07-01).",
            "{text} in {column} is not a date like 2025-07-01.",
        ),
        "parent_unknown": (
            "Đơn vị cấp trên {code} không có trong tệp.",
            "The parent {code} is not in the file.",
        ),
        "parent_loop": (
            "Đơn vị cấp trên {code} dẫn vào vòng lặp.",
            "The parent {code} leads into a circle.",
        ),
        "successor_unknown": (
            "Đơn vị kế thừa {code} không có trong tệp.",
            "The successor {code} is not in the file.",
        ),
        "successor_loop": (
            "Quan hệ kế thừa của {code} dẫn vào vòng lặp: {chain}.",
            "The successors of {code} lead into a circle: {chain}.",
        ),
        "successor_ended": (
            "Đơn vị {successor} kế thừa {code} cũng đã ngừng hoạt động và không có đơn vị kế thừa.",
            "{successor}, the successor of {code}, is itself retired and has no successor.",
        ),
        "successor_not_retired": (
            "Đơn vị {code} có đơn vị kế thừa nhưng chưa ở trạng thái retired.",
            "{code} has successors but is not retired.",
        ),
        "successor_default": (
            "Đơn vị {code} có nhiều đơn vị kế thừa: đánh dấu * đúng một đơn vị mặc định.",
            "{code} has several successors: mark exactly one with * as the default.",
        ),
    }
)
