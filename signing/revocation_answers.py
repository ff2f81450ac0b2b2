"""What one OCSP response or one list says about one certificate, and what several of them say together.

    revoked, whatever its age          final: revocation is not taken back
    on hold                            undecided until something newer is known [EN 319 102-1 §5.2.6]
    good, and fresh for the moment     good
    anything else                      could not be checked, with the reasons

*Fresh*: issued after the moment that counts, or still valid by its own nextUpdate then [EN 319 102-1
§5.2.5]; and not issued after the certificate's end unless the issuer says that it keeps expired ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from signing.report import Revocation

TOLERANCE: Final = timedelta(minutes=5)


class Origin(StrEnum):
    """Where an answer came from."""

    EMBEDDED = "embedded"
    STORE = "store"
    ONLINE = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationAnswer:
    """One answer; `problem` says why it decides nothing."""

    status: Revocation
    since: datetime | None = None
    on_hold: bool = False
    produced: datetime | None = None
    next_update: datetime | None = None
    keeps_expired_since: datetime | None = None
    problem: str = ""

    def is_fresh(self, at: datetime, not_after: datetime | None) -> bool:
        """Whether a *good* counts for the moment `at`."""
        if self.produced is None:
            return False
        if not_after is not None and self.produced > not_after:
            kept = self.keeps_expired_since
            if kept is None or kept > not_after:
                return False
        return self.produced >= at - TOLERANCE or (self.next_update is not None and self.next_update >= at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationOutcome:
    """What is known, since when if revoked, and why nothing is known if so."""

    status: Revocation
    since: datetime | None = None
    on_hold: bool = False
    reasons: tuple[str, ...] = ()


def no_answer(problem: str = "") -> RevocationAnswer:
    """An answer that decides nothing."""
    return RevocationAnswer(status=Revocation.UNKNOWN, problem=problem)


def conclude(
    answers: Iterable[RevocationAnswer], *, at: datetime, not_after: datetime | None = None
) -> RevocationOutcome:
    """What the answers say together about the moment `at`."""
    known = list(answers)
    revoked = [a.since for a in known if a.status is Revocation.REVOKED and not a.on_hold and a.since]
    if revoked:
        return RevocationOutcome(status=Revocation.REVOKED, since=min(revoked))
    good = [a for a in known if a.status is Revocation.GOOD and a.is_fresh(at, not_after)]
    holds = [a for a in known if a.on_hold]
    newest_hold = max((a.produced for a in holds if a.produced), default=None)
    if good and (newest_hold is None or any(a.produced and a.produced > newest_hold for a in good)):
        return RevocationOutcome(status=Revocation.GOOD)
    reasons = [a.problem for a in known if a.problem]
    reasons += ["too old" for a in known if a.status is Revocation.GOOD and not a.is_fresh(at, not_after)]
    return RevocationOutcome(
        status=Revocation.UNKNOWN,
        since=min((a.since for a in holds if a.since), default=None),
        on_hold=bool(holds),
        reasons=tuple(dict.fromkeys(reasons)),
    )
