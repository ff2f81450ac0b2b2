"""The rules of a node in numbers: every one is a setting, every default a limit of `hub.domain.limits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from hub.domain import limits
from hub.domain.deadlines import ALLOWANCES, Allowance
from hub.domain.leases import DEFAULT_LEASES, LeaseRules
from hub.domain.retry import DEFAULT_BREAKER, DEFAULT_RETRY, BreakerPolicy, RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """How slowly and how long a body may come, in bytes per second and seconds."""

    min_rate: int = limits.BODY_RATE_MIN
    window_s: float = limits.BODY_RATE_WINDOW.total_seconds()
    request_s: float = limits.REQUEST_TIME_MAX.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeFloor:
    """When the normal lane is closed: too little disk, too much waiting for verification."""

    disk_share: float = limits.DISK_FREE_MIN_SHARE
    disk_bytes: int = limits.DISK_FREE_MIN
    backlog: int = limits.VERIFY_BACKLOG_MAX
    backlog_age: timedelta = limits.VERIFY_BACKLOG_AGE_MAX

    def disk_floor(self, total: int) -> int:
        """Return the free bytes under which the normal lane is closed."""
        return max(int(total * self.disk_share), self.disk_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRules:
    """How deliveries are pushed: places per peer and node, back-off, breaker, and time limits."""

    places: int = limits.PUSH_PLACES
    retry: RetryPolicy = DEFAULT_RETRY
    breaker: BreakerPolicy = DEFAULT_BREAKER
    unconfirmed_lease: timedelta = limits.UNCONFIRMED_LEASE
    attempt_most: timedelta = limits.PUSH_ATTEMPT_MAX


DEFAULT_TRANSFER: Final = TransferRules()
DEFAULT_PUSH: Final = PushRules()
DEFAULT_FLOOR: Final = IntakeFloor()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of a node."""

    deadlines: Mapping[int, Allowance] = field(default_factory=lambda: ALLOWANCES)
    recipient_leases: LeaseRules = DEFAULT_LEASES
    worker_lease: timedelta = limits.WORKER_LEASE
    worker_renew: timedelta = limits.WORKER_LEASE_RENEW
    neglected_after: timedelta = limits.SWEEP_AFTER
    parked_for: timedelta = limits.PARKED_STATUS_MAX
    key_retention: timedelta = limits.KEY_RETENTION
    long_poll_s: int = int(limits.LONG_POLL_MAX.total_seconds())
    inbox_page: int = limits.INBOX_PAGE
    transfer: TransferRules = DEFAULT_TRANSFER
    floor: IntakeFloor = DEFAULT_FLOOR
    push: PushRules = DEFAULT_PUSH


DEFAULT_RULES: Final = Rules()
