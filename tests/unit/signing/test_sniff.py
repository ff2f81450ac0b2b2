"""What the bytes are: judged by the bytes, and plain text is not taken for a broken signed file."""

from __future__ import annotations

import pytest

from signing.report import FileFormat, Indication
from signing.verify import sniff, verify_bytes


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0"?><a/>',
        b"<a/>",
        b"\xef\xbb\xbf<ds:Signature xmlns:ds='x'>",
        b" \n<!-- x --><a/>",
        b"<!DOCTYPE a><a/>",
    ],
)
def test_a_tag_a_declaration_or_a_comment_begins_xml(data: bytes) -> None:
    assert sniff(data) is FileFormat.XML


@pytest.mark.parametrize("data", [b"<3 nam", b"< 5 %", b"<%x", b"<=>", b"<", b"<abc@x"])
def test_a_text_that_begins_with_an_angle_is_no_xml(data: bytes) -> None:
    assert sniff(data) is FileFormat.UNKNOWN


def test_such_a_text_has_no_signature_rather_than_a_failed_one() -> None:
    assert verify_bytes(b"<3 nam kinh nghiem", name="a.txt").indication is Indication.NO_SIGNATURE
