"""XML signatures that are valid and do not cover what is read; and documents made to cost time."""

from __future__ import annotations

from pathlib import Path

import pytest

from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from signing.xml_verify import MAX_SIGNATURES
from tests.support.raw_xml import ENVELOPED, reference, signature, signed_xml
from tests.unit.signing.conftest import Office

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"
MANIFEST = "http://www.w3.org/2000/09/xmldsig#Manifest"


def _judge(data: bytes, *content: Path) -> FileReport:
    return verify_bytes(data, name="x.xml", options=VerifyOptions(no_trust=True, content=content))


def _codes(report: FileReport) -> set[str]:
    return {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}


def _xpath(expression: str) -> str:
    inside = f'<XPath xmlns:d="http://www.w3.org/2000/09/xmldsig#">{expression}</XPath>'
    return f'<Transform Algorithm="{XPATH}">{inside}</Transform>'


def _filter2(kind: str, expression: str) -> str:
    inside = f'<XPath xmlns="{FILTER2}" Filter="{kind}">{expression}</XPath>'
    return f'<Transform Algorithm="{FILTER2}">{inside}</Transform>'


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.xml"
    path.write_bytes(b"<letter><amount>100</amount><note>paid</note></letter>")
    return path


@pytest.mark.parametrize(
    "template",
    [
        f'<doc><order Id="a">pay 100</order>{signature(reference("#a"))}</doc>',
        f"<doc><order>pay 100</order>{signature(reference('', ENVELOPED))}</doc>",
        signature(reference("#o"), objects='<Object Id="o">pay 100</Object>'),
    ],
)
def test_a_signature_over_all_of_the_document_passes(office: Office, template: str) -> None:
    assert _judge(signed_xml(template, office.person)).indication is Indication.TOTAL_PASSED


ORDER = '<order Id="a">pay 100</order>'


@pytest.mark.parametrize(
    "wrapped",
    [
        # The signed element moved away, a forged one in its place [Somorovsky et al., XSW 1 to 8].
        "<doc><order Id='b'>pay 900</order><Signature>{sig}<Object>{order}</Object></Signature></doc>",
        "<doc><order>pay 900</order><Signature>{sig}</Signature><extra>{order}</extra></doc>",
        "<doc><order Id='a'>pay 900</order><Signature>{sig}<Object>{order}</Object></Signature></doc>",
        "<order Id='b'>pay 900<Signature>{sig}<Object>{order}</Object></Signature></order>",
        "<order Id='b'>pay 900<Signature>{sig}</Signature>{order}</order>",
        "<doc><order Id='b'>pay 900{order}</order><Signature>{sig}</Signature></doc>",
        "<doc><extra><order Id='a'>pay 900</order></extra>{order}<Signature>{sig}</Signature></doc>",
        "<doc><order>pay 900</order>{order}<Signature>{sig}</Signature></doc>",
        "<doc verdict='no'>{order}<Signature>{sig}</Signature></doc>",
        "<doc>pay 900 {order}<Signature>{sig}</Signature></doc>",
    ],
)
def test_a_wrapped_element_is_not_a_pass(office: Office, wrapped: str) -> None:
    signed = signed_xml(f"<doc>{ORDER}{signature(reference('#a'))}</doc>", office.person).decode()
    assert _judge(signed.encode()).indication is Indication.TOTAL_PASSED
    start = signed.index("<Signature")
    inside = signed[signed.index(">", start) + 1 : signed.index("</Signature>")]
    attack = wrapped.replace("<Signature>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">')
    attack = attack.replace("{sig}", inside).replace("{order}", ORDER.replace("<order", '<order xmlns=""'))
    assert _judge(attack.encode()).indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    "transforms",
    [
        _xpath("not(self::amount)"),
        _xpath("self::note"),
        _xpath("true()"),
        _filter2("subtract", "//amount"),
        _filter2("intersect", "//note"),
        _filter2("intersect", "//note | //doc"),
        ENVELOPED + _xpath("not(ancestor-or-self::amount)"),
    ],
)
def test_a_filter_that_may_leave_something_out_is_not_a_pass(office: Office, transforms: str) -> None:
    template = f"<doc><amount>100</amount><note>paid</note>{signature(reference('', transforms))}</doc>"
    assert _judge(signed_xml(template, office.person)).indication is not Indication.TOTAL_PASSED


def test_detached_data_must_be_given(office: Office, letter: Path) -> None:
    made = signed_xml(signature(reference("letter.xml")), office.person, lambda _: letter.read_bytes())
    assert _judge(made).indication is Indication.INDETERMINATE
    assert _judge(made, letter).indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    "around",
    ["<doc><order>pay 900</order>{}</doc>", "<doc>pay 900{}</doc>", '<doc order="pay 900">{}</doc>'],
)
def test_detached_data_do_not_cover_what_stands_beside_the_signature(
    office: Office, letter: Path, around: str
) -> None:
    template = around.format(signature(reference("letter.xml")))
    made = signed_xml(template, office.person, lambda _: letter.read_bytes())
    report = _judge(made, letter)
    assert report.indication is Indication.INDETERMINATE
    assert "PARTIAL_SCOPE" in _codes(report)


def test_detached_data_do_not_cover_an_object_in_the_signature(office: Office, letter: Path) -> None:
    template = signature(reference("letter.xml"), objects="<Object>pay 900</Object>")
    made = signed_xml(template, office.person, lambda _: letter.read_bytes())
    assert _judge(made, letter).indication is Indication.INDETERMINATE


@pytest.mark.parametrize("transforms", [_xpath("not(self::amount)"), _filter2("subtract", "//amount")])
def test_a_filter_on_detached_data_is_not_a_pass(office: Office, letter: Path, transforms: str) -> None:
    made = signed_xml(
        signature(reference("letter.xml", transforms)), office.person, lambda _: letter.read_bytes()
    )
    assert _judge(made, letter).indication is Indication.INDETERMINATE


@pytest.mark.parametrize("kind", ["", MANIFEST])
def test_what_a_manifest_lists_is_judged_whatever_the_reference_calls_it(office: Office, kind: str) -> None:
    listed = f'<Manifest>{reference("#d")}</Manifest><Data xmlns="" Id="d">100</Data>'
    inside = f'<Object Id="o">{listed}</Object>'
    made = signed_xml(signature(reference("#o"), objects=inside), office.person)
    assert _judge(made).indication is Indication.TOTAL_PASSED
    manifest = f'<Object><Manifest Id="m">{reference("#d")}</Manifest></Object>'
    data = '<Object Id="d">100</Object>'
    made = signed_xml(signature(reference("#m", kind=kind), objects=manifest + data), office.person)
    changed = made.replace(b">100<", b">900<")
    assert changed != made
    report = _judge(changed)
    assert report.indication is Indication.TOTAL_FAILED
    assert "REFERENCE_CHANGED" in _codes(report)


NO_SIGNATURES = _xpath("not(ancestor-or-self::d:Signature)")


def test_signatures_beyond_the_limit_are_not_taken_for_good(office: Office) -> None:
    good = signed_xml(f"<doc>{ORDER}{signature(reference('', NO_SIGNATURES))}</doc>", office.person)
    start, end = good.index(b"<Signature"), good.index(b"</doc>")
    one = good[start:end]
    few = _judge(good[:start] + one * 20 + good[end:])
    assert (len(few.signatures), few.indication) == (20, Indication.TOTAL_PASSED)
    value = one.index(b"<SignatureValue>") + len(b"<SignatureValue>")
    broken = one[:value] + (b"A" if one[value : value + 1] != b"A" else b"B") + one[value + 1 :]
    report = _judge(good[:start] + one * MAX_SIGNATURES + broken + good[end:])
    assert report.indication is not Indication.TOTAL_PASSED
    assert "LIMIT_EXCEEDED" in _codes(report)


@pytest.mark.parametrize(
    "expression",
    [
        "count(//*[count(//*[count(//*) &gt; 0]) &gt; 0]) &gt; 0",
        "count(preceding::*[count(following::*) &gt; 0]) &gt; 0",
        "contains(string(/), 'x') and contains(string(/), 'y')",
        "a" + " or a" * 1_000,
    ],
)
def test_an_expression_that_would_take_long_is_not_run(office: Office, expression: str) -> None:
    items = "<i/>" * 3_000
    template = f"<doc>{items}{signature(reference('', _xpath(expression)))}</doc>"
    report = _judge(signed_xml(template, office.person))
    assert report.indication is not Indication.TOTAL_PASSED
    assert "TRANSFORM_UNKNOWN" in _codes(report)


@pytest.mark.parametrize("transforms", [ENVELOPED, ENVELOPED + 15 * '<Transform Algorithm="{}"/>'])
def test_many_references_to_one_large_document_are_not_all_computed(office: Office, transforms: str) -> None:
    made = transforms.format(*15 * ["http://www.w3.org/2001/10/xml-exc-c14n#"])
    template = f"<doc><a>{'x' * 500_000}</a>{signature(*300 * [reference('', made)])}</doc>"
    report = _judge(template.encode())
    assert report.indication is not Indication.TOTAL_PASSED
    assert "the references come to too much" in {
        f.en.partition(": ")[2].rstrip(".") for f in report.signatures[0].findings
    }
