from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pypdfium2
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers

from signing.appearance import (
    Appearance,
    Place,
    above_name,
    beside_last_line,
    decree_time,
    over_left_third,
    top_right,
)
from signing.devpki import DevPki
from signing.errors import DocumentRefused
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf
from signing.pades import _KeySigner as KeySigner
from signing.report import (
    ChainStatus,
    Changes,
    Coverage,
    FileReport,
    Indication,
    Revocation,
    Role,
    SubIndication,
)
from signing.verify import verify_bytes
from tests.unit.signing.conftest import NOW, SIGNER, Office

Judged = Callable[[bytes], FileReport]


def test_both_signatures_of_a_letter_pass(office: Office, judged: Judged) -> None:
    report = judged(office.signed)
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 2
    assert [s.role for s in report.signatures] == [Role.SIGNER, Role.ORGANISATION]
    assert [s.changes for s in report.signatures] == [Changes.PERMITTED, Changes.NONE]
    assert [s.covers for s in report.signatures] == [Coverage.REVISION, Coverage.WHOLE_FILE]
    assert {s.chain for s in report.signatures} == {ChainStatus.TRUSTED}
    assert {s.revocation for s in report.signatures} == {Revocation.GOOD}
    assert {s.format for s in report.signatures} == {"PAdES-B-B"}
    assert report.indication is Indication.TOTAL_PASSED


def test_signing_only_appends(office: Office) -> None:
    assert office.signed.startswith(office.letter)


def test_the_claimed_time_is_the_one_given(office: Office, judged: Judged) -> None:
    assert judged(office.signed).signatures[0].signing_time == NOW


def test_the_stamp_covers_the_left_third_of_the_signature(office: Office) -> None:
    person = above_name(office.letter, SIGNER)
    stamp = over_left_third(person)
    assert stamp.right - person.left == 40
    assert stamp.size == (100, 100)


def test_an_unsigned_letter_has_no_signature(office: Office, judged: Judged) -> None:
    report = judged(office.letter)
    assert (report.indication, report.signatures) == (Indication.NO_SIGNATURE, ())


def test_the_letter_is_a_page_of_text_with_vietnamese_letters(office: Office) -> None:
    document = pypdfium2.PdfDocument(office.letter)
    text = document[0].get_textpage().get_text_bounded()
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in text
    assert SIGNER in text
    document.close()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.999])
def test_a_changed_byte_fails_every_signature_over_it(office: Office, judged: Judged, share: float) -> None:
    first = judged(office.signed).signatures[0]
    end = int(first.scope[0].split("-")[1])
    place = int(len(office.letter) * share)
    assert place < end
    broken = bytearray(office.signed)
    broken[place] ^= 0x01
    report = judged(bytes(broken))
    assert report.indication is Indication.TOTAL_FAILED
    assert not any(s.intact for s in report.signatures)


def test_bytes_added_after_the_last_signature_do_not_pass(office: Office, judged: Judged) -> None:
    report = judged(office.signed + b"\n1 0 obj<</Type/Catalog>>endobj\n")
    assert report.indication is not Indication.TOTAL_PASSED


def test_without_anchors_the_chain_is_untrusted(office: Office) -> None:
    report = verify_bytes(office.signed, name="f", options=VerifyOptions(at=NOW))
    assert report.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    assert all(s.intact for s in report.signatures)


def test_another_pki_does_not_vouch_for_ours(
    office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = DevPki.open_or_create(tmp_path_factory.mktemp("other") / "pki", now=NOW)
    report = verify_bytes(office.signed, name="f", options=VerifyOptions(trust=other.trust, at=NOW))
    assert {s.chain for s in report.signatures} == {ChainStatus.UNTRUSTED}
    assert report.indication is Indication.INDETERMINATE


def test_no_trust_judges_the_mathematics_alone(office: Office) -> None:
    report = verify_bytes(office.signed, name="f", options=VerifyOptions(no_trust=True))
    assert report.indication is Indication.TOTAL_PASSED
    assert {s.chain for s in report.signatures} == {ChainStatus.NOT_CHECKED}


def test_an_expired_certificate_with_a_claimed_time_is_not_a_pass(office: Office) -> None:
    later = NOW + timedelta(days=365 * 6)
    report = verify_bytes(office.signed, name="f", options=VerifyOptions(trust=office.pki.trust, at=later))
    assert report.sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE


def test_the_old_style_passes_under_its_own_name(office: Office, judged: Judged) -> None:
    signed = sign_pdf(office.letter, office.person, now=NOW, options=SignatureOptions(plain_pkcs7=True))
    report = judged(signed)
    assert report.signatures[0].format == "PKCS7"
    assert report.indication is Indication.TOTAL_PASSED


def test_a_chain_of_five_signatures_after_a_certifying_one_passes(office: Office, judged: Judged) -> None:
    person = above_name(office.letter, SIGNER)
    narrow = Place(page=0, left=470, bottom=400, right=500, top=422)
    pdf = sign_pdf(
        office.letter,
        office.person,
        now=NOW,
        appearance=Appearance(role=Role.INITIALS, place=narrow, text="VĐ"),
    )
    pdf = sign_pdf(
        pdf,
        office.person,
        now=NOW,
        appearance=Appearance(role=Role.SIGNER, place=person, text=SIGNER),
        options=SignatureOptions(certify=False),
    )
    for role, text, bottom in ((Role.NUMBER, "123", 730), (Role.DATE, "05", 700)):
        line = Place(page=0, left=100, bottom=bottom, right=130, top=bottom + 14)
        pdf = sign_pdf(
            pdf, office.organisation, now=NOW, appearance=Appearance(role=role, place=line, text=text)
        )
    stamp = Appearance(role=Role.ORGANISATION, place=over_left_third(person), text="UBND")
    report = judged(sign_pdf(pdf, office.organisation, now=NOW, appearance=stamp))
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 5


def test_a_certified_letter_may_still_be_numbered_and_stamped(office: Office, judged: Judged) -> None:
    person = above_name(office.letter, SIGNER)
    pdf = sign_pdf(
        office.letter,
        office.person,
        now=NOW,
        appearance=Appearance(role=Role.SIGNER, place=person, text=SIGNER),
        options=SignatureOptions(certify=True),
    )
    line = Place(page=0, left=100, bottom=730, right=130, top=744)
    pdf = sign_pdf(
        pdf, office.organisation, now=NOW, appearance=Appearance(role=Role.NUMBER, place=line, text="7")
    )
    stamp = Appearance(role=Role.ORGANISATION, place=over_left_third(person), text="UBND")
    report = judged(sign_pdf(pdf, office.organisation, now=NOW, appearance=stamp))
    assert report.signatures[0].docmdp == 2
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 3


def test_signing_something_that_is_no_pdf_is_refused(office: Office) -> None:
    with pytest.raises(DocumentRefused):
        sign_pdf(b"not a pdf", office.person, now=NOW)


def test_time_is_written_as_the_decree_prints_it() -> None:
    assert decree_time(NOW) == "05/01/2026; 15:30:45 +07:00"


def test_an_annex_line_stands_at_the_top_right_of_page_one(office: Office) -> None:
    place = top_right(office.letter, f"Số: 123/UBND-VP; {decree_time(NOW)}")
    assert place.page == 0
    assert place.right == 581


def test_a_name_that_is_not_on_any_page_cannot_be_signed_above(office: Office) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        above_name(office.letter, "Trần Không Có")
    assert refusal.value.code == "anchor_not_found"


def test_a_document_that_forbids_changes_is_not_signed(office: Office) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(office.letter))
    meta = signers.PdfSignatureMetadata(
        field_name="Last", certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES, md_algorithm="sha256"
    )
    locked = signers.sign_pdf(writer, meta, signer=KeySigner(office.person)).getvalue()
    with pytest.raises(DocumentRefused) as refusal:
        sign_pdf(locked, office.organisation, now=NOW)
    assert refusal.value.code == "pdf_locked"


def test_initials_stand_beside_the_last_line(office: Office, judged: Judged) -> None:
    place = beside_last_line(office.letter, "Nơi nhận")
    initials = Appearance(role=Role.INITIALS, place=place, text="VĐ")
    report = judged(sign_pdf(office.letter, office.person, now=NOW, appearance=initials))
    assert report.signatures[0].role is Role.INITIALS


def test_texts_that_are_written_again_keep_their_encoding(office: Office, judged: Judged) -> None:
    """The catalogue goes out again with every signature; its /Lang in UTF-16 stays in UTF-16."""
    writer = IncrementalPdfFileWriter(io.BytesIO(office.letter))
    writer.root[generic.pdf_name("/Lang")] = generic.TextStringObject("VI")
    writer.root["/Lang"].force_output_encoding = generic.TextStringEncoding.UTF16BE
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    pdf = out.getvalue()
    for _ in range(2):
        pdf = sign_pdf(pdf, office.person, now=NOW)
    written = PdfFileReader(io.BytesIO(pdf)).root.raw_get("/Lang")
    assert written.autodetected_encoding is generic.TextStringEncoding.UTF16BE
    assert judged(pdf).indication is Indication.TOTAL_PASSED
