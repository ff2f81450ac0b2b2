"""What a file is when it is no CSV in UTF-8."""

from __future__ import annotations

import pytest

from hub.domain.directory_file import FILE_MAX, FileUnreadable, decode

TEXT = "code,name,level\n000.00.01.H09,Sở Nội vụ,department\n"


def test_utf8_is_read_with_and_without_its_mark() -> None:
    assert decode(TEXT.encode()) == decode(TEXT.encode("utf-8-sig")) == TEXT


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (TEXT.encode("utf-16"), "file_is_utf16"),
        (TEXT.encode("utf-16-le"), "file_is_utf16"),
        (TEXT.encode("utf-16-be"), "file_is_utf16"),
        (b"code,name,level\nA,S\xf5\xd2 N\xf4\xf2i v\xf9\xf2,unit\n", "file_not_utf8"),
        (b"PK\x03\x04rest of an xlsx", "file_is_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_is_workbook"),
        (b"a" * (FILE_MAX + 1), "file_too_large"),
    ],
)
def test_anything_else_is_named_for_what_it_is(raw: bytes, code: str) -> None:
    with pytest.raises(FileUnreadable) as refused:
        decode(raw)
    assert refused.value.code == code
    assert "CSV UTF-8" in refused.value.vi


def test_the_line_that_is_not_utf8_is_named() -> None:
    with pytest.raises(FileUnreadable, match="Line 3"):
        decode(b"code,name,level\nA,B,unit\nC,D\xf4,unit\n")
