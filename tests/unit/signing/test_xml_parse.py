"""The quick ways of reading XML give the answers of the slow ones."""

from __future__ import annotations

import copy

import pytest
from lxml import etree

from signing.errors import InputRefused
from signing.xml_c14n import Method, NodeSet, serialise
from signing.xml_parse import HUGE, MAX_DEPTH, MAX_ELEMENTS, Identifiers, has_ascii_markup, parse

DOCTYPE = '<!DOCTYPE a [<!ENTITY b "c">]>'


def _refusal(data: bytes) -> str:
    with pytest.raises(InputRefused) as caught:
        parse(data)
    return caught.value.finding.code


@pytest.mark.parametrize(
    "data",
    [
        f"{DOCTYPE}<a/>".encode(),
        f'<?xml version="1.0"?>\n<!-- > <a> --><?pi <a> ?>\t{DOCTYPE}<a/>'.encode(),
        b"\xef\xbb\xbf" + f"{DOCTYPE}<a/>".encode(),
        f'<?xml version="1.0" encoding="UTF-16"?>{DOCTYPE}<a/>'.encode("utf-16"),
        f"{DOCTYPE}<a/>".encode("utf-16-le"),
        f'<?xml version="1.0" encoding="windows-1258"?>{DOCTYPE}<a/>'.encode(),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a [+ADwAIQ-ENTITY b "c">]><a/>',
    ],
)
def test_a_doctype_is_refused_in_any_encoding(data: bytes) -> None:
    assert _refusal(data) in {"DOCTYPE_FORBIDDEN", "XML_BROKEN"}


@pytest.mark.parametrize("place", ["<a><!-- {} --></a>", "<a><![CDATA[{}]]></a>", "<!-- {} --><a/>"])
def test_words_that_look_like_a_doctype_are_none(place: str) -> None:
    assert parse(place.format(DOCTYPE).encode()).getroot().tag == "a"


def test_a_doctype_after_the_root_began_is_no_xml() -> None:
    assert _refusal(f"<a>{DOCTYPE}</a>".encode()) == "XML_BROKEN"


@pytest.mark.parametrize("padding", [0, HUGE])
def test_too_deep_a_document_is_refused(padding: int) -> None:
    deep = b"<a>" * (MAX_DEPTH + 1) + b" " * padding + b"</a>" * (MAX_DEPTH + 1)
    assert _refusal(deep) in {"LIMIT_EXCEEDED", "XML_BROKEN"}


def test_too_many_elements_are_refused() -> None:
    assert _refusal(b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>") == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<a/>", True),
        (b'<?xml version="1.0" encoding="utf-8"?><a/>', True),
        (b"<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?><a/>", True),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', False),
        (b'<?xml version="1.0" encoding="ebcdic-cp-us"?><a/>', False),
        ("<a/>".encode("utf-16"), False),
        ("<a/>".encode("utf-32-be"), False),
        (b'<?xml version="1.0" ' + b" " * 300 + b'encoding="UTF-7"?><a/>', False),
    ],
)
def test_which_encodings_show_their_markup(data: bytes, expected: bool) -> None:
    assert has_ascii_markup(data) is expected


@pytest.mark.parametrize(
    "other",
    [
        '<x Id="n"/>',
        "<x Id='n'/>",
        '<x ID="n"/>',
        '<x xml:id="n"/>',
        '<x Id="&#110;"/>',
        '<x AssertionID="n"/>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_name_carried_twice_names_nothing_outside(other: str, encoding: str) -> None:
    data = f"<r>{other}<s><p Id='n'/></s></r>".encode(encoding)
    root = parse(data).getroot()
    within = root.find("s")
    identifiers = Identifiers(root, data)
    assert identifiers.is_ambiguous("n")
    assert identifiers.get("n") is None
    assert identifiers.get("n", within=within) is root.find("s/p")
    assert Identifiers(root).get("n", within=within) is root.find("s/p")


def test_a_name_outside_the_signature_is_found() -> None:
    data = b"<r><x Id='n'/><s><t>n</t></s></r>"
    root = parse(data).getroot()
    assert Identifiers(root, data).get("n", within=root.find("s")) is root.find("x")


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize(
    "document",
    [
        '<r xmlns:a="u:1"> x <s><t/></s> y <s a:b="1"/><s/>z<!-- c --><s/> end</r>',
        '<r xmlns="u:1"><q xmlns="u:2"><s xmlns:e="u:2"><e:t xmlns=""/></s>tail</q><s/></r>',
        "<?p i?><r><s><s/>inner</s><s>a&amp;b&#13;</s>&lt;</r><!-- after -->",
        "<s><s>x</s>y</s>",
    ],
)
def test_a_document_less_subtrees_is_what_is_left_of_a_copy(document: str, exclusive: bool) -> None:
    root = parse(document.encode()).getroot()
    gone = {e for e in root.iter(etree.Element) if etree.QName(e).localname == "s"}
    before = etree.tostring(root.getroottree())
    made = serialise(
        NodeSet(apex=root, whole_document=True, without=gone, comments=True),
        Method(exclusive=exclusive, comments=True),
    )
    twin = copy.deepcopy(root.getroottree()).getroot()
    while (
        found := next((e for e in twin.iterdescendants() if str(e.tag).endswith(("}s", "s"))), None)
    ) is not None:
        _cut(found)
    assert made == etree.tostring(twin.getroottree(), method="c14n", exclusive=exclusive, with_comments=True)
    assert etree.tostring(root.getroottree()) == before


def _cut(element: etree._Element) -> None:
    parent, before = element.getparent(), element.getprevious()
    assert parent is not None
    if before is None:
        parent.text = (parent.text or "") + (element.tail or "")
    else:
        before.tail = (before.tail or "") + (element.tail or "")
    element.tail = None
    parent.remove(element)
