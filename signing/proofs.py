"""When is a signature proven to have existed? Timestamps, validated from the newest to the oldest.

A timestamp counts for what its authority's certificate was good for while it can be shown to have existed:
the newest one must hold today; it proves that what it covers existed at its time; an older one must hold at
that time, and so on down to the signature [EN 319 102-1 §5.6.2.3, POE extraction]. So a chain of document
timestamps carries a signature over the end of certificates, and an expired authority without a later
timestamp proves nothing. Whether an authority's revocation can be checked is told; only a revocation stops
a proof.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import x509

from signing.algorithms import AlgorithmPolicy
from signing.anchors import Purpose
from signing.certificates import BROKEN_DER, validity
from signing.judgement import Judgement
from signing.messages import Code
from signing.report import ChainStatus, Revocation, SubIndication, TimeSource
from signing.revocation import RevocationChecker, is_published
from signing.timestamps import TokenCheck
from signing.trust import FetchIssuers, PathOutcome, TrustStore

# Timestamps that take in the others of their signature.
ENCLOSING: Final = frozenset({"document-timestamp", "archive-timestamp"})
Proof = tuple[TimeSource, TokenCheck]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAuthorities:
    """What is needed to judge the authorities of timestamps."""

    trust: TrustStore | None
    algorithms: AlgorithmPolicy
    checker: RevocationChecker
    others: tuple[x509.Certificate, ...] = ()
    fetch: FetchIssuers | None = None


def proven(
    tokens: Sequence[Proof], moment: datetime, judgement: Judgement, authorities: TimeAuthorities
) -> list[tuple[datetime, TimeSource]]:
    """The times that hold, each with its source; why others do not is noted in the judgement."""
    usable = [(source, t, t.time) for source, t in tokens if t.good and t.time is not None]
    enclosing = sorted((u for u in usable if _encloses(u[1])), key=lambda u: u[2], reverse=True)
    found: list[tuple[datetime, TimeSource]] = []
    shown_at = moment
    for source, token, time in enclosing:
        if _holds(token, time, shown_at, judgement, authorities):
            found.append((time, source))
            shown_at = min(shown_at, time)
    for source, token, time in usable:
        if _encloses(token):
            continue
        later = [t for t, _ in found if t >= time]
        if _holds(token, time, min(later, default=moment), judgement, authorities):
            found.append((time, source))
    return found


def _encloses(token: TokenCheck) -> bool:
    return token.type in ENCLOSING and token.encloses


def _holds(
    token: TokenCheck, time: datetime, shown_at: datetime, judgement: Judgement, with_: TimeAuthorities
) -> bool:
    """Whether the token's authority was good at its time and still when the token is shown to exist."""
    tsa = token.tsa
    if tsa is None or with_.trust is None or not _is_for_timestamps(tsa):
        judgement.note(Code.TIMESTAMP_UNTRUSTED)
        return False
    not_before, not_after = validity(tsa)
    if not_before is None or not_after is None or not not_before <= time <= not_after:
        judgement.note(Code.TIMESTAMP_UNTRUSTED)
        return False
    shown_at = max(shown_at, time)
    if shown_at > not_after:
        judgement.note(Code.TIMESTAMP_EXPIRED)
        return False
    outcome = with_.trust.path(
        tsa,
        at=shown_at,
        used=time,
        others=(*token.certificates, *with_.others),
        algorithms=with_.algorithms,
        purpose=Purpose.TIMESTAMP,
        fetch=with_.fetch,
    )
    if outcome.status is not ChainStatus.TRUSTED:
        expired = outcome.sub is SubIndication.OUT_OF_BOUNDS_NO_POE
        judgement.note(Code.TIMESTAMP_EXPIRED if expired else Code.TIMESTAMP_UNTRUSTED)
        return False
    return _not_revoked(outcome, shown_at, judgement, with_.checker)


def _not_revoked(
    outcome: PathOutcome, shown_at: datetime, judgement: Judgement, checker: RevocationChecker
) -> bool:
    reasons: list[str] = []
    for place, (child, issuer) in enumerate(itertools.pairwise(outcome.path)):
        above, old_allowed = outcome.path[place + 2 :], bool(outcome.detail)
        said = checker.check(child, issuer, at=shown_at, above=above, old_allowed=old_allowed)
        if said.status is Revocation.REVOKED and said.since is not None and said.since <= shown_at:
            judgement.note(Code.TIMESTAMP_REVOKED, date=said.since.strftime("%d/%m/%Y"))
            return False
        if said.status is Revocation.UNKNOWN and is_published(child):
            reasons += said.reasons or ("offline",)
    if reasons:
        judgement.note(Code.TIMESTAMP_REVOCATION_UNKNOWN, detail="; ".join(dict.fromkeys(reasons))[:200])
    return True


def _is_for_timestamps(tsa: x509.Certificate) -> bool:
    try:
        usage = tsa.extended_key_usage_value
        return usage is not None and "time_stamping" in usage.native
    except BROKEN_DER:
        return False
