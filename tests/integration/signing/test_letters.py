"""Whole letters as offices make them: who signs after whom, in which form of file, with which old habits."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from asn1crypto import algos, tsp
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from adapters.simulator.letter import make_letter
from signing.appearance import Appearance, Place, above_name, over_left_third
from signing.credentials import Credential
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, append_signature
from signing.report import FileReport, Indication, Revocation, Role
from signing.tsa import TimestampClient, post
from signing.verify import verify_bytes
from tests.support.pki import NOW, Authorities

SIGNER = "Nguyễn Văn Thử"
INITIALS, LEADER, NUMBER, DATE, STAMP = range(5)
Form = Callable[[bytes], bytes]


def table(pdf: bytes) -> bytes:
    """The cross-reference table that the letter was written with."""
    return pdf


def streams(pdf: bytes) -> bytes:
    """The same letter with cross-reference and object streams."""
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(pdf)), writer_kwargs={"stream_xrefs": True})
    out = io.BytesIO()
    writer.write(out)
    assert b"/XRef" in out.getvalue()
    return out.getvalue()


def freed(pdf: bytes) -> bytes:
    """The letter after an update that frees a number nobody uses, as iText's append mode leaves it."""
    reader = PdfFileReader(io.BytesIO(pdf))
    root, size = reader.trailer.raw_get("/Root").idnum, int(reader.trailer["/Size"])
    previous = pdf.rindex(b"startxref") + len(b"startxref")
    start = int(pdf[previous : pdf.index(b"%%EOF", previous)])
    entries = f"xref\n{size} 1\n0000000000 65534 f \n"
    trailer = f"trailer\n<< /Size {size + 1} /Root {root} 0 R /Prev {start} >>\n"
    return pdf + f"{entries}{trailer}startxref\n{len(pdf)}\n%%EOF\n".encode()


def letter() -> bytes:
    return make_letter(
        issuing_body="Ủy ban nhân dân phường Thới Hòa",
        code_notation="UBND-VP",
        place="Thới Hòa",
        issued_on=date(2026, 1, 5),
        subject="báo cáo",
        paragraphs=["Nội dung báo cáo gồm một đoạn."],
        signer_name=SIGNER,
        signer_title="Chủ tịch",
    )


@dataclass(frozen=True)
class Step:
    """One signature of a letter."""

    place: Place
    text: str
    certify: bool = False


def steps(pdf: bytes, *, certify: bool) -> list[Step]:
    person = above_name(pdf, SIGNER)
    return [
        Step(Place(page=0, left=500, bottom=300, right=530, top=322), "VĐ"),
        Step(person, SIGNER, certify=certify),
        Step(Place(page=0, left=100, bottom=730, right=130, top=744), "123"),
        Step(Place(page=0, left=380, bottom=700, right=400, top=714), "05"),
        Step(over_left_third(person), "UBND phường"),
    ]


def make(vn: Authorities, pdf: bytes, wanted: list[Step], **options: Any) -> list[bytes]:
    """The revisions, one per signature; the CMS holds the signer's certificate alone."""
    made: list[bytes] = []
    for step in wanted:
        look = Appearance(role=_role(step), place=step.place, text=step.text)
        chosen = SignatureOptions(certify=step.certify, **options)
        pdf = append_signature(pdf, vn.credential("good"), now=NOW, appearance=look, options=chosen).data
        made.append(pdf)
    return made


def _role(step: Step) -> Role:
    return Role.ORGANISATION if step.text.startswith("UBND") else Role.SIGNER


def judged(vn: Authorities, pdf: bytes) -> FileReport:
    options = VerifyOptions(trust=vn.store(), at=NOW, require_revocation=False)
    return verify_bytes(pdf, name="letter.pdf", options=options)


def verdicts(report: FileReport) -> list[Indication]:
    return [s.indication for s in report.signatures]


@pytest.mark.parametrize("form", [table, streams, freed])
@pytest.mark.parametrize("plain", [False, True])
def test_initials_leader_number_date_and_stamp_pass(vn: Authorities, form: Form, plain: bool) -> None:
    pdf = form(letter())
    # The leader certifies where nobody signed before: a certifying signature is a document's first.
    for wanted in (steps(pdf, certify=False), steps(pdf, certify=True)[LEADER:]):
        report = judged(vn, make(vn, pdf, wanted, plain_pkcs7=plain)[-1])
        assert verdicts(report) == [Indication.TOTAL_PASSED] * len(wanted), [
            (s.id, s.findings[:1]) for s in report.signatures
        ]
        assert {s.revocation for s in report.signatures} <= {Revocation.UNKNOWN, Revocation.NOT_CHECKED}


@pytest.mark.parametrize("form", [streams, freed])
def test_a_number_freed_between_signatures_is_no_change(vn: Authorities, form: Form) -> None:
    pdf = letter() if form is freed else streams(letter())
    revisions = make(vn, pdf, steps(pdf, certify=False)[:2])
    between = freed(revisions[0]) if form is freed else revisions[0]
    pdf = make(vn, between, steps(pdf, certify=False)[1:])[-1]
    assert set(verdicts(judged(vn, pdf))) == {Indication.TOTAL_PASSED}


class OldTimestamps(TimestampClient):
    """Asks for tokens over SHA-1, as the government's signing tool does."""

    value = b""

    def token(self, digest: bytes) -> bytes:
        assert hashlib.sha256(OldTimestamps.value).digest() == digest
        imprint = {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
            "hashed_message": hashlib.sha1(OldTimestamps.value, usedforsecurity=False).digest(),
        }
        request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True})
        answer = tsp.TimeStampResp.load(post(self.authorities[0], request.dump(), 30))
        return bytes(answer["time_stamp_token"].dump())


def test_a_sha1_imprint_of_a_timestamp_is_noted_and_passes(
    vn: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = Credential.sign

    def remember(credential: Credential, data: bytes) -> bytes:
        OldTimestamps.value = sign(credential, data)
        return OldTimestamps.value

    monkeypatch.setattr(Credential, "sign", remember)
    pdf = letter()
    client = OldTimestamps(authorities=(vn.tsa("tsa"),))
    report = judged(vn, make(vn, pdf, steps(pdf, certify=True)[LEADER:], timestamps=client)[-1])
    assert set(verdicts(report)) == {Indication.TOTAL_PASSED}
    assert all("OLD_DIGEST_IN_TIMESTAMP" in {f.code for f in s.findings} for s in report.signatures)


def _renumbered(pdf: bytes, field: int) -> bytes:
    """The letter with another picture in the number's field, put there after the stamp."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    annotation = writer.root["/AcroForm"]["/Fields"][field].get_object()
    look = annotation["/AP"]["/N"]
    other = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): look["/BBox"],
        },
        stream_data=b"0 0 0 rg 2 2 20 9 re f",
    )
    annotation[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): writer.add_object(other)})
    writer.update_container(annotation)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("form", [table, streams])
def test_a_number_changed_after_the_stamp_is_not_a_pass(vn: Authorities, form: Form) -> None:
    pdf = form(letter())
    signed = make(vn, pdf, steps(pdf, certify=False))[-1]
    report = judged(vn, _renumbered(signed, NUMBER))
    assert Indication.TOTAL_PASSED not in verdicts(report)
    assert all(s.intact for s in report.signatures)


def test_broken_initials_leave_the_other_verdicts_alone(vn: Authorities) -> None:
    pdf = letter()
    wanted = steps(pdf, certify=False)
    first = bytearray(make(vn, pdf, wanted[:1])[0])
    hole = first.index(b"/Contents <") + len(b"/Contents <")
    # The value's last digits belong to its RSA number.
    place = hole + len(bytes(first[hole : first.index(b">", hole)]).rstrip(b"0")) - 40
    first[place] = ord("1") if first[place] == ord("0") else ord("0")
    report = judged(vn, make(vn, bytes(first), wanted[1:], force=True)[-1])
    assert verdicts(report) == [Indication.TOTAL_FAILED, *[Indication.TOTAL_PASSED] * 4]
