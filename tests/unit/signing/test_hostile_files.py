"""Files that are broken, huge or meant to do harm: a verdict or a clear reason, within limits."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from signing.options import VerifyOptions
from signing.pades import append_signature
from signing.pdf_structure import MAX_SIGNATURES
from signing.report import FileReport, Indication, SubIndication
from signing.verify import verify_bytes, verify_file
from tests.support.raw_pdf import with_objects
from tests.unit.signing.conftest import NOW, Office

SECONDS = 60.0
"""Far above what is needed: a hang is found, a busy machine is not."""
BIG = 500 * 1024 * 1024


def _judged(data: bytes, *, pages: bool = False) -> FileReport:
    began = time.process_time()
    report = verify_bytes(data, name="x", options=VerifyOptions(no_trust=True, compare_pages=pages))
    assert time.process_time() - began < SECONDS
    assert "INTERNAL_ERROR" not in _codes(report)
    return report


def _codes(report: FileReport) -> set[str]:
    return {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}


def _encrypted(pdf: bytes, user_password: str) -> bytes:
    writer, out = copy_into_new_writer(PdfFileReader(io.BytesIO(pdf))), io.BytesIO()
    writer.encrypt(owner_pass="owner", user_pass=user_password)
    writer.write(out)
    return out.getvalue()


def test_a_file_behind_a_password_is_not_called_unsigned(office: Office) -> None:
    report = _judged(_encrypted(office.letter, "secret"))
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, SubIndication.CUSTOM)
    assert _codes(report) == {"FILE_ENCRYPTED"}


def test_a_file_that_opens_without_password_is_examined(office: Office) -> None:
    assert _judged(_encrypted(office.letter, "")).indication is Indication.NO_SIGNATURE


def test_a_signature_inside_a_locked_file_is_still_seen(office: Office) -> None:
    # The value and its hole are outside the encryption, so what was signed can be told intact or not.
    locked = _encrypted(office.letter, "secret")
    tail = office.signed[len(office.letter) :]
    report = _judged(locked + tail)
    assert report.indication is not Indication.TOTAL_PASSED


def test_more_signatures_than_the_limit_are_never_a_pass(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = office.letter
    for _ in range(5):
        made = append_signature(made, office.person, now=NOW).data
    assert _judged(made).indication is Indication.TOTAL_PASSED
    monkeypatch.setattr("signing.pdf_structure.MAX_SIGNATURES", 3)
    report = _judged(made)
    assert report.indication is Indication.INDETERMINATE
    assert "LIMIT_EXCEEDED" in _codes(report)
    assert len(report.signatures) == 3


def test_a_thousand_signatures_have_a_verdict() -> None:
    value = b"<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 10 12 10]/Contents<30>>>"
    fields = [b"<</FT/Sig/T(S%d)/V %s>>" % (n, value) for n in range(1_000)]
    references = b" ".join(b"%d 0 R" % (n + 4) for n in range(1_000))
    pdf = with_objects(
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%s]>>>>" % references,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        *fields,
    )
    report = _judged(pdf)
    assert report.indication is Indication.TOTAL_FAILED
    assert "LIMIT_EXCEEDED" in _codes(report)
    assert len(report.signatures) == MAX_SIGNATURES


def test_five_thousand_pages_have_a_verdict(office: Office) -> None:
    kids = b" ".join(b"%d 0 R" % (n + 3) for n in range(5_000))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>"
    pdf = with_objects(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count 5000>>" % kids,
        *([page] * 5_000),
    )
    once = append_signature(pdf, office.person, now=NOW).data
    twice = append_signature(once, office.organisation, now=NOW).data
    assert _judged(twice).indication is Indication.TOTAL_PASSED


def test_of_too_many_objects_nobody_says_that_they_are_unchanged(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _judged(office.signed).indication is Indication.TOTAL_PASSED
    monkeypatch.setattr("signing.pdf_versions.MAX_OBJECTS", 5)
    report = _judged(office.signed)
    assert report.indication is Indication.INDETERMINATE
    assert "too many objects" in report.signatures[0].findings[0].en
    assert report.signatures[0].intact


@pytest.mark.parametrize(
    "objects",
    [
        (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"),
        (b"<</Type/Catalog/Pages 2 0 R/AcroForm 3 0 R>>", b"2 0 R", b"3 0 R"),
        (
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R 3 0 R]>>>>",
            b"<</Type/Pages/Kids[]/Count 0>>",
            b"<</FT/Sig/T(a)/Kids[3 0 R 4 0 R]/Parent 4 0 R/V 3 0 R>>",
            b"<</Kids[3 0 R]/Parent 3 0 R/V 4 0 R>>",
        ),
        (b"1 0 R",),
        (b"<</Type/Catalog/DSS 1 0 R/Certs[1 0 R]/CRLs 1 0 R>>",),
    ],
)
def test_circles_end(objects: tuple[bytes, ...]) -> None:
    assert _judged(with_objects(*objects), pages=True).indication is not Indication.TOTAL_PASSED


def test_a_cut_file_is_never_a_pass_as_a_whole(office: Office) -> None:
    for share in (0.1, 0.5, 0.9, 0.97, 0.999):
        report = _judged(office.signed[: int(len(office.signed) * share)])
        assert report.indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize("head", [b"%PDF-1.7\n", b"<a>", b"PK\x03\x04", b"\0\0"])
def test_half_a_gigabyte_of_holes_is_read_once_and_refused_or_unsigned(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(BIG)
    began = time.process_time()
    report = verify_file(path, name="big", options=VerifyOptions(no_trust=True))
    assert time.process_time() - began < SECONDS
    assert report.indication in {Indication.TOTAL_FAILED, Indication.NO_SIGNATURE, Indication.INDETERMINATE}
    assert "INTERNAL_ERROR" not in _codes(report)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(VerifyOptions().max_bytes + 1)
    report = verify_file(path, name="big")
    assert report.indication is Indication.TOTAL_FAILED
    assert _codes(report) == {"LIMIT_EXCEEDED"}
