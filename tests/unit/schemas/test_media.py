"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest

from schemas.media import agrees, is_zip_type, sniff

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7", "a.pdf", "application/pdf"),
        (b"\xef\xbb\xbf\n%PDF-1.7", "a", "application/pdf"),
        (b"PK\x03\x04", "a.zip", "application/zip"),
        (OLE, "a.doc", "application/msword"),
        (OLE, "a.xls", "application/vnd.ms-excel"),
        (OLE, "a.bin", "application/x-ole-storage"),
        (b"\x89PNG\r\n\x1a\n", "a", "image/png"),
        (b"\xff\xd8\xff\xe0", "a", "image/jpeg"),
        (b"MZ\x90", "a.pdf", "application/vnd.microsoft.portable-executable"),
        (b"{\\rtf1", "a.doc", "application/rtf"),
        (b"<?xml ?>", "a", "application/xml"),
        ("Kính gửi".encode(), "a.txt", "text/plain"),
        ("Kính gử".encode()[:-1], "a.txt", "text/plain"),
        (b"\x00\x01\x02", "a.txt", "application/octet-stream"),
        (b"\xff\xfe\xfd", "a.txt", "application/octet-stream"),
        (b"", "a.pdf", "application/octet-stream"),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, name: str, expected: str) -> None:
    assert sniff(head, name) == expected


def test_the_entries_of_an_archive_tell_more_than_its_first_bytes() -> None:
    assert sniff(b"PK\x03\x04", "a.docx", archive_type="application/x") == "application/x"


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("application/pdf", "application/pdf"),
        ("APPLICATION/PDF; name=x", "application/pdf"),
        ("application/doc", "application/msword"),
        ("application/xsl", "application/vnd.ms-excel"),
        ("", "application/pdf"),
        ("application/octet-stream", "image/png"),
        ("text/csv", "text/plain"),
        ("text/html", "text/plain"),
    ],
)
def test_a_declared_type_that_is_no_lie_agrees(declared: str, actual: str) -> None:
    assert agrees(declared, actual)


@pytest.mark.parametrize(
    ("declared", "actual"), [("application/pdf", "application/msword"), ("text/plain", "application/pdf")]
)
def test_a_lie_does_not_agree(declared: str, actual: str) -> None:
    assert not agrees(declared, actual)


@pytest.mark.parametrize("declared", ["application/zip", "application/x-zip-compressed", "ZIP"])
def test_an_archive_is_declared_in_several_ways(declared: str) -> None:
    assert is_zip_type(declared)
