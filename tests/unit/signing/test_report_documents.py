"""The report for other validators (ETSI XML) and on paper (PDF)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree

from signing.command import run_verify
from signing.messages import Code, finding
from signing.options import VerifyOptions
from signing.report import FileReport, Severity
from signing.report_etsi import VR, to_etsi
from signing.report_pdf import print_report
from signing.report_pictures import PICTURES_MOST, changed_pages
from signing.verify import verify_bytes, verify_file
from tests.support.shared import shared_folder
from tests.unit.signing.conftest import NOW, SIGNER, Office

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("ts119102_subset.xsd")))
HOSTILE = "\x00\x0b\ud800 <b>&amp;</b> ]]> {detail} \u202e"


def etsi(report: FileReport) -> etree._Element:
    root = etree.fromstring(to_etsi(report, at=NOW))
    SCHEMA.assertValid(root)
    return root


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


@pytest.fixture
def report(office: Office, judged: Callable[[bytes], FileReport]) -> FileReport:
    return judged(office.signed)


def test_the_xml_names_every_signature_in_the_words_of_the_standard(report: FileReport) -> None:
    root = etsi(report)
    assert root.tag == f"{{{VR}}}ValidationReport"
    found = root.findall(f"{{{VR}}}SignatureValidationReport")
    assert len(found) == len(report.signatures) == 2
    assert root.findtext(f".//{{{VR}}}MainIndication") == "urn:etsi:019102:mainindication:total-passed"


def test_a_failure_has_its_subindication(office: Office, judged: Callable[[bytes], FileReport]) -> None:
    data = bytearray(office.signed)
    data[len(office.letter) // 2] ^= 1
    root = etsi(judged(bytes(data)))
    assert root.findtext(f".//{{{VR}}}MainIndication") == "urn:etsi:019102:mainindication:total-failed"
    assert root.findtext(f".//{{{VR}}}SubIndication") == "urn:etsi:019102:subindication:HASH_FAILURE"


def test_a_file_without_a_signature_makes_a_valid_document(office: Office) -> None:
    unsigned = verify_bytes(office.letter, name="a.pdf", options=VerifyOptions(no_trust=True))
    assert etsi(unsigned).findtext(f".//{{{VR}}}SubIndication") == "urn:lienthong:subindication:NO_SIGNATURE"
    assert "Tệp không có chữ ký số" in text_of(print_report(unsigned, source=None, at=NOW))


def test_what_the_signer_wrote_is_text_and_never_markup(report: FileReport) -> None:
    signer = report.signatures[0].signer
    assert signer is not None
    hostile = replace(
        report.signatures[0],
        reason=HOSTILE,
        location=HOSTILE * 200,
        field=HOSTILE,
        signer=replace(signer, subject=HOSTILE),
        findings=(finding(Code.FORMAT_FAILURE, Severity.INFO, detail=HOSTILE),),
    )
    changed = replace(report, file=HOSTILE, signatures=(hostile,))
    etsi(changed)
    assert "<b>&amp;</b>" in text_of(print_report(changed, source=None, at=NOW))


def test_personal_numbers_are_hidden_in_both(report: FileReport) -> None:
    signer = report.signatures[0].signer
    assert signer is not None
    first = replace(report.signatures[0], signer=replace(signer, subject="UID=CCCD:074123456789, CN=A"))
    changed = replace(report, signatures=(first,))
    assert b"074123456789" not in to_etsi(changed, at=NOW)
    assert b"074123456789" in to_etsi(changed, at=NOW, show_personal=True)
    assert "074123456789" not in text_of(print_report(changed, source=None, at=NOW))


def test_the_paper_says_who_signed_when_and_what_it_is_worth(report: FileReport) -> None:
    printed = text_of(print_report(report, source=None, at=NOW, hub="00.09.W00"))
    for said in (SIGNER, "Chữ ký số hợp lệ", "TOTAL-PASSED", "Tiếp nhận", report.sha256, "00.09.W00"):
        assert said in printed, said
    assert "Người có thẩm quyền" in printed
    assert "05/01/2026; 15:30:45 +07:00" in printed


def test_every_typeface_of_the_paper_is_embedded(report: FileReport) -> None:
    made = print_report(report, source=None, at=NOW)
    faces = set(re.findall(rb"/BaseFont /(\S+)", made))
    embedded = set(re.findall(rb"/FontFile2 [^>]*?/FontName /(\S+)|/FontName /(\S+)[^>]*?/FontFile2", made))
    assert len({name for pair in embedded for name in pair if name}) >= 2
    assert all(b"Liberation" in face or face == b"Helvetica" for face in faces)


@pytest.mark.shared_material
@pytest.mark.parametrize("name", ["dss__415020db__hide.pdf", "dss__467573be__pdf-signed-added-page.pdf"])
def test_a_shadow_attack_shows_its_page_then_and_now(name: str) -> None:
    source = shared_folder("corpus", "files", name)
    judged = verify_file(source, name=name, options=VerifyOptions(no_trust=True))
    assert judged.indication.value in {"INDETERMINATE", "TOTAL-FAILED"}
    pictures = changed_pages(judged, source)
    assert 0 < len(pictures) <= PICTURES_MOST
    assert pictures[0].then != pictures[0].now
    assert "hiện nay" in text_of(print_report(judged, source=source, at=NOW))


def test_the_command_writes_both(office: Office, tmp_path: Path) -> None:
    file, paper, out = tmp_path / "a.pdf", tmp_path / "report.pdf", io.StringIO()
    file.write_bytes(office.signed)
    code = _run([file], out=out, as_etsi=True, pdf=paper)
    assert code == 0
    SCHEMA.assertValid(etree.fromstring(out.getvalue().encode()))
    assert paper.read_bytes().startswith(b"%PDF")
    assert _run([file, file], out=out, as_etsi=True, pdf=None) == 3
    assert _run([file], out=out, as_etsi=False, pdf=tmp_path / "none" / "report.pdf") == 3


def _run(files: list[Path], *, out: io.StringIO, as_etsi: bool, pdf: Path | None) -> int:
    return run_verify(
        files,
        as_json=False,
        no_trust=True,
        trust=None,
        at=None,
        content=(),
        policy=None,
        show_personal=False,
        out=out,
        err=io.StringIO(),
        as_etsi=as_etsi,
        pdf=pdf,
    )


def test_a_certificate_that_never_ends_is_printed(report: FileReport) -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    first = report.signatures[0]
    assert first.signer is not None
    endless = replace(first, signer=replace(first.signer, not_after=never))
    assert "31/12/9999" in text_of(print_report(replace(report, signatures=(endless,)), source=None, at=NOW))
