"""Long-term PDF signatures (B-LT, B-LTA) made by pyHanko with real authorities, read years later offline."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import keys
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, SimpleSigner
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import FileReport, Indication, Revocation, TimeSource
from signing.verify import verify_bytes
from tests.support.papers import small_letter
from tests.support.pki import NOW, Authorities

PASSED = Indication.TOTAL_PASSED


def _key(vn: Authorities, name: str) -> keys.PrivateKeyInfo:
    der = vn.key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keys.PrivateKeyInfo.load(der)


def _stamper(vn: Authorities, label: str, at: datetime) -> DummyTimeStamper:
    return DummyTimeStamper(
        tsa_cert=vn.certificate(label), tsa_key=_key(vn, "tsa"), fixed_dt=at, include_nonce=False
    )


def _signed(vn: Authorities, *, tsa: str, archived: bool) -> bytes:
    letter = small_letter("Nguyễn Văn Thử")
    store = SimpleCertificateStore()
    store.register_multiple([vn.certificate("sub-g2"), vn.certificate("root-g2")])
    signer = SimpleSigner(
        signing_cert=vn.certificate("crl-only"), signing_key=_key(vn, "leaf"), cert_registry=store
    )
    context = ValidationContext(
        trust_roots=[vn.certificate("root-g2")],
        other_certs=[vn.certificate("sub-g2")],
        crls=[vn.crl("sub-g2"), vn.crl("root-g2")],
        moment=NOW,
        allow_fetching=False,
    )
    metadata = PdfSignatureMetadata(
        field_name="S",
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=True,
        use_pades_lta=archived,
        validation_context=context,
    )
    out = io.BytesIO()
    PdfSigner(metadata, signer=signer, timestamper=_stamper(vn, tsa, NOW)).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(letter)), output=out
    )
    return out.getvalue()


def _judged(vn: Authorities, data: bytes, at: datetime) -> FileReport:
    options = VerifyOptions(trust=vn.store(intermediates=False), at=at, compare_pages=False)
    return verify_bytes(data, name="f", options=options)


def test_what_the_file_carries_is_enough_without_network_or_intermediates(vn: Authorities) -> None:
    report = _judged(vn, _signed(vn, tsa="tsa", archived=False), NOW + timedelta(hours=1))
    (signature,) = report.signatures
    assert (signature.format, signature.indication) == ("PAdES-B-LT", PASSED)
    assert signature.revocation is Revocation.GOOD
    assert vn.asked == []


def test_years_later_the_embedded_answers_still_count_at_the_proven_time(vn: Authorities) -> None:
    data = _signed(vn, tsa="tsa", archived=True)
    signature = _judged(vn, data, datetime(2031, 1, 1, tzinfo=UTC)).signatures[0]
    assert (signature.format, signature.indication) == ("PAdES-B-LTA", PASSED)
    assert (signature.best_time, signature.time_source) == (NOW, TimeSource.TIMESTAMP)


@pytest.mark.parametrize(
    ("days", "source"), [(20, TimeSource.TIMESTAMP), (60, TimeSource.CLAIMED)], ids=["in time", "too late"]
)
def test_a_chain_of_document_timestamps_ends_with_its_last_authority(
    vn: Authorities, days: int, source: TimeSource
) -> None:
    # `tsa-short` ends on 1 February.
    data = _signed(vn, tsa="tsa-short", archived=True)
    signature = _judged(vn, data, NOW + timedelta(days=days)).signatures[0]
    assert signature.time_source is source
    assert (Code.TIMESTAMP_EXPIRED.value in {f.code for f in signature.findings}) is (days == 60)


def test_a_later_document_timestamp_carries_an_authority_that_has_ended(vn: Authorities) -> None:
    data = _signed(vn, tsa="tsa-short", archived=True)
    out = io.BytesIO()
    PdfTimeStamper(_stamper(vn, "tsa", NOW + timedelta(days=20))).timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(data)), "sha256", output=out
    )
    later = NOW + timedelta(days=400)
    signature = _judged(vn, out.getvalue(), later).signatures[0]
    assert (signature.best_time, signature.time_source) == (NOW, TimeSource.TIMESTAMP)
    assert _judged(vn, data, later).signatures[0].time_source is TimeSource.CLAIMED
