"""The hardened parser."""

from __future__ import annotations

import pytest
from lxml import etree

from schemas.issues import EdxmlRefused
from schemas.safe_xml import FeedParser, SmallLimits, parse_small


class Events:
    """Notes what the parser says."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, tag: str, attrib: dict[str, str], _nsmap: dict[str, str]) -> None:
        self.seen.append(f"<{tag}{sorted(attrib.items()) or ''}>")

    def end(self, tag: str) -> None:
        self.seen.append(f"</{tag}>")

    def data(self, data: str) -> None:
        self.seen.append(data)


def code_of(data: bytes, limits: SmallLimits | None = None) -> str:
    with pytest.raises(EdxmlRefused) as caught:
        parse_small(data, limits=limits)
    return caught.value.code


def test_a_small_document_becomes_a_tree() -> None:
    root = parse_small('<a xmlns="u" xmlns:p="v"><p:b p:c="1">é</p:b></a>'.encode())
    assert etree.tostring(root) == b'<a xmlns="u" xmlns:p="v"><p:b p:c="1">&#233;</p:b></a>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"junk",
        b"<a",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"<a>&undefined;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b'<a b="1" b="2"/>',
        b"<a><p:b/></a>",
        b'<a><b p:c="1"/></a>',
        b"<a>]]></a>",
        b"<a><!-- a -- b --></a>",
        b"<a>&#0;</a>",
    ],
)
def test_what_is_not_well_formed_is_refused(data: bytes) -> None:
    assert code_of(data) == "not_xml"


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><a/>',
        b"<?xml version='1.0'?>\n<!-- c --><!DOCTYPE a><a/>",
    ],
)
def test_a_doctype_is_refused_before_anything_in_it_is_done(data: bytes) -> None:
    assert code_of(data) == "doctype_forbidden"


def test_a_small_document_has_bounds() -> None:
    assert code_of(b"<a>" * 5 + b"</a>" * 5, SmallLimits(depth=4)) == "too_deep"
    assert code_of(b"<a>" + b"<b/>" * 5 + b"</a>", SmallLimits(elements=5)) == "too_many_elements"
    assert code_of(b"<a>" + b"x" * 100 + b"</a>", SmallLimits(bytes=100)) == "message_too_large"


def test_the_declared_encoding_does_not_decide() -> None:
    assert parse_small('<?xml version="1.0" encoding="UTF-16"?><a>ấ</a>'.encode()).text == "ấ"


def test_an_undeclared_prefix_is_refused_as_soon_as_it_is_read() -> None:
    parser = FeedParser(Events())
    with pytest.raises(EdxmlRefused) as caught:
        parser.feed(b"<a><f:b/>")
    assert "f on b" in caught.value.issues[0].en


def test_harmless_warnings_of_the_parser_do_not_refuse() -> None:
    target = Events()
    parser = FeedParser(target)
    parser.feed(b'<a xmlns:p="relative">')
    parser.feed(b"<b/></a>")
    parser.close()
    assert target.seen == ["<a>", "<b>", "</b>", "</a>"]


def test_an_error_after_a_hundred_warnings_is_still_seen() -> None:
    parser = FeedParser(Events())
    parser.feed(b"<a>" + b'<b xmlns:p="relative"/>' * 300)
    with pytest.raises(EdxmlRefused):
        parser.feed(b"<f:c/>")


def test_an_error_of_the_target_passes_through_unchanged() -> None:
    class Broken(Events):
        def data(self, data: str) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        FeedParser(Broken()).feed(b"<a>text<b/></a>")


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(EdxmlRefused) as caught:
        parse_small(b"<a>\n\n<b></a>")
    assert caught.value.issues[0].path == "line 3"
