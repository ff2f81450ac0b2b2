"""Constraints common to every kind of signature: integrity, algorithms, the signer's certificate, time and
trust.

Turns what the mechanical checks found into findings, in the order of [EN 319 102-1 §5.3]: identification of
the signing certificate, cryptographic verification, acceptance (algorithms, timestamps), X.509 validation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import x509

from signing import revocation as revocations
from signing.anchors import Purpose
from signing.certificates import BROKEN_DER, validity
from signing.cms import SignerCheck
from signing.judgement import Judgement
from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import ChainStatus, Revocation, SubIndication, TimeSource
from signing.timestamps import TokenCheck

TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOutcome:
    """What is known of the signer's chain, and the best time."""

    chain: ChainStatus = ChainStatus.NOT_CHECKED
    revocation: Revocation = Revocation.NOT_CHECKED
    best_time: datetime | None = None
    time_source: TimeSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the file carries beside the signature: certificates, lists, claimed and proven times."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    claimed: datetime | None = None
    proofs: tuple[tuple[TimeSource, TokenCheck], ...] = ()


def judge_signer(judgement: Judgement, check: SignerCheck, options: VerifyOptions) -> None:
    """Identification, integrity and algorithms of one SignerInfo."""
    if check.digest_matches is False:
        judgement.fail(SubIndication.HASH_FAILURE, Code.CONTENT_CHANGED)
    if check.value_matches is False:
        judgement.fail(SubIndication.SIG_CRYPTO_FAILURE, Code.SIGNATURE_VALUE_WRONG)
    if not check.content_type_matches:
        judgement.fail(SubIndication.SIG_CRYPTO_FAILURE, Code.CMS_CONTENT_TYPE_DIFFERS)
    _judge_reference(judgement, check, options)
    if check.unknown_algorithm is not None:
        judgement.doubt(
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
            Code.ALGORITHM_UNKNOWN,
            detail=check.unknown_algorithm,
        )
    digests = [check.digest_name] + ([check.scheme.digest] if check.scheme else [])
    judge_algorithms(judgement, digests, (check.key, check.key_size), options)
    if not check.attributes_in_order:
        judgement.note(Code.CMS_ATTRIBUTES_NOT_DER)
    if not check.has_attributes:
        judgement.note(Code.CMS_NO_SIGNED_ATTRIBUTES)


def _judge_reference(judgement: Judgement, check: SignerCheck, options: VerifyOptions) -> None:
    if check.signer is None:
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.NO_SIGNING_CERTIFICATE_FOUND)
    elif check.reference_matches is False:
        judgement.doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.SIGNING_CERTIFICATE_DIFFERS)
    elif not check.issuer_serial_matches:
        judgement.note(Code.ISSUER_SERIAL_DIFFERS)
    if check.has_attributes and not check.references:
        judgement.note(Code.SIGNING_CERTIFICATE_UNNAMED)
    for reference in check.references:
        if reference.digest_name in options.algorithms.old_digests:
            judgement.note(Code.OLD_DIGEST_IN_REFERENCE, detail=shown(reference.digest_name))


def shown(name: str) -> str:
    """An algorithm's name as people write it."""
    return (
        name.upper()
        .replace("_", "-")
        .replace("SHA", "SHA-")
        .replace("SHA--", "SHA-")
        .replace("SHA-3-", "SHA3-")
    )


def judge_algorithms(
    judgement: Judgement, digests: Iterable[str], key: tuple[str, int], options: VerifyOptions
) -> None:
    """Digests and key length against the policy."""
    policy = options.algorithms
    no_proof = SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    for name in dict.fromkeys(d for d in digests if d):
        if name in policy.broken_digests:
            judgement.doubt(
                SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Code.ALGORITHM_BROKEN, detail=shown(name)
            )
        elif name in policy.old_digests:
            judgement.doubt(no_proof, Code.ALGORITHM_OLD, detail=shown(name))
    kind, bits = key
    minimum = {
        "RSA": policy.minimum_rsa_bits,
        "DSA": policy.minimum_dsa_bits,
        "EC": policy.minimum_ec_bits,
    }.get(kind, 0)
    if kind and bits < minimum:
        judgement.doubt(no_proof, Code.KEY_TOO_SHORT, detail=f"{kind}-{bits}")


def judge_timestamps(judgement: Judgement, tokens: Sequence[TokenCheck], options: VerifyOptions) -> None:
    """Every token must be about this signature and hold; an old digest in it is only noted."""
    for token in tokens:
        if not token.good:
            judgement.doubt(
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                Code.TIMESTAMP_INVALID,
                detail=f"{token.type}: {token.problem or '?'}",
            )
        if token.imprint_name in options.algorithms.broken_digests:
            judgement.doubt(
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                Code.TIMESTAMP_INVALID,
                detail=f"{token.type}: {shown(token.imprint_name)}",
            )
        elif token.imprint_name in options.algorithms.old_digests:
            judgement.note(Code.OLD_DIGEST_IN_TIMESTAMP, detail=shown(token.imprint_name))


def judge_time_and_trust(
    judgement: Judgement, signer: x509.Certificate | None, evidence: Evidence, options: VerifyOptions
) -> TrustOutcome:
    """Best signature time, then chain, validity period, usage and revocation at that time."""
    moment = (options.at or options.now or datetime.now(UTC)).astimezone(UTC)
    proven, source = _best_proof(judgement, evidence, options, moment)
    if proven is None and not evidence.proofs:
        judgement.note(Code.TIMESTAMP_ABSENT)
    _compare_claims(judgement, evidence.claimed, proven, signer)
    best = proven or evidence.claimed
    known = source if proven else (TimeSource.CLAIMED if evidence.claimed else None)
    if options.no_trust:
        judgement.note(Code.TRUST_NOT_CHECKED)
        return TrustOutcome(best_time=best, time_source=known)
    if signer is None:
        return TrustOutcome(best_time=best, time_source=known, chain=ChainStatus.UNTRUSTED)
    chain, revocation = _judge_chain(
        judgement, signer, evidence, options, proven or moment, proven is not None
    )
    return TrustOutcome(chain=chain, revocation=revocation, best_time=best, time_source=known)


def _best_proof(
    judgement: Judgement, evidence: Evidence, options: VerifyOptions, moment: datetime
) -> tuple[datetime | None, TimeSource | None]:
    """The earliest time that a good token proves; a token of an unknown authority proves nothing."""
    best: datetime | None = None
    source: TimeSource | None = None
    for kind, token in evidence.proofs:
        if not token.good or token.time is None:
            continue
        if not options.no_trust and not _tsa_trusted(token, evidence, options, moment):
            judgement.note(Code.TIMESTAMP_UNTRUSTED)
            continue
        if best is None or token.time < best:
            best, source = token.time, kind
    return best, source


def _tsa_trusted(token: TokenCheck, evidence: Evidence, options: VerifyOptions, moment: datetime) -> bool:
    if token.tsa is None or token.time is None or options.trust is None:
        return False
    not_before, not_after = validity(token.tsa)
    if not_before is None or not_after is None or not not_before <= token.time <= not_after:
        return False
    try:
        usage = token.tsa.extended_key_usage_value
        if usage is None or "time_stamping" not in usage.native:
            return False
    except BROKEN_DER:
        return False
    others = (*token.certificates, *evidence.certificates)
    outcome = options.trust.path(
        token.tsa,
        at=min(moment, token.time),
        others=others,
        algorithms=options.algorithms,
        purpose=Purpose.TIMESTAMP,
    )
    return outcome.status is ChainStatus.TRUSTED


def _compare_claims(
    judgement: Judgement, claimed: datetime | None, proven: datetime | None, signer: x509.Certificate | None
) -> None:
    if claimed is None:
        return
    if proven is not None and claimed > proven + TOLERANCE:
        judgement.note(Code.CLAIMED_TIME_LATE)
    not_before = validity(signer)[0] if signer is not None else None
    if not_before is not None and claimed < not_before - TOLERANCE:
        judgement.note(Code.CLAIMED_TIME_BEFORE_CERTIFICATE)


def _judge_chain(
    judgement: Judgement,
    signer: x509.Certificate,
    evidence: Evidence,
    options: VerifyOptions,
    moment: datetime,
    is_proven: bool,
) -> tuple[ChainStatus, Revocation]:
    if options.trust is None:
        judgement.doubt(
            SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Code.CHAIN_UNTRUSTED, detail="danh sách tin cậy trống"
        )
        return ChainStatus.UNTRUSTED, Revocation.NOT_CHECKED
    outcome = options.trust.path(
        signer, at=moment, others=evidence.certificates, algorithms=options.algorithms
    )
    if outcome.status is not ChainStatus.TRUSTED:
        code, sub = outcome.code or Code.CHAIN_BROKEN, outcome.sub
        judgement.doubt(sub or SubIndication.NO_CERTIFICATE_CHAIN_FOUND, code, detail=outcome.detail)
        return outcome.status, Revocation.NOT_CHECKED
    if outcome.detail:
        judgement.note(Code.ALGORITHM_OLD, detail=f"CA: {outcome.detail}")
    _judge_period(judgement, signer, moment, is_proven=is_proven)
    _judge_usage(judgement, signer)
    return outcome.status, _judge_revocation(judgement, outcome.path, evidence, options, moment, is_proven)


def _judge_period(
    judgement: Judgement, signer: x509.Certificate, moment: datetime, *, is_proven: bool
) -> None:
    not_before, not_after = validity(signer)
    if not_before is not None and moment < not_before:
        judgement.doubt(SubIndication.NOT_YET_VALID, Code.CERTIFICATE_NOT_YET_VALID)
    elif not_after is not None and moment > not_after:
        if is_proven:
            judgement.doubt(SubIndication.EXPIRED, Code.CERTIFICATE_EXPIRED)
        else:
            judgement.doubt(SubIndication.OUT_OF_BOUNDS_NO_POE, Code.CERTIFICATE_EXPIRED_NO_PROOF)


def _judge_usage(judgement: Judgement, signer: x509.Certificate) -> None:
    try:
        usage = signer.key_usage_value
        if usage is not None and not {"digital_signature", "non_repudiation"} & set(usage.native):
            judgement.doubt(
                SubIndication.CHAIN_CONSTRAINTS_FAILURE, Code.CERTIFICATE_USAGE, detail="keyUsage"
            )
    except BROKEN_DER:
        judgement.doubt(SubIndication.CHAIN_CONSTRAINTS_FAILURE, Code.CERTIFICATE_USAGE, detail="keyUsage")


def _judge_revocation(
    judgement: Judgement,
    path: Sequence[x509.Certificate],
    evidence: Evidence,
    options: VerifyOptions,
    moment: datetime,
    is_proven: bool,
) -> Revocation:
    if len(path) < 2 or options.trust is None:
        return Revocation.NOT_CHECKED
    lists = (*options.trust.crls, *evidence.crls)
    outcome = revocations.check(path[0], path[1], lists=lists, responses=evidence.ocsps, at=moment)
    if outcome.status is Revocation.REVOKED and outcome.since is not None:
        if is_proven and moment < outcome.since:
            return Revocation.GOOD
        date = outcome.since.strftime("%d/%m/%Y")
        claimed_later = evidence.claimed is not None and evidence.claimed >= outcome.since
        if is_proven or claimed_later:
            judgement.fail(SubIndication.REVOKED, Code.CERTIFICATE_REVOKED, date=date)
        else:
            judgement.doubt(SubIndication.REVOKED_NO_POE, Code.CERTIFICATE_REVOKED_NO_PROOF, date=date)
        return Revocation.REVOKED
    for child, issuer in itertools.pairwise(path[1:]):
        authority = revocations.check(child, issuer, lists=lists, responses=evidence.ocsps, at=moment)
        if authority.status is Revocation.REVOKED and authority.since is not None:
            date = authority.since.strftime("%d/%m/%Y")
            judgement.doubt(SubIndication.REVOKED_CA_NO_POE, Code.CERTIFICATE_REVOKED_NO_PROOF, date=date)
            return Revocation.REVOKED
    if outcome.status is Revocation.UNKNOWN:
        if not revocations.is_published(path[0]):
            judgement.note(Code.REVOCATION_UNPUBLISHED)
        elif options.require_revocation:
            judgement.doubt(SubIndication.TRY_LATER, Code.REVOCATION_UNKNOWN)
        else:
            judgement.note(Code.REVOCATION_UNKNOWN)
    return outcome.status
