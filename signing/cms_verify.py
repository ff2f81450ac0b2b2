"""Verifying CMS files: enveloping or detached, one or many signers, counter-signatures [EN 319 122-1].

Also the CAdES signatures inside containers: the caller says what the detached content is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from asn1crypto import pem, x509

from signing import cms, der
from signing.algorithms import digest
from signing.cades_archive import check_archive
from signing.certificates import BROKEN_DER, describe, kind
from signing.cms_values import with_values
from signing.constraints import Evidence, judge_signer, judge_time_and_trust, judge_timestamps
from signing.judgement import Judgement
from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import (
    CertificateKind,
    Coverage,
    Indication,
    Role,
    SignatureReport,
    SubIndication,
    TimeSource,
)
from signing.roles import guess_role
from signing.timestamps import TokenCheck, check_token

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
MAX_SIGNERS, MAX_DEPTH = 100, 3
_LEGACY = {
    **dict.fromkeys(cms.OID_ARCHIVE_TIMESTAMPS_OLD, "archive-timestamp"),
    **dict.fromkeys(cms.OID_ESC_TIMESTAMPS, "refs-timestamp"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a CMS signature is over: its digests, its name, and whether that is everything there is."""

    digest_of: cms.DigestOf
    scope: tuple[str, ...]
    missing: str | None = None
    is_attributes: bool = False
    """Whether the content is itself a set of signed attributes: then it may have been signed as that."""


def holds_attributes(data: bytes) -> bool:
    """Whether bytes are the signed attributes of some signature.

    A value over attributes is also one over a content without attributes that has the same bytes: taken out
    of their signature they would pass for a document that somebody signed.
    """
    if data[:1] != b"\x31":
        return False
    try:
        found = der.element(data, 0, len(data))
    except BROKEN_DER:
        return False
    return cms.OID_MESSAGE_DIGEST in cms.attributes(data[found.inside : found.inside_end])


def verify_cms(data: bytes, options: VerifyOptions) -> tuple[SignatureReport, ...]:
    """Reports of all signers of a CMS file."""
    blob = pem.unarmor(data)[2] if pem.detect(data) else data
    given = options.content[0].read_bytes() if len(options.content) == 1 else None

    def content_of(message: cms.SignedMessage) -> Content | None:
        inner = message.encapsulated
        if inner is not None:
            return Content(
                digest_of=lambda name: digest(name, inner),
                scope=("eContent",),
                is_attributes=holds_attributes(inner),
            )
        if given is not None:
            return Content(
                digest_of=lambda name: digest(name, given),
                scope=(options.content[0].name,),
                is_attributes=holds_attributes(given),
            )
        return None

    return verify_message(blob, content_of, options)


def is_cms(data: bytes) -> bool:
    """Whether the bytes are a SignedData, in DER, BER or PEM."""
    if data.startswith(b"-----BEGIN "):
        return any(mark in data[:64] for mark in (b"PKCS7", b"PKCS #7", b"CMS"))
    return data[:1] == b"\x30" and _SIGNED_DATA in data[:40]


def verify_message(
    blob: bytes,
    content_of: Callable[[cms.SignedMessage], Content | None],
    options: VerifyOptions,
    *,
    prefix: str = "S",
) -> tuple[SignatureReport, ...]:
    """Reports of all signers of one SignedData."""
    try:
        message = cms.parse(blob)
    except cms.CmsBroken as error:
        judgement = Judgement()
        judgement.fail(SubIndication.FORMAT_FAILURE, Code.CMS_BROKEN, detail=str(error))
        return (_bare(f"{prefix}1", judgement),)
    content = content_of(message)
    reports: list[SignatureReport] = []
    for number, info in enumerate(message.signer_infos[:MAX_SIGNERS], start=1):
        _signer(f"{prefix}{number}", message, info, content, options, reports)
    if len(message.signer_infos) > MAX_SIGNERS:
        judgement = Judgement()
        detail = f"{len(message.signer_infos)} signatures"
        judgement.doubt(SubIndication.CUSTOM, Code.LIMIT_EXCEEDED, detail=detail)
        reports.append(_bare(f"{prefix}{MAX_SIGNERS + 1}", judgement))
    if not reports:
        judgement = Judgement()
        judgement.fail(SubIndication.FORMAT_FAILURE, Code.CMS_SEVERAL_SIGNERS, detail=0)
        reports.append(_bare(f"{prefix}1", judgement))
    return tuple(reports)


def _bare(identifier: str, judgement: Judgement) -> SignatureReport:
    return SignatureReport(
        id=identifier,
        format="CMS",
        indication=judgement.indication,
        sub_indication=judgement.sub_indication,
        findings=judgement.findings,
    )


def _signer(
    identifier: str,
    message: cms.SignedMessage,
    info: cms.SignerInfo,
    content: Content | None,
    options: VerifyOptions,
    reports: list[SignatureReport],
) -> None:
    judgement = Judgement()
    counter = "." in identifier
    try:
        check = cms.check_signer(
            message, info, content.digest_of if content else _unavailable, counter=counter
        )
    except cms.CmsBroken as error:
        judgement.fail(SubIndication.FORMAT_FAILURE, Code.CMS_BROKEN, detail=str(error))
        reports.append(_bare(identifier, judgement))
        return
    except Exception as error:  # noqa: BLE001 - one signer's trouble must not hide the others
        judgement.doubt(SubIndication.CUSTOM, Code.INTERNAL_ERROR, detail=type(error).__name__)
        reports.append(_bare(identifier, judgement))
        return
    if content is None:
        judgement.doubt(SubIndication.SIGNED_DATA_NOT_FOUND, Code.SIGNED_DATA_NOT_FOUND, detail="--content")
    else:
        judge_signer(judgement, check, options)
        if content.is_attributes and not check.has_attributes:
            detail = "the content is the signed attributes of another signature"
            judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.FORMAT_FAILURE, detail=detail)
        if content.missing is not None:
            judgement.doubt(SubIndication.SIG_CONSTRAINTS_FAILURE, Code.PARTIAL_SCOPE, detail=content.missing)
    tokens = _tokens(judgement, check, message, content)
    judge_timestamps(judgement, tokens, options)
    carried = with_values(message, check)
    reports.append(_report(identifier, judgement, check, carried, content, tokens, options))
    if identifier.count(".") < MAX_DEPTH:
        for number, inner in enumerate(_counter_signers(check), start=1):
            covered = Content(digest_of=functools.partial(_digest_of, check.value), scope=(identifier,))
            _signer(f"{identifier}.{number}", message, inner, covered, options, reports)


def _digest_of(data: bytes, name: str) -> bytes | None:
    return digest(name, data)


def _unavailable(_name: str) -> None:
    return None


def _counter_signers(check: cms.SignerCheck) -> list[cms.SignerInfo]:
    found = []
    for value in check.unsigned.get(cms.OID_COUNTER_SIGNATURE, []):
        try:
            found.append(cms.signer_info(value))
        except cms.CmsBroken:
            continue
    return found


def _tokens(
    judgement: Judgement, check: cms.SignerCheck, message: cms.SignedMessage, content: Content | None
) -> tuple[TokenCheck, ...]:
    pool = message.certificates
    tokens = [
        check_token("signature-timestamp", t, lambda n: digest(n, check.value), more_certificates=pool)
        for t in check.unsigned.get(cms.OID_SIGNATURE_TIMESTAMP, [])
    ]
    if content is not None:
        tokens += [
            check_token("content-timestamp", t, content.digest_of, more_certificates=pool)
            for t in check.signed.get(cms.OID_CONTENT_TIMESTAMP, [])
        ]
        for archive in check_archive(message.blob, check, content.digest_of, pool):
            if archive.legacy and not archive.token.good:
                judgement.note(Code.TIMESTAMP_NOT_EVALUATED, detail=archive.token.type)
            else:
                tokens.append(archive.token)
    for oid, name in _LEGACY.items():
        if check.unsigned.get(oid):
            judgement.note(Code.TIMESTAMP_NOT_EVALUATED, detail=name)
    return tuple(tokens)


def _format(check: cms.SignerCheck, tokens: tuple[TokenCheck, ...]) -> str:
    if not check.references:
        return "CMS"
    if cms.OID_ARCHIVE_TIMESTAMP_V3 in check.unsigned:
        return "CAdES-B-LTA"
    if not any(t.good and t.type == "signature-timestamp" for t in tokens):
        return "CAdES-B-B"
    return "CAdES-B-LT" if cms.OID_REVOCATION_VALUES in check.unsigned else "CAdES-B-T"


def _report(
    identifier: str,
    judgement: Judgement,
    check: cms.SignerCheck,
    message: cms.SignedMessage,
    content: Content | None,
    tokens: tuple[TokenCheck, ...],
    options: VerifyOptions,
) -> SignatureReport:
    signer: x509.Certificate | None = check.signer
    proofs = tuple((TimeSource.TIMESTAMP, t) for t in tokens if t.type != "content-timestamp")
    evidence = Evidence(
        certificates=message.certificates,
        crls=message.crls,
        ocsps=message.ocsps,
        claimed=check.signing_time,
        proofs=proofs,
    )
    trust = judge_time_and_trust(judgement, signer, evidence, options)
    whose = kind(signer) if signer is not None else CertificateKind.UNKNOWN
    role, basis = guess_role(whose, None, None)
    if "." in identifier:
        role, basis = Role.COUNTER, ("position",)
    whole = content is not None and content.missing is None
    passed = judgement.indication is Indication.TOTAL_PASSED
    names: tuple[str, ...] = ((str(check.scheme),) if check.scheme else ()) + (
        (f"{check.key}-{check.key_size}",) if check.key else ()
    )
    return SignatureReport(
        id=identifier,
        format=_format(check, tokens),
        role=role,
        role_basis=basis,
        certificate_kind=whose,
        signer=describe(signer) if signer is not None else None,
        signing_time=check.signing_time,
        best_time=trust.best_time,
        time_source=trust.time_source,
        timestamps=tuple(t.report() for t in tokens),
        intact=check.intact,
        covers=Coverage.WHOLE_FILE if whole else Coverage.PARTIAL,
        scope=content.scope if content is not None else (),
        chain=trust.chain,
        revocation=trust.revocation,
        algorithms=names,
        indication=judgement.indication,
        sub_indication=None if passed else judgement.sub_indication,
        findings=judgement.findings,
    )
