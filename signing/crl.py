"""Certificate revocation lists: read once, asked by serial number [RFC 5280 §5, §6.3].

A list answers if it was issued in the name of the certificate's issuer, its signature verifies under that
issuer's key, the key may sign lists, no critical extension is unknown, and its scope takes in the
certificate. A list for some reasons only, and a delta list, can say *revoked* but never *good*; an indirect
list answers nothing. Entries are looked up by a parser in native code: a list of a million entries is read
in a moment and never becomes a million objects.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from asn1crypto import core, pem, x509
from asn1crypto import crl as asn1_crl
from cryptography import x509 as native
from cryptography.exceptions import UnsupportedAlgorithm

from signing.certificates import BROKEN_DER, public_key, serial_number
from signing.issued import same_name, signature_scheme
from signing.primitives import value_matches
from signing.report import Revocation
from signing.revocation_answers import RevocationAnswer, no_answer

_UNDERSTOOD: Final = frozenset(
    {"issuing_distribution_point", "delta_crl_indicator", "authority_key_identifier"}
)
MAX_KEPT: Final = 256 * 1024
_EXPIRED_CERTS_ON_CRL: Final = "2.5.29.60"
_READING: Final = (*BROKEN_DER, UnsupportedAlgorithm)


class RevocationList:
    """One list, parsed on first use; its signature is verified once for each issuer's key."""

    def __init__(self, blob: bytes) -> None:
        self._blob = _der(blob)
        self._parsed: asn1_crl.CertificateList | None = None
        self._entries: native.CertificateRevocationList | None = None
        self._verified: dict[bytes, str] = {}
        self.size = len(blob)

    @property
    def der(self) -> bytes:
        """The list as it is signed."""
        return self._blob

    def times(self) -> tuple[datetime | None, datetime | None]:
        """thisUpdate and nextUpdate; None where absent or unreadable."""
        try:
            body = self._body()
            return _moment(body["this_update"].native), _moment(body["next_update"].native)
        except _READING:
            return None, None

    def is_of(self, issuer: x509.Certificate) -> bool:
        """Whether the issuer stands behind the list."""
        try:
            named = same_name(self._body()["issuer"], issuer["tbs_certificate"]["subject"])
            return named and not self._signature_problem(issuer, frozenset())
        except _READING:
            return False

    def answer(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        refused_digests: frozenset[str] = frozenset(),
    ) -> RevocationAnswer | None:
        """What the list says about the certificate; None if it is the list of another issuer.

        A list signed with one of `refused_digests` says nothing.
        """
        try:
            if not same_name(self._body()["issuer"], certificate["tbs_certificate"]["issuer"]):
                return None
            problem = self._signature_problem(issuer, refused_digests) or self._scope_problem(certificate)
            return no_answer(f"CRL: {problem}") if problem else self._look_up(certificate)
        except _READING:
            return no_answer("CRL: cannot be read")

    def _body(self) -> asn1_crl.TbsCertList:
        if self._parsed is None:
            self._parsed = asn1_crl.CertificateList.load(self._blob, strict=True)
        return self._parsed["tbs_cert_list"]

    def _signature_problem(self, issuer: x509.Certificate, refused: frozenset[str]) -> str:
        body = self._body()
        assert self._parsed is not None
        scheme = signature_scheme(self._parsed["signature_algorithm"])
        if scheme is not None and scheme.digest in refused:
            return f"signed with {scheme.digest}"
        identity = bytes(issuer["tbs_certificate"]["subject_public_key_info"].dump())
        known = self._verified.get(identity)
        if known is not None:
            return known
        key = public_key(issuer)
        problem = ""
        if scheme is None or key is None:
            problem = "unknown algorithm"
        elif value_matches(key, scheme, bytes(self._parsed["signature"].native), body.dump()) is not True:
            problem = "wrong signature"
        elif issuer.key_usage_value is not None and "crl_sign" not in issuer.key_usage_value.native:
            problem = "issuer may not sign lists"
        self._verified[identity] = problem
        return problem

    def _scope_problem(self, certificate: x509.Certificate) -> str:
        assert self._parsed is not None
        for extension in self._body()["crl_extensions"] or ():
            name = str(extension["extn_id"].native)
            if extension["critical"].native and name not in _UNDERSTOOD:
                return f"critical extension {name}"
        point = self._parsed.issuing_distribution_point_value
        if point is None:
            return ""
        if point["indirect_crl"].native:
            return "indirect"
        is_ca = bool(certificate.ca)
        if point["only_contains_attribute_certs"].native:
            return "for attribute certificates"
        if point["only_contains_user_certs"].native and is_ca:
            return "for users' certificates"
        if point["only_contains_ca_certs"].native and not is_ca:
            return "for CA certificates"
        return "" if _same_point(point, certificate) else "for another distribution point"

    def _look_up(self, certificate: x509.Certificate) -> RevocationAnswer:
        assert self._parsed is not None
        if self._entries is None:
            self._entries = native.load_der_x509_crl(self._blob)
        produced, following = self.times()
        found = self._entries.get_revoked_certificate_by_serial_number(serial_number(certificate))
        if found is not None:
            reason = _reason(found)
            if reason is native.ReasonFlags.remove_from_crl:
                return no_answer("CRL: released from hold")
            return RevocationAnswer(
                status=Revocation.UNKNOWN
                if reason is native.ReasonFlags.certificate_hold
                else Revocation.REVOKED,
                since=found.revocation_date_utc,
                on_hold=reason is native.ReasonFlags.certificate_hold,
                produced=produced,
                next_update=following,
                problem="on hold" if reason is native.ReasonFlags.certificate_hold else "",
            )
        point = self._parsed.issuing_distribution_point_value
        if self._parsed.delta_crl_indicator_value is not None:
            return no_answer("CRL: a delta list")
        if point is not None and point["only_some_reasons"].native:
            return no_answer("CRL: for some reasons only")
        return RevocationAnswer(
            status=Revocation.GOOD,
            produced=produced,
            next_update=following,
            keeps_expired_since=_keeps_expired(self._parsed),
        )


def _der(blob: bytes) -> bytes:
    try:
        return bytes(pem.unarmor(blob)[2]) if pem.detect(blob) else blob
    except ValueError:
        return blob


def _reason(entry: native.RevokedCertificate) -> native.ReasonFlags | None:
    """The entry's reason.

    Raises:
        ValueError: the entry has a critical extension that is not understood: the list must not be used.
    """
    reason: native.ReasonFlags | None = None
    for extension in entry.extensions:
        if isinstance(extension.value, native.CRLReason):
            reason = extension.value.reason
        elif extension.critical and not isinstance(extension.value, native.InvalidityDate):
            raise ValueError("critical extension of an entry")
    return reason


def _keeps_expired(parsed: asn1_crl.CertificateList) -> datetime | None:
    for extension in parsed["tbs_cert_list"]["crl_extensions"] or ():
        if extension["extn_id"].dotted == _EXPIRED_CERTS_ON_CRL:
            return _moment(core.GeneralizedTime.load(bytes(extension["extn_value"].native)).native)
    return None


def _same_point(point: asn1_crl.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    """Whether the list's distribution point is one of the certificate's [RFC 5280 §6.3.3 b 2 i]."""
    named = point["distribution_point"]
    if named.native is None or named.name != "full_name":
        return named.native is None
    wanted = {general.dump() for general in named.chosen}
    for place in certificate.crl_distribution_points_value or ():
        of_certificate = place["distribution_point"]
        if of_certificate.native is None or of_certificate.name != "full_name":
            continue
        if wanted & {general.dump() for general in of_certificate.chosen}:
            return True
    return not certificate.crl_distribution_points_value


def _moment(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def lists_of(blobs: Iterable[bytes]) -> tuple[RevocationList, ...]:
    """Lists of bytes that may be anything; small ones that come again are not read again."""
    return tuple(_small(b) if len(b) <= MAX_KEPT else RevocationList(b) for b in blobs)


@functools.lru_cache(maxsize=64)
def _small(blob: bytes) -> RevocationList:
    return RevocationList(blob)
