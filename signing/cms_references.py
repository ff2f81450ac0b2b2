"""By which a signature names its signer's certificate: ESSCertID and its second version [RFC 5035].

Only the first entry of each attribute names the signer. The attribute is the same in every signature of one
person, so it is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asn1crypto import tsp, x509

from signing.algorithms import DIGEST_OIDS, digest
from signing.certificates import BROKEN_DER, identity, same_name
from signing.known import ByBytes

OID_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
OID_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReference:
    """One ESSCertID(v2): the digest by which a signature names its certificate."""

    digest_name: str
    digest: bytes
    issuer_der: bytes | None
    serial: int | None


def references_in(signed: dict[str, list[bytes]]) -> Iterator[CertificateReference]:
    """First ESSCertID of each signing-certificate attribute: it names the signer [RFC 5035 §4]."""
    for oid, read in ((OID_SIGNING_CERTIFICATE_V2, _reference_v2), (OID_SIGNING_CERTIFICATE, _reference_v1)):
        for value in signed.get(oid, []):
            reference = read(value)
            if reference is not None:
                yield reference


@ByBytes
def _reference_v2(value: bytes) -> CertificateReference | None:
    try:
        first = tsp.SigningCertificateV2.load(value)["certs"][0]
        return _reference(first, DIGEST_OIDS.get(first["hash_algorithm"]["algorithm"].dotted, ""))
    except BROKEN_DER:
        return None


@ByBytes
def _reference_v1(value: bytes) -> CertificateReference | None:
    try:
        return _reference(tsp.SigningCertificate.load(value)["certs"][0], "sha1")
    except BROKEN_DER:
        return None


def _reference(first: tsp.ESSCertID, name: str) -> CertificateReference:
    issuer, serial = _issuer_serial(first)
    return CertificateReference(
        digest_name=name, digest=bytes(first["cert_hash"].native), issuer_der=issuer, serial=serial
    )


def _issuer_serial(reference: tsp.ESSCertID) -> tuple[bytes | None, int | None]:
    try:
        both = reference["issuer_serial"]
        if both.native is None:
            return None, None
        names = [n.chosen.untag().dump() for n in both["issuer"] if n.name == "directory_name"]
        return (names[0] if names else None), int(both["serial_number"].native)
    except BROKEN_DER:
        return None, None


def reference_matches(
    references: tuple[CertificateReference, ...], signer: x509.Certificate
) -> tuple[bool | None, bool]:
    """Whether all digests are the signer's certificate's, and whether all issuers and numbers are."""
    if not references:
        return None, True
    whole = identity(signer)
    by_digest = all(digest(r.digest_name, whole.der) == r.digest for r in references)
    by_serial = all(
        (r.serial is None or r.serial == whole.serial)
        and (r.issuer_der is None or same_name(r.issuer_der, whole.issuer))
        for r in references
    )
    return by_digest, by_serial
