"""Constraints common to every kind of signature: integrity, algorithms, the signer's certificate, timestamps.

Turns what the mechanical checks found into findings, in the order of [EN 319 102-1 §5.3]: identification of
the signing certificate, cryptographic verification, acceptance. Time and trust follow in
`signing.time_and_trust`, whose names are given on from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signing.cms import SignerCheck
from signing.judgement import Judgement
from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import SubIndication
from signing.time_and_trust import (
    TOLERANCE,
    Evidence,
    TrustOutcome,
    judge_time_and_trust,
    shown,
)
from signing.timestamps import TokenCheck

__all__ = [
    "TOLERANCE",
    "Evidence",
    "TrustOutcome",
    "judge_algorithms",
    "judge_signer",
    "judge_time_and_trust",
    "judge_timestamps",
    "shown",
]


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
