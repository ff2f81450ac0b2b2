"""Verifying messages of the dialects from before QCVN 102: their attachments are judged like any file."""

from __future__ import annotations

import io
import zipfile

import pytest

from hub.services.message_parts import message_parts
from schemas.split import is_older
from signing.options import VerifyOptions
from signing.report import FileFormat, FileReport, Indication
from signing.verify import verify_bytes
from tests.unit.schemas.older.older_kit import SOAP, attached, mime, pair, pair_attachments
from tests.unit.signing.conftest import Office, office

__all__ = ["office"]

OPTIONS = VerifyOptions(no_trust=True, message_parts=message_parts, is_older_message=is_older)


def judge(data: bytes) -> FileReport:
    return verify_bytes(data, name="m", options=OPTIONS)


def carried(kind: str, pdf: bytes) -> bytes:
    if kind == "multipart":
        return mime(attached(pdf))
    return pair(attachments=pair_attachments(("bao-cao.pdf", pdf)))


@pytest.mark.parametrize("kind", ["multipart", "pair"])
def test_signatures_of_attachments_are_found_and_say_where_they_are(kind: str, office: Office) -> None:
    report = judge(carried(kind, office.signed))
    assert (report.format, report.indication) == (FileFormat.EDXML, Indication.TOTAL_PASSED)
    assert [s.id for s in report.signatures] == ["A1.S1", "A1.S2"]
    assert all((s.attachment or "").endswith(".pdf") for s in report.signatures)


@pytest.mark.parametrize("kind", ["multipart", "pair"])
def test_a_changed_attachment_fails(kind: str, office: Office) -> None:
    changed = bytearray(office.signed)
    changed[len(office.letter) // 2] ^= 1
    assert judge(carried(kind, bytes(changed))).indication is Indication.TOTAL_FAILED


@pytest.mark.parametrize("kind", ["multipart", "pair"])
def test_a_message_without_signatures_has_none(kind: str, office: Office) -> None:
    report = judge(carried(kind, office.letter))
    assert report.indication is Indication.NO_SIGNATURE
    assert [f.code for f in report.findings] == ["ATTACHMENT_UNSIGNED"]


def test_a_message_that_breaks_off_is_not_passed(office: Office) -> None:
    data = mime(attached(office.signed))
    report = judge(data[: len(data) // 2])
    assert report.indication is Indication.INDETERMINATE
    assert "MESSAGE_NOT_UNPACKED" in [f.code for f in report.findings]


def test_other_archives_and_other_soap_are_none(office: Office) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    assert judge(made.getvalue()).format is FileFormat.UNKNOWN
    foreign = SOAP.replace("e-doc.vn", "example.org").encode()
    assert judge(foreign).format is FileFormat.XML
    assert judge(b"-- a line of text\nand another\n").format is FileFormat.UNKNOWN
