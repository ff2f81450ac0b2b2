"""XPath filters node by node: canonical form of what they leave, and what it is worth."""

from __future__ import annotations

import pytest
from lxml import etree

from signing.options import VerifyOptions
from signing.report import Indication
from signing.verify import verify_bytes
from signing.xml_c14n import Method, NodeSet, serialise
from signing.xml_subset import select
from tests.support.raw_xml import reference, signature, signed_xml
from tests.unit.signing.conftest import Office

DOCUMENT = (
    "<r xmlns='urn:d' xmlns:p='urn:p' xml:lang='vi'>một<!-- x -->hai"
    "<a p:k='1' l='2'>ba<b xmlns=''>bốn</b>năm</a><p:c>sáu</p:c></r>"
)
INCLUSIVE, EXCLUSIVE = Method(), Method(exclusive=True)


def _left(expression: str, how: Method) -> str:
    root = etree.fromstring(DOCUMENT)
    found = select(root, expression, {"p": "urn:p", "d": "urn:d"}, root)
    return serialise(NodeSet(apex=root, whole_document=True, selected=found), how).decode()


@pytest.mark.parametrize("how", [INCLUSIVE, EXCLUSIVE, Method(exclusive=True, prefixes=("p", "#default"))])
def test_a_filter_that_leaves_everything_is_canonical_form(how: Method) -> None:
    root = etree.fromstring(DOCUMENT)
    assert _left("true()", how) == serialise(NodeSet(apex=root, whole_document=True), how).decode()


@pytest.mark.parametrize(
    ("expression", "how", "expected"),
    [
        ("self::text()", INCLUSIVE, "mộthaibabốnnămsáu"),
        ("self::*", INCLUSIVE, "<r><a><b></b></a><p:c></p:c></r>"),
        (
            "self::d:a or parent::d:a[self::*]",
            EXCLUSIVE,
            '<a xmlns="urn:d" xmlns:p="urn:p" l="2" p:k="1">ba<b xmlns=""></b>năm</a>',
        ),
        ("ancestor-or-self::p:c", INCLUSIVE, '<p:c xmlns="urn:d" xmlns:p="urn:p" xml:lang="vi">sáu</p:c>'),
        ("ancestor-or-self::p:c", EXCLUSIVE, '<p:c xmlns:p="urn:p">sáu</p:c>'),
        (
            "not(self::text()[. = 'hai']) and ancestor-or-self::d:r and not(ancestor-or-self::d:a)",
            EXCLUSIVE,
            '<r xmlns="urn:d" xml:lang="vi">một<p:c xmlns:p="urn:p">sáu</p:c></r>',
        ),
        ("name() = 'l'", INCLUSIVE, ' l="2"'),
        ("name() = 'p' and parent::d:a", INCLUSIVE, ' xmlns:p="urn:p"'),
        ("name() = 'p' and parent::d:a", EXCLUSIVE, ""),
    ],
)
def test_each_node_stays_or_goes_by_itself(expression: str, how: Method, expected: str) -> None:
    assert _left(expression, how) == expected


def test_the_integrity_of_filtered_data_is_stated_and_never_a_pass(office: Office) -> None:
    xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    transform = f'<Transform Algorithm="{xpath}"><XPath>self::text() and parent::note</XPath></Transform>'
    template = f"<doc><amount>100</amount><note>paid</note>{signature(reference('', transform))}</doc>"
    signed = signed_xml(template, office.person)
    for data, intact in ((signed, True), (signed.replace(b"paid", b"open"), False)):
        report = verify_bytes(data, name="f", options=VerifyOptions(no_trust=True))
        assert report.indication is not Indication.TOTAL_PASSED
        assert report.signatures[0].intact is intact


@pytest.mark.parametrize("expression", ["position() = 1", "last() = 1"])
def test_a_filter_that_asks_for_its_place_is_not_run(office: Office, expression: str) -> None:
    xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    transform = f'<Transform Algorithm="{xpath}"><XPath>{expression}</XPath></Transform>'
    signed = signed_xml(f"<doc>{signature(reference('', transform))}</doc>", office.person)
    report = verify_bytes(signed, name="f", options=VerifyOptions(no_trust=True))
    assert report.indication is Indication.INDETERMINATE
    assert "TRANSFORM_UNKNOWN" in {f.code for f in report.signatures[0].findings}
