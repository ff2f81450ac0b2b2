"""OCSP: making a request, and what a response is worth [RFC 6960, RFC 9654].

A response counts if it is about this certificate of this issuer, every critical extension is understood, and
its signer is authorised: the issuer's own key; a responder certified for OCSP signing by the issuer's key or
by an authority above it on the path, valid when the response was made; or a responder that the administrator
trusts for it. A responder's own certificate may be revoked like any other: unless it carries ocsp-nocheck,
lists at hand are asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asn1crypto import algos, core, x509
from asn1crypto import ocsp as asn1_ocsp

from signing.algorithms import DIGEST_OIDS, digest
from signing.certificates import BROKEN_DER, public_key, serial_number, validity
from signing.issued import is_signed_by, signature_scheme
from signing.primitives import value_matches
from signing.report import Revocation
from signing.revocation_answers import TOLERANCE, RevocationAnswer, no_answer

MAX_CERTIFICATES: Final = 8
NONCE_BYTES: Final = 32
_UNDERSTOOD: Final = frozenset({"nonce", "archive_cutoff", "extended_revoke"})
Judge = Callable[[x509.Certificate], bool]
RevocationJudge = Callable[[x509.Certificate, x509.Certificate], bool]


def _never(*_certificates: x509.Certificate) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderRules:
    """Whom to believe beside the issuer, and what not.

    `trusted`: whether the administrator trusts this responder; `revoked`: whether lists at hand revoke it, by
    its issuer; `above`: the authorities above the issuer, up to the anchor, whose word binds the issuer.
    """

    trusted: Judge = _never
    revoked: RevocationJudge = _never
    above: tuple[x509.Certificate, ...] = ()
    refused_digests: frozenset[str] = frozenset()


def request(certificate: x509.Certificate, issuer: x509.Certificate, *, nonce: bytes | None = None) -> bytes:
    """A request about one certificate; identifiers by SHA-1, the one form that every responder knows."""
    tbs = issuer["tbs_certificate"]
    content: dict[str, object] = {
        "request_list": [
            {
                "req_cert": {
                    "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
                    "issuer_name_hash": digest("sha1", certificate["tbs_certificate"]["issuer"].dump()),
                    "issuer_key_hash": digest("sha1", _key_bits(tbs)),
                    "serial_number": serial_number(certificate),
                }
            }
        ]
    }
    if nonce is not None:
        value = core.OctetString(nonce)
        content["request_extensions"] = [{"extn_id": "nonce", "critical": False, "extn_value": value}]
    return bytes(asn1_ocsp.OCSPRequest({"tbs_request": content}).dump())


def new_nonce() -> bytes:
    """A nonce of the size that RFC 9654 wants."""
    return secrets.token_bytes(NONCE_BYTES)


def status_of(blob: bytes) -> str:
    """The response's own status: `successful`, `try_later`, …; `unreadable` for what is no response."""
    try:
        return str(asn1_ocsp.OCSPResponse.load(blob)["response_status"].native)
    except BROKEN_DER:
        return "unreadable"


def next_update(blob: bytes) -> datetime | None:
    """The earliest nextUpdate in a response."""
    try:
        times = [a["next_update"].native for a in _basic(blob)["tbs_response_data"]["responses"]]
        return min((t.astimezone(UTC) for t in times if t is not None), default=None)
    except BROKEN_DER:
        return None


def answer(
    blob: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    rules: ResponderRules | None = None,
    nonce: bytes | None = None,
) -> RevocationAnswer | None:
    """What a response says about the certificate; None if it is about others.

    With `nonce` a response that carries another one is refused; one without is taken: many responders sign
    ahead.
    """
    try:
        basic = _basic(blob)
        body = basic["tbs_response_data"]
        single = next((a for a in body["responses"] if _is_about(a["cert_id"], certificate, issuer)), None)
        if single is None:
            return None
        problem = _problem(basic, single, issuer, rules or ResponderRules(), nonce)
        return no_answer(f"OCSP: {problem}") if problem else _said(single)
    except BROKEN_DER:
        return no_answer("OCSP: cannot be read")


def _problem(
    basic: asn1_ocsp.BasicOCSPResponse,
    single: asn1_ocsp.SingleResponse,
    issuer: x509.Certificate,
    rules: ResponderRules,
    nonce: bytes | None,
) -> str:
    body = basic["tbs_response_data"]
    for extension in (*(body["response_extensions"] or ()), *(single["single_extensions"] or ())):
        name = str(extension["extn_id"].native)
        if extension["critical"].native and name not in _UNDERSTOOD:
            return f"critical extension {name}"
        if name == "nonce" and nonce is not None and not _is_nonce(extension, nonce):
            return "wrong nonce"
    return _signer_problem(basic, issuer, rules)


def _is_nonce(extension: asn1_ocsp.ResponseDataExtension, nonce: bytes) -> bool:
    raw = bytes(extension["extn_value"].contents)
    # Some responders leave out the inner OCTET STRING.
    return raw in {nonce, bytes(core.OctetString(nonce).dump())}


def _said(single: asn1_ocsp.SingleResponse) -> RevocationAnswer:
    status = single["cert_status"]
    produced, following = _moment(single["this_update"].native), _moment(single["next_update"].native)
    if status.name == "revoked":
        on_hold = status.chosen["revocation_reason"].native == "certificate_hold"
        return RevocationAnswer(
            status=Revocation.UNKNOWN if on_hold else Revocation.REVOKED,
            since=_moment(status.chosen["revocation_time"].native),
            on_hold=on_hold,
            produced=produced,
            next_update=following,
            problem="on hold" if on_hold else "",
        )
    if status.name != "good":
        return no_answer("OCSP: UNKNOWN")
    cutoff = next(
        (
            _moment(e["extn_value"].parsed.native)
            for e in single["single_extensions"] or ()
            if e["extn_id"].native == "archive_cutoff"
        ),
        None,
    )
    return RevocationAnswer(
        status=Revocation.GOOD, produced=produced, next_update=following, keeps_expired_since=cutoff
    )


def _signer_problem(
    basic: asn1_ocsp.BasicOCSPResponse, issuer: x509.Certificate, rules: ResponderRules
) -> str:
    scheme = signature_scheme(basic["signature_algorithm"])
    if scheme is None:
        return "unknown algorithm"
    if scheme.digest in rules.refused_digests:
        return f"signed with {scheme.digest}"
    value, data = bytes(basic["signature"].native), basic["tbs_response_data"].dump()
    produced = _moment(basic["tbs_response_data"]["produced_at"].native)
    for candidate in _candidates(basic, issuer):
        key = public_key(candidate)
        if key is None or value_matches(key, scheme, value, data) is not True:
            continue
        if candidate is issuer or rules.trusted(candidate):
            return ""
        return _delegation_problem(candidate, issuer, produced, rules)
    return "wrong signature"


def _candidates(basic: asn1_ocsp.BasicOCSPResponse, issuer: x509.Certificate) -> Iterator[x509.Certificate]:
    yield issuer
    yield from list(basic["certs"] or ())[:MAX_CERTIFICATES]


def _delegation_problem(
    responder: x509.Certificate, issuer: x509.Certificate, produced: datetime | None, rules: ResponderRules
) -> str:
    usage, may = responder.extended_key_usage_value, responder.key_usage_value
    by = next((a for a in (issuer, *rules.above) if is_signed_by(responder, a)), None)
    if usage is None or "ocsp_signing" not in usage.native or by is None:
        return "the responder is not authorised"
    if may is not None and not {"digital_signature", "non_repudiation"} & set(may.native):
        return "the responder is not authorised"
    not_before, not_after = validity(responder)
    if produced is None or not_before is None or not_after is None:
        return "the responder's certificate cannot be read"
    if not_before - produced > TOLERANCE or produced - not_after > TOLERANCE:
        return "the responder's certificate was not valid"
    if responder.ocsp_no_check_value is None and rules.revoked(responder, by):
        return "the responder's certificate is revoked"
    return ""


def _basic(blob: bytes) -> asn1_ocsp.BasicOCSPResponse:
    """The basic response in its envelope, or bare as CMS carries it."""
    whole = asn1_ocsp.OCSPResponse.load(blob)
    try:
        if whole["response_status"].native == "successful":
            return whole["response_bytes"]["response"].parsed
    except BROKEN_DER:
        pass
    return asn1_ocsp.BasicOCSPResponse.load(blob)


def _is_about(named: asn1_ocsp.CertId, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    name = DIGEST_OIDS.get(named["hash_algorithm"]["algorithm"].dotted, "")
    tbs = issuer["tbs_certificate"]
    # The issuer's name as the issuer writes it, or as the certificate does: encoders differ.
    names = (tbs["subject"], certificate["tbs_certificate"]["issuer"])
    return bool(
        int(named["serial_number"].native) == serial_number(certificate)
        and bytes(named["issuer_name_hash"].native) in {digest(name, n.dump()) for n in names}
        and digest(name, _key_bits(tbs)) == bytes(named["issuer_key_hash"].native)
    )


def _key_bits(tbs: x509.TbsCertificate) -> bytes:
    # The BIT STRING's value without its count of unused bits.
    return bytes(tbs["subject_public_key_info"]["public_key"].contents)[1:]


def _moment(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
