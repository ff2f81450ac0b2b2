"""Verifying an edXML message: its own signature and those of its attachments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from hub.services.message_parts import message_parts
from signing import edxml_verify
from signing.options import VerifyOptions
from signing.report import Coverage, FileFormat, FileReport, Indication
from signing.report_json import to_json
from signing.verify import verify_bytes
from signing.xades_sign import sign_xml
from tests.support.hub import A, B
from tests.support.messages import letter
from tests.unit.signing.conftest import NOW, Office, office

__all__ = ["office"]

OPTIONS = VerifyOptions(no_trust=True, message_parts=message_parts)
PLACEHOLDER = (
    b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/><SignatureValue>AAAA</SignatureValue>'
    b"<KeyInfo><X509Data><X509Certificate>MIIBIjANBgk</X509Certificate></X509Data></KeyInfo></Signature>"
)
LATIN = "http://www.w3.org/2000/09/xmldsig#"


def judge(data: bytes, options: VerifyOptions = OPTIONS) -> FileReport:
    report = verify_bytes(data, name="message.edxml", options=options)
    assert report.format is FileFormat.EDXML
    return report


def codes(report: FileReport) -> set[str]:
    return {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}


def with_placeholder(data: bytes) -> bytes:
    at = data.rindex(b"</edXML:edXMLHeader>")
    return data[:at] + PLACEHOLDER + data[at:]


def test_every_attachments_signatures_are_there_and_say_where_they_are(office: Office) -> None:
    unsigned = letter(A, B, files=[("1.pdf", office.signed), ("2.pdf", office.letter), ("3.docx", b"PK")])
    report = judge(unsigned)
    assert report.indication is Indication.TOTAL_PASSED
    assert [s.id for s in report.signatures] == ["A1.S1", "A1.S2"]
    assert {s.attachment for s in report.signatures} == {"1.pdf"}
    assert to_json(report)["signatures"][0]["attachment"] == "1.pdf"
    assert "ATTACHMENT_UNSIGNED" in codes(report)


def test_the_worst_attachment_is_the_messages_verdict(office: Office) -> None:
    changed = bytearray(office.signed)
    changed[len(office.letter) // 2] ^= 1
    report = judge(letter(A, B, files=[("1.pdf", office.signed), ("2.pdf", bytes(changed))]))
    assert report.indication is Indication.TOTAL_FAILED
    assert {s.attachment: s.indication.value for s in report.signatures}["1.pdf"] == "TOTAL-PASSED"


def test_the_messages_own_signature_stands_beside_them(office: Office) -> None:
    signed = sign_xml(letter(A, B, files=[("1.pdf", office.signed)]), office.organisation, now=NOW)
    report = judge(signed)
    assert report.indication is Indication.TOTAL_PASSED
    assert [s.attachment for s in report.signatures] == [None, "1.pdf", "1.pdf"]
    changed = signed.replace("tình hình".encode(), "tình hinh".encode(), 1)
    assert changed != signed
    assert judge(changed).signatures[0].indication is Indication.TOTAL_FAILED


def test_a_placeholder_is_no_signature() -> None:
    report = judge(with_placeholder(letter(A, B, files=[("1.txt", b"text")])))
    assert report.signatures == ()
    assert report.indication is Indication.NO_SIGNATURE
    assert "EDXML_PLACEHOLDER" in codes(report)


@pytest.mark.parametrize("wrong", ["plain", "twice", "inclusive"])
def test_another_set_of_references_is_a_part(office: Office, wrong: str) -> None:
    signed = sign_xml(letter(A, B, files=[("1.txt", b"text")]), office.organisation, now=NOW)
    tree = etree.fromstring(signed)
    info = tree.find(f".//{{{LATIN}}}SignedInfo")
    assert info is not None
    references = info.findall(f"{{{LATIN}}}Reference")
    if wrong == "plain":
        info.remove(references[1])
    elif wrong == "twice":
        info.append(etree.fromstring(etree.tostring(references[0])))
    else:
        transform = references[0].findall(f".//{{{LATIN}}}Transform")[1]
        transform.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
    (own,) = judge(etree.tostring(tree)).signatures
    assert own.covers is Coverage.PARTIAL
    assert "PARTIAL_SCOPE" in {f.code for f in own.findings}


def test_a_large_messages_own_signature_is_not_evaluated_and_that_is_said(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = sign_xml(letter(A, B, files=[("1.pdf", office.signed)]), office.organisation, now=NOW)
    monkeypatch.setattr(edxml_verify, "OWN_BYTES_MOST", 10_000)
    report = judge(signed)
    assert report.indication is Indication.INDETERMINATE
    assert "NOT_EVALUATED" in codes(report)
    assert {s.attachment for s in report.signatures} == {"1.pdf"}


def test_attachments_that_cannot_be_taken_out_are_said(office: Office) -> None:
    data = letter(A, B, files=[("1.pdf", office.signed)])
    broken = data[: len(data) // 2]
    report = judge(broken)
    assert report.indication is Indication.INDETERMINATE
    assert "MESSAGE_NOT_UNPACKED" in codes(report)


def test_without_a_way_to_take_it_apart_the_own_signature_is_judged_alone(office: Office) -> None:
    data = letter(A, B, files=[("1.pdf", office.signed)])
    assert judge(data, replace(OPTIONS, message_parts=None)).indication is Indication.NO_SIGNATURE
