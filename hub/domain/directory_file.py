"""The bytes of a directory file as text, or a clear word on what they are instead.

Only UTF-8 is read: in any other encoding Vietnamese names would be taken over wrong without anybody noticing.
What spreadsheets save by mistake is told apart, so that the sentence can say what to save instead.
"""

from __future__ import annotations

import codecs
from typing import Final

FILE_MAX: Final = 100 * 1024 * 1024
"""The national directory of some 120,000 agencies is about 12 MB."""

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LOOKED_AT: Final = 4096
_SAVE_VI: Final = "Trong bảng tính, chọn “Lưu thành… CSV UTF-8” rồi nhập lại."
_SAVE_EN: Final = "In the spreadsheet choose “Save as… CSV UTF-8” and import that."


class FileUnreadable(ValueError):
    """The file is no CSV in UTF-8; `code` says what it is instead."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.vi = f"{vi} {_SAVE_VI}"
        self.en = f"{en} {_SAVE_EN}"


def decode(raw: bytes) -> str:
    """The text of a directory file.

    Raises FileUnreadable: ``file_too_large``, ``file_is_workbook``, ``file_is_utf16``, ``file_not_utf8``.
    """
    if len(raw) > FILE_MAX:
        raise FileUnreadable(
            "file_too_large",
            f"Tệp lớn hơn {FILE_MAX // 1024**2} MB.",
            f"The file is larger than {FILE_MAX // 1024**2} MB.",
        )
    if raw.startswith(_WORKBOOKS):
        raise FileUnreadable(
            "file_is_workbook",
            "Đây là tệp bảng tính (xlsx, xls, ods), không phải CSV.",
            "This is a workbook (xlsx, xls, ods), not CSV.",
        )
    if raw.startswith(_UTF16) or _is_wide(raw[:_LOOKED_AT]):
        raise FileUnreadable(
            "file_is_utf16",
            "Tệp được lưu ở dạng UTF-16 (“Unicode Text”), không phải UTF-8.",
            "The file is in UTF-16 (“Unicode Text”), not UTF-8.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileUnreadable(
            "file_not_utf8",
            f"Dòng {line} không phải UTF-8 (tệp có lẽ ở bảng mã Windows-1258 hoặc TCVN3).",
            f"Line {line} is not UTF-8 (the file may be in Windows-1258 or TCVN3).",
        ) from None


def _is_wide(beginning: bytes) -> bool:
    # Latin letters in UTF-16 have every other byte zero; a stray NUL in UTF-8 does not.
    return beginning.count(0) * 4 > len(beginning)
