"""Encodings: the bytes decide."""

from __future__ import annotations

import codecs

import pytest

from schemas.edxml.encoding import Transcoder
from schemas.issues import EdxmlRefused
from tests.unit.schemas.kit import DOCUMENT, Bench, changed


def through(data: bytes, step: int) -> bytes:
    transcoder = Transcoder()
    out = b"".join(transcoder.feed(data[at : at + step]) for at in range(0, len(data), step))
    return out + transcoder.feed(b"", final=True)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_every_accepted_encoding_becomes_utf8_wherever_it_is_cut(
    mark: bytes, encoding: str, step: int
) -> None:
    text = "<a>Kính gửi 𠀀</a>"
    assert through(mark + text.encode(encoding), step) == text.encode()


@pytest.mark.parametrize(
    "data",
    [
        "<a/>".encode("utf-16-le"),
        "<a/>".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "<a/>".encode("utf-32-le"),
        codecs.BOM_UTF32_BE + "<a/>".encode("utf-32-be"),
        "<a/>".encode("utf-32-be"),
    ],
)
@pytest.mark.parametrize("step", [1, 100])
def test_wide_text_without_a_utf16_mark_is_refused(data: bytes, step: int) -> None:
    with pytest.raises(EdxmlRefused) as caught:
        through(data, step)
    assert caught.value.code == "encoding_unsupported"


@pytest.mark.parametrize("tail", [b"\x00", b"\x00\xd8", b"\x00\xdc\x41\x00"])
def test_broken_utf16_is_not_xml(tail: bytes) -> None:
    with pytest.raises(EdxmlRefused) as caught:
        through(codecs.BOM_UTF16_LE + "<a/>".encode("utf-16-le") + tail, 5)
    assert caught.value.code == "not_xml"


@pytest.mark.parametrize("declared", ["windows-1258", "ISO-8859-1", "TCVN-5712", "UTF-7", "UTF-32"])
def test_another_declared_encoding_is_refused(bench: Bench, declared: str) -> None:
    text = changed(DOCUMENT, ('encoding="UTF-8"', f'encoding="{declared}"'))
    refused = bench.refused(text)
    assert refused.code == "encoding_unsupported"
    assert declared.lower() in refused.issues[0].en


@pytest.mark.parametrize(
    "declaration", ['<?xml version="1.0"?>\n', "", "<?xml version='1.0' encoding='utf-8'?>\n"]
)
def test_a_declaration_may_say_less(bench: Bench, declaration: str) -> None:
    text = changed(DOCUMENT, ('<?xml version="1.0" encoding="UTF-8"?>\n', declaration))
    assert bench.warnings(text) == []


def test_a_byte_order_mark_is_no_fault(bench: Bench) -> None:
    assert bench.warnings(codecs.BOM_UTF8 + DOCUMENT.encode()) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_with_a_mark_is_read(bench: Bench, encoding: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    text = changed(DOCUMENT, ('encoding="UTF-8"', 'encoding="UTF-16"'))
    result = bench.read(mark + text.encode(encoding))
    assert result.message == bench.read(DOCUMENT).message
    assert not result.warnings


def test_utf8_that_says_utf16_is_read_with_a_warning_and_repaired(bench: Bench) -> None:
    result = bench.read(changed(DOCUMENT, ('encoding="UTF-8"', 'encoding="utf-16"')))
    assert [each.code for each in result.warnings] == ["encoding_mismatch"]
    assert result.needs_repair


def test_utf16_that_says_utf8_is_read_with_a_warning(bench: Bench) -> None:
    assert bench.warnings(DOCUMENT.encode("utf-16")) == ["encoding_mismatch"]


def test_broken_utf8_is_not_xml(bench: Bench) -> None:
    assert bench.refused(DOCUMENT.encode().replace("Sở".encode(), b"S\xff")).code == "not_xml"
