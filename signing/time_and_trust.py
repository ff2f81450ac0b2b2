"""Best signature time, then chain, validity period, usage and revocation at it [EN 319 102-1 §5.2, §5.6].

The best time is the earliest that something validated proves; a claimed time is shown and compared, never a
proof. Without a proof everything is judged at the moment of asking. What could not be checked is a doubt or
a note, by policy, and never a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import x509

from signing.anchors import known_anchors
from signing.certificates import BROKEN_DER, common_name, public_key, validity
from signing.crl import lists_of
from signing.judgement import Judgement
from signing.messages import Code
from signing.options import VerifyOptions
from signing.primitives import key_bits
from signing.proofs import TimeAuthorities, proven
from signing.report import ChainStatus, Revocation, SubIndication, TimeSource
from signing.revocation import RevocationChecker, RevocationOutcome, is_published
from signing.timestamps import TokenCheck
from signing.trust import FetchIssuers, PathOutcome, TrustStore, fingerprint

TOLERANCE = timedelta(minutes=5)
_DAY = "%d/%m/%Y"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One signature's question: at what moment, with what proof, and who can answer."""

    judgement: Judgement
    evidence: Evidence
    options: VerifyOptions
    trust: TrustStore
    checker: RevocationChecker
    moment: datetime
    is_proven: bool

    @property
    def fetch(self) -> FetchIssuers | None:
        return _fetch(self.options)


def judge_time_and_trust(
    judgement: Judgement, signer: x509.Certificate | None, evidence: Evidence, options: VerifyOptions
) -> TrustOutcome:
    """Judge time, chain and revocation of one signature."""
    moment = (options.at or options.now or datetime.now(UTC)).astimezone(UTC)
    checker = _checker(evidence, options)
    best_proof, source = _best_proof(judgement, evidence, options, moment, checker)
    if not evidence.proofs:
        judgement.note(Code.TIMESTAMP_ABSENT)
    _compare_claims(judgement, evidence.claimed, best_proof or moment, signer)
    best = best_proof or evidence.claimed
    known = source if best_proof else (TimeSource.CLAIMED if evidence.claimed else None)
    if options.no_trust:
        judgement.note(Code.TRUST_NOT_CHECKED)
        return TrustOutcome(best_time=best, time_source=known)
    if best_proof is not None:
        _settle_algorithms(judgement, signer, best_proof, options)
    if signer is None:
        return TrustOutcome(best_time=best, time_source=known, chain=ChainStatus.UNTRUSTED)
    if options.trust is None:
        judgement.doubt(
            SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Code.CHAIN_UNTRUSTED, detail="danh sách tin cậy trống"
        )
        return TrustOutcome(best_time=best, time_source=known, chain=ChainStatus.UNTRUSTED)
    case = _Case(
        judgement=judgement,
        evidence=evidence,
        options=options,
        trust=options.trust,
        checker=checker,
        moment=best_proof or moment,
        is_proven=best_proof is not None,
    )
    chain, revocation = _judge_chain(case, signer)
    return TrustOutcome(chain=chain, revocation=revocation, best_time=best, time_source=known)


def shown(name: str) -> str:
    """An algorithm's name as people write it."""
    return (
        name.upper()
        .replace("_", "-")
        .replace("SHA", "SHA-")
        .replace("SHA--", "SHA-")
        .replace("SHA-3-", "SHA3-")
    )


def _checker(evidence: Evidence, options: VerifyOptions) -> RevocationChecker:
    trust = options.trust
    if options.no_trust or trust is None:
        return RevocationChecker()
    return RevocationChecker(
        responses=evidence.ocsps,
        lists=(*lists_of(evidence.crls), *trust.lists),
        session=options.session,
        trusted_responder=trust.trusts_responder,
        old_digests=options.algorithms.old_digests | options.algorithms.broken_digests,
    )


def _fetch(options: VerifyOptions) -> FetchIssuers | None:
    return options.session.issuers if options.session is not None else None


def _best_proof(
    judgement: Judgement,
    evidence: Evidence,
    options: VerifyOptions,
    moment: datetime,
    checker: RevocationChecker,
) -> tuple[datetime | None, TimeSource | None]:
    """The earliest time that something proves; a token of an unknown authority proves nothing."""
    if options.no_trust:
        found = [(t.time, source) for source, t in evidence.proofs if t.good and t.time is not None]
    else:
        authorities = TimeAuthorities(
            trust=options.trust,
            algorithms=options.algorithms,
            checker=checker,
            others=evidence.certificates,
            fetch=_fetch(options),
        )
        found = proven(evidence.proofs, moment, judgement, authorities)
        if options.existed_by is not None and options.existed_by - moment <= TOLERANCE:
            # Clocks differ a little; what came after the moment asked about proves nothing of it.
            found.append((min(options.existed_by.astimezone(UTC), moment), TimeSource.RECEIPT))
    # Of equal times the signature's own timestamp is named.
    earliest = min(found, key=lambda e: (e[0], e[1] is not TimeSource.TIMESTAMP), default=None)
    return earliest if earliest is not None else (None, None)


def _compare_claims(
    judgement: Judgement, claimed: datetime | None, known: datetime, signer: x509.Certificate | None
) -> None:
    if claimed is None:
        return
    # Differences: a sum would leave the range of time for what is stated near its ends.
    if claimed - known > TOLERANCE:
        judgement.note(Code.CLAIMED_TIME_LATE)
    not_before = validity(signer)[0] if signer is not None else None
    if not_before is not None and not_before - claimed > TOLERANCE:
        judgement.note(Code.CLAIMED_TIME_BEFORE_CERTIFICATE)


def _settle_algorithms(
    judgement: Judgement, signer: x509.Certificate | None, at: datetime, options: VerifyOptions
) -> None:
    """An algorithm that is old today was sound when the signature is proven to have existed."""
    policy = options.algorithms
    for name in policy.old_digests:
        if policy.accepted(name, at):
            judgement.settle(Code.ALGORITHM_OLD, detail=shown(name))
    key = public_key(signer) if signer is not None else None
    kind, bits = key_bits(key) if key is not None else ("", 0)
    if kind == "RSA" and bits >= policy.shortest_rsa_bits and policy.accepted("rsa", at):
        judgement.settle(Code.KEY_TOO_SHORT, detail=f"{kind}-{bits}")


def _judge_chain(case: _Case, signer: x509.Certificate) -> tuple[ChainStatus, Revocation]:
    outcome = case.trust.path(
        signer,
        at=case.moment,
        others=case.evidence.certificates,
        algorithms=case.options.algorithms,
        fetch=case.fetch,
    )
    judgement = case.judgement
    if outcome.status is not ChainStatus.TRUSTED:
        code, sub = outcome.code or Code.CHAIN_BROKEN, outcome.sub
        judgement.doubt(sub or SubIndication.NO_CERTIFICATE_CHAIN_FOUND, code, detail=outcome.detail)
        if outcome.root is not None:
            _name_root(judgement, outcome.root)
        return outcome.status, Revocation.NOT_CHECKED
    if fingerprint(outcome.path[-1]) not in known_anchors():
        judgement.note(Code.CHAIN_PRIVATE, detail=common_name(outcome.path[-1]))
    if outcome.detail:
        judgement.note(Code.ALGORITHM_OLD, detail=f"CA: {outcome.detail}")
    _judge_period(case, signer)
    _judge_usage(judgement, signer)
    return outcome.status, _judge_revocation(case, outcome)


def _name_root(judgement: Judgement, root: x509.Certificate) -> None:
    """Tell a root of the national system that is only not installed from anybody's own."""
    known = known_anchors().get(fingerprint(root))
    if known is not None:
        judgement.note(Code.CHAIN_ROOT_NOT_INSTALLED, detail=known.name)
    else:
        judgement.note(Code.CHAIN_PRIVATE, detail=common_name(root))


def _judge_period(case: _Case, signer: x509.Certificate) -> None:
    not_before, not_after = validity(signer)
    if not_before is not None and case.moment < not_before:
        case.judgement.doubt(SubIndication.NOT_YET_VALID, Code.CERTIFICATE_NOT_YET_VALID)
    elif not_after is not None and case.moment > not_after:
        if case.is_proven:
            case.judgement.doubt(SubIndication.EXPIRED, Code.CERTIFICATE_EXPIRED)
        else:
            case.judgement.doubt(SubIndication.OUT_OF_BOUNDS_NO_POE, Code.CERTIFICATE_EXPIRED_NO_PROOF)


def _judge_usage(judgement: Judgement, signer: x509.Certificate) -> None:
    try:
        usage = signer.key_usage_value
        if usage is not None and not {"digital_signature", "non_repudiation"} & set(usage.native):
            judgement.doubt(
                SubIndication.CHAIN_CONSTRAINTS_FAILURE, Code.CERTIFICATE_USAGE, detail="keyUsage"
            )
    except BROKEN_DER:
        judgement.doubt(SubIndication.CHAIN_CONSTRAINTS_FAILURE, Code.CERTIFICATE_USAGE, detail="keyUsage")


def _judge_revocation(case: _Case, outcome: PathOutcome) -> Revocation:
    path = outcome.path
    if len(path) < 2:
        return Revocation.NOT_CHECKED
    old_allowed = bool(outcome.detail)
    said = case.checker.check(path[0], path[1], at=case.moment, above=path[2:], old_allowed=old_allowed)
    status = _judge_signer_status(case, path[0], said)
    if status is Revocation.REVOKED:
        return status
    for place in range(1, len(path) - 1):
        if _is_ca_revoked(case, path[place:], old_allowed=old_allowed):
            return Revocation.REVOKED
    return status


def _judge_signer_status(case: _Case, signer: x509.Certificate, said: RevocationOutcome) -> Revocation:
    judgement = case.judgement
    if said.status is Revocation.REVOKED and said.since is not None:
        if case.is_proven and case.moment < said.since:
            return Revocation.GOOD
        date, claimed = said.since.strftime(_DAY), case.evidence.claimed
        if case.is_proven or (claimed is not None and claimed >= said.since):
            judgement.fail(SubIndication.REVOKED, Code.CERTIFICATE_REVOKED, date=date)
        else:
            judgement.doubt(SubIndication.REVOKED_NO_POE, Code.CERTIFICATE_REVOKED_NO_PROOF, date=date)
        return Revocation.REVOKED
    if said.on_hold:
        date = said.since.strftime(_DAY) if said.since is not None else "?"
        judgement.doubt(SubIndication.TRY_LATER, Code.CERTIFICATE_ON_HOLD, date=date)
    elif said.status is Revocation.UNKNOWN:
        _judge_unknown(case, signer, said.reasons)
    return said.status


def _judge_unknown(case: _Case, signer: x509.Certificate, reasons: Sequence[str]) -> None:
    detail = "; ".join(reasons)[:200] or "offline"
    if not is_published(signer):
        case.judgement.note(Code.REVOCATION_UNPUBLISHED)
    elif case.options.require_revocation:
        case.judgement.doubt(SubIndication.TRY_LATER, Code.REVOCATION_UNKNOWN, detail=detail)
    else:
        case.judgement.note(Code.REVOCATION_UNKNOWN, detail=detail)


def _is_ca_revoked(case: _Case, path: Sequence[x509.Certificate], *, old_allowed: bool) -> bool:
    child, issuer, *above = path
    said = case.checker.check(child, issuer, at=case.moment, above=above, old_allowed=old_allowed)
    name = common_name(child)
    if said.status is Revocation.REVOKED and said.since is not None:
        if case.is_proven and case.moment < said.since:
            return False
        date = said.since.strftime(_DAY)
        case.judgement.doubt(SubIndication.REVOKED_CA_NO_POE, Code.CA_REVOKED, detail=name, date=date)
        return True
    if said.status is Revocation.UNKNOWN and is_published(child):
        detail = f"{name}: {'; '.join(said.reasons)[:200] or 'offline'}"
        case.judgement.note(Code.CA_REVOCATION_UNKNOWN, detail=detail)
    return False
