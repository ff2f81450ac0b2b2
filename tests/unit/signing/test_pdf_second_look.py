"""What is refused before signing, what is thrown away after it, and what other engines say."""

from __future__ import annotations

import dataclasses
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from reportlab.pdfgen.canvas import Canvas

from signing.appearance import Appearance, Place, top_right
from signing.errors import DocumentRefused, SigningFailed
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf
from signing.pades import _KeySigner as KeySigner
from signing.report import Indication, Role
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, Office


@pytest.fixture(scope="module")
def small(office: Office) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(200, 100), invariant=1)
    canvas.drawString(20, 50, "Số: 123")
    canvas.save()
    return sign_pdf(out.getvalue(), office.person, now=NOW)


def _locked(office: Office, lock: fields.FieldMDPSpec) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(office.letter))
    fields.append_signature_field(writer, fields.SigFieldSpec("Leader", field_mdp_spec=lock))
    meta = signers.PdfSignatureMetadata(field_name="Leader", md_algorithm="sha256")
    return bytes(signers.sign_pdf(writer, meta, signer=KeySigner(office.person)).getvalue())


@pytest.fixture
def failed(office: Office) -> bytes:
    broken = bytearray(office.signed)
    place = broken.index(b"/CreationDate") + len("/CreationDate (D:2")
    broken[place] ^= 0x01
    return bytes(broken)


@given(data=st.data(), flip=st.integers(1, 255))
def test_one_changed_byte_in_a_byte_range_is_never_a_pass(
    small: bytes, data: st.DataObject, flip: int
) -> None:
    hole = small.index(b"/Contents <") + len("/Contents "), small.index(b">", small.index(b"/Contents <")) + 1
    place = data.draw(st.integers(0, hole[0] - 1) | st.integers(hole[1], len(small) - 1))
    broken = bytearray(small)
    broken[place] ^= flip
    report = verify_bytes(bytes(broken), name="f", options=VerifyOptions(no_trust=True))
    assert report.indication is not Indication.TOTAL_PASSED
    assert not any(s.intact for s in report.signatures)
    assert {s.indication for s in report.signatures} <= {Indication.TOTAL_FAILED}


@pytest.mark.parametrize(
    "lock",
    [
        fields.FieldMDPSpec(fields.FieldMDPAction.ALL),
        fields.FieldMDPSpec(fields.FieldMDPAction.EXCLUDE, ["Other"]),
        fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, ["Signature2"]),
    ],
)
def test_a_field_that_an_earlier_signature_locks_is_not_signed(
    office: Office, lock: fields.FieldMDPSpec
) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(_locked(office, lock), office.organisation, now=NOW)
    assert refusal.value.code == "pdf_locked"


def test_a_lock_on_other_fields_is_no_obstacle(office: Office) -> None:
    locked = _locked(office, fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, ["Amount"]))
    signed = sign_pdf(locked, office.organisation, now=NOW)
    report = verify_bytes(signed, name="f", options=VerifyOptions(no_trust=True))
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 2


def test_a_failed_last_signature_is_not_signed_over(office: Office, failed: bytes) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(failed, office.organisation, now=NOW)
    assert refusal.value.code == "last_signature_failed"


def test_a_failed_last_signature_is_signed_over_when_forced(office: Office, failed: bytes) -> None:
    signed = sign_pdf(failed, office.organisation, now=NOW, options=SignatureOptions(force=True))
    report = verify_bytes(signed, name="f", options=VerifyOptions(no_trust=True))
    assert [s.indication for s in report.signatures] == [
        Indication.TOTAL_FAILED,
        Indication.TOTAL_FAILED,
        Indication.TOTAL_PASSED,
    ]


def test_a_signed_field_is_not_signed_again(office: Office) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(office.signed, office.person, now=NOW, options=SignatureOptions(field_name="Signature1"))
    assert refusal.value.code == "field_signed"


def test_no_copy_mark_is_put_on_a_signed_original(office: Office) -> None:
    text = "SAO Y; UBND phường Thới Hòa"
    look = Appearance(role=Role.COPY, place=top_right(office.signed, text), text=text)
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(office.signed, office.organisation, now=NOW, appearance=look)
    assert refusal.value.code == "copy_of_signed"


def test_a_signature_that_does_not_verify_is_thrown_away(office: Office) -> None:
    mismatched = dataclasses.replace(office.person, certificate=office.organisation.certificate)
    with pytest.raises(SigningFailed) as failure:
        sign_pdf(office.letter, mismatched, now=NOW)
    assert failure.value.code == "signature_not_verified"
    assert failure.value.findings


def test_a_signature_that_would_harm_an_earlier_one_is_thrown_away(office: Office) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (48, 73), "white").save(picture, "PNG")
    whole_text = Place(page=0, left=60, bottom=60, right=540, top=790)
    look = Appearance(role=Role.ORGANISATION, place=whole_text, picture=picture.getvalue())
    with pytest.raises(SigningFailed) as failure:
        sign_pdf(office.signed, office.organisation, now=NOW, appearance=look)
    assert failure.value.code == "earlier_signature_harmed"


@pytest.mark.needs("pdfsig")
def test_pdfsig_calls_every_signature_valid(office: Office, file_with: Callable[[bytes], Path]) -> None:
    done = subprocess.run(
        ["pdfsig", "-nocert", str(file_with(office.signed))], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("Signature Validation: Signature is Valid.") == 2
    assert "Total document signed" in done.stdout
