"""What the caller may choose about a verification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signing.algorithms import DEFAULT_ALGORITHMS, AlgorithmPolicy
from signing.trust import TrustStore


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """Defaults are those of `lienthong verify`.

    `no_trust` leaves out chain, revocation, validity periods, key usage and required level. Without a trust
    store and without `no_trust` every chain is untrusted. `at` is the moment for which the question is
    asked (default: `now`).
    """

    trust: TrustStore | None = None
    no_trust: bool = False
    at: datetime | None = None
    now: datetime | None = None
    content: tuple[Path, ...] = ()
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHMS
    require_revocation: bool = True
    compare_pages: bool = True
    max_bytes: int = 512 * 1024 * 1024
    render_seconds: float = 1.5
