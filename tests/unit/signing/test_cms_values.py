"""Certificates and revocation data in attributes of a CMS signature."""

from __future__ import annotations

import pytest
from asn1crypto import core, ocsp, pdf
from asn1crypto import crl as asn1_crl
from cryptography.hazmat.primitives.serialization import Encoding

from signing.cms import OID_REVOCATION_VALUES, SignedMessage, SignerCheck
from signing.cms_values import OID_ADOBE_REVOCATION, OID_CERTIFICATE_VALUES, with_values
from tests.unit.signing.test_revocation import CA, LEAF, _list, _response

EMPTY = SignedMessage(
    content_type="data", encapsulated=None, certificates=(), crls=(), ocsps=(), signer_infos=()
)


def _values() -> bytes:
    archival = pdf.RevocationInfoArchival(
        {
            "crl": [asn1_crl.CertificateList.load(_list())],
            "ocsp": [ocsp.OCSPResponse.load(_response())],
        }
    )
    return bytes(archival.dump())


def _check(*, signed: dict[str, list[bytes]], unsigned: dict[str, list[bytes]]) -> SignerCheck:
    return SignerCheck(signer=None, scheme=None, digest_name="", signed=signed, unsigned=unsigned)


@pytest.mark.parametrize("is_signed", [True, False], ids=["as Adobe writes it", "as CAdES writes it"])
def test_lists_and_responses_in_attributes_are_evidence(is_signed: bool) -> None:
    signed = {OID_ADOBE_REVOCATION: [_values()]} if is_signed else {}
    unsigned = {} if is_signed else {OID_REVOCATION_VALUES: [_values()]}
    found = with_values(EMPTY, _check(signed=signed, unsigned=unsigned))
    assert [len(found.crls), len(found.ocsps)] == [1, 1]
    assert asn1_crl.CertificateList.load(found.crls[0], strict=True)


def test_certificates_in_attributes_complete_paths() -> None:
    ders = [h.certificate.public_bytes(Encoding.DER) for h in (LEAF, CA)]
    value: core.Sequence = core.Sequence()
    value.contents = b"".join(ders)
    found = with_values(EMPTY, _check(signed={}, unsigned={OID_CERTIFICATE_VALUES: [value.dump(force=True)]}))
    assert [c.dump() for c in found.certificates] == ders


@pytest.mark.parametrize("blob", [b"", b"0", b"0\x80", b"\x30\x03\xa0\x05\x30", b"\xff" * 40])
def test_attributes_that_are_broken_are_left_out(blob: bytes) -> None:
    both = {OID_ADOBE_REVOCATION: [blob], OID_REVOCATION_VALUES: [blob], OID_CERTIFICATE_VALUES: [blob]}
    assert with_values(EMPTY, _check(signed=both, unsigned=both)) == EMPTY
