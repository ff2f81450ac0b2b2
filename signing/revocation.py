"""Was the certificate revoked? Answers from lists at hand; nothing is fetched here.

An OCSP response counts if it is about this certificate and signed by its issuer or by a responder whom the
issuer certified for it. A list counts if its issuer is the certificate's issuer and its signature verifies
under that issuer's key. A list that is partial in any way (indirect, delta, by reason) answers nothing.
"Could not be checked" is a normal answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import crl, ocsp, x509

from signing.algorithms import DIGEST_OIDS, digest
from signing.certificates import BROKEN_DER, public_key, serial_number
from signing.primitives import value_matches
from signing.report import Revocation
from signing.trust import is_signed_by, signature_scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationOutcome:
    """What is known, and since when if revoked."""

    status: Revocation
    since: datetime | None = None


TOLERANCE = timedelta(minutes=5)
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


def check(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    lists: Iterable[bytes],
    responses: Iterable[bytes],
    at: datetime,
) -> RevocationOutcome:
    """The answer of the responses, then of the lists."""
    for blob in responses:
        outcome = _ask_response(certificate, issuer, blob, at)
        if outcome.status is not Revocation.UNKNOWN:
            return outcome
    return check_lists(certificate, issuer, lists, at=at)


def _ask_response(
    certificate: x509.Certificate, issuer: x509.Certificate, blob: bytes, at: datetime
) -> RevocationOutcome:
    try:
        basic = _basic(blob)
        body = basic["tbs_response_data"]
        if not _is_signed_for(basic, issuer):
            return UNKNOWN
        for answer in body["responses"]:
            if not _is_about(answer["cert_id"], certificate, issuer):
                continue
            status = answer["cert_status"]
            if status.name == "revoked":
                since = status.chosen["revocation_time"].native.astimezone(UTC)
                return RevocationOutcome(status=Revocation.REVOKED, since=since)
            if status.name == "good" and _is_fresh(answer, at):
                return RevocationOutcome(status=Revocation.GOOD)
    except BROKEN_DER:
        return UNKNOWN
    return UNKNOWN


def _basic(blob: bytes) -> ocsp.BasicOCSPResponse:
    """The basic response in its envelope, or bare as CMS carries it."""
    whole = ocsp.OCSPResponse.load(blob)
    try:
        if whole["response_status"].native == "successful":
            return whole["response_bytes"]["response"].parsed
    except BROKEN_DER:
        pass
    return ocsp.BasicOCSPResponse.load(blob)


def _is_about(named: ocsp.CertId, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    name = DIGEST_OIDS.get(named["hash_algorithm"]["algorithm"].dotted, "")
    tbs = issuer["tbs_certificate"]
    key = bytes(tbs["subject_public_key_info"]["public_key"].contents)[1:]
    return bool(
        int(named["serial_number"].native) == serial_number(certificate)
        and digest(name, tbs["subject"].dump()) == bytes(named["issuer_name_hash"].native)
        and digest(name, key) == bytes(named["issuer_key_hash"].native)
    )


def _is_signed_for(basic: ocsp.BasicOCSPResponse, issuer: x509.Certificate) -> bool:
    scheme = signature_scheme(basic["signature_algorithm"])
    if scheme is None:
        return False
    value, data = bytes(basic["signature"].native), basic["tbs_response_data"].dump()
    for candidate in (issuer, *(basic["certs"] or ())):
        key = public_key(candidate)
        if key is None or value_matches(key, scheme, value, data) is not True:
            continue
        if candidate is issuer:
            return True
        usage = candidate.extended_key_usage_value
        return usage is not None and "ocsp_signing" in usage.native and is_signed_by(candidate, issuer)
    return False


def _is_fresh(answer: ocsp.SingleResponse, at: datetime) -> bool:
    this_update, next_update = answer["this_update"].native, answer["next_update"].native
    if this_update.astimezone(UTC) >= at - TOLERANCE:
        return True
    return next_update is not None and next_update.astimezone(UTC) >= at


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
