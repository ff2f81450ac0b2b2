"""Was the certificate revoked? Answers from lists at hand; nothing is fetched here.

A list counts if its issuer is the certificate's issuer and its signature verifies under that issuer's key.
A list that is partial in any way (indirect, delta, by reason) answers nothing. "Could not be checked" is a
normal answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import crl, x509

from signing.certificates import BROKEN_DER, public_key, serial_number
from signing.primitives import value_matches
from signing.report import Revocation
from signing.trust import signature_scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationOutcome:
    """What is known, and since when if revoked."""

    status: Revocation
    since: datetime | None = None


UNKNOWN = RevocationOutcome(status=Revocation.UNKNOWN)


def check_lists(
    certificate: x509.Certificate, issuer: x509.Certificate, lists: Iterable[bytes], *, at: datetime
) -> RevocationOutcome:
    """The answer of the first list that can give one about the moment `at`."""
    for blob in lists:
        outcome = _ask(certificate, issuer, blob, at)
        if outcome.status is not Revocation.UNKNOWN:
            return outcome
    return UNKNOWN


def _ask(
    certificate: x509.Certificate, issuer: x509.Certificate, blob: bytes, at: datetime
) -> RevocationOutcome:
    try:
        parsed = crl.CertificateList.load(blob)
        body = parsed["tbs_cert_list"]
        if body["issuer"].dump() != certificate["tbs_certificate"]["issuer"].dump() or _is_partial(parsed):
            return UNKNOWN
        next_update = body["next_update"].native
        if next_update is not None and next_update.astimezone(UTC) < at:
            return UNKNOWN
        scheme, key = signature_scheme(parsed["signature_algorithm"]), public_key(issuer)
        if scheme is None or key is None:
            return UNKNOWN
        if value_matches(key, scheme, bytes(parsed["signature"].native), body.dump()) is not True:
            return UNKNOWN
        wanted = serial_number(certificate)
        for entry in body["revoked_certificates"] or ():
            if int(entry["user_certificate"].native) == wanted:
                since = entry["revocation_date"].native.astimezone(UTC)
                return RevocationOutcome(status=Revocation.REVOKED, since=since)
    except BROKEN_DER:
        return UNKNOWN
    return RevocationOutcome(status=Revocation.GOOD)


def _is_partial(parsed: crl.CertificateList) -> bool:
    if parsed.delta_crl_indicator_value is not None:
        return True
    point = parsed.issuing_distribution_point_value
    if point is None:
        return False
    return bool(
        point["indirect_crl"].native
        or point["only_some_reasons"].native
        or point["only_contains_attribute_certs"].native
        or point["only_contains_ca_certs"].native
    )


def is_published(certificate: x509.Certificate) -> bool:
    """Whether the certificate says where its revocation can be looked up."""
    try:
        return bool(certificate.crl_distribution_points or certificate.ocsp_urls)
    except BROKEN_DER:
        return False
