"""When to try again, and when to leave a peer alone for a while.

*Retries* back off exponentially with full jitter: the wait is a random part of the whole step, which spreads
a crowd of senders best. Chance is an argument. Attempts do not end a delivery by their number; its deadline
does.

*Breaker*, one per recipient system: closed → open after five failures in a row → half-open after a minute,
when one probe is let through → closed or open again. Its state is a value kept in a row, so that all nodes
share it; while it is open the deliveries simply stay due. A probe that never reports (its node died) lets
another through after the same minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hub.domain.limits import BREAKER_COOL_DOWN, BREAKER_THRESHOLD, RETRY_BASE, RETRY_CAP

_EXPONENT_MAX = 62
"""Beyond this every step is at the cap; keeps powers of two small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    base: timedelta = RETRY_BASE
    cap: timedelta = RETRY_CAP

    def ceiling(self, attempts: int) -> timedelta:
        """The longest wait after this many failed attempts (1 = the first has failed)."""
        if attempts < 1:
            raise ValueError("a retry follows at least one attempt")
        factor = 1 << min(attempts - 1, _EXPONENT_MAX)
        return self.cap if factor >= self.cap / self.base else self.base * factor

    def delay(self, attempts: int, jitter: float) -> timedelta:
        """The wait: ``jitter`` in [0, 1] of the ceiling."""
        if not 0.0 <= jitter <= 1.0:
            raise ValueError("jitter lies between 0 and 1")
        return self.ceiling(attempts) * jitter

    def next_due(
        self, *, now: datetime, attempts: int, jitter: float, deadline: datetime | None = None
    ) -> datetime | None:
        """When to try next; at the deadline at the latest, None once it has passed."""
        if deadline is not None and now >= deadline:
            return None
        due = now + self.delay(attempts, jitter)
        return due if deadline is None else min(due, deadline)


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    threshold: int = BREAKER_THRESHOLD
    cool_down: timedelta = BREAKER_COOL_DOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one peer. ``retry_at`` is set in ``open`` and ``half_open``: when a probe may go."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    retry_at: datetime | None = None

    def allows(self, now: datetime) -> bool:
        """Whether an attempt may start now; in open or half-open state it must be claimed by ``probe``."""
        return self.state is BreakerState.CLOSED or self.retry_at is None or now >= self.retry_at

    def probe(self, now: datetime, policy: BreakerPolicy) -> Breaker:
        """The state once an allowed attempt has started: half-open lets no second one through."""
        if self.state is BreakerState.CLOSED or not self.allows(now):
            return self
        return replace(self, state=BreakerState.HALF_OPEN, retry_at=now + policy.cool_down)

    def succeeded(self) -> Breaker:
        """The peer answered: closed, whatever was before."""
        return Breaker()

    def undecided(self, now: datetime) -> Breaker:
        """An attempt failed for reasons of its own: it says nothing about the peer; the next may probe."""
        if self.state is not BreakerState.HALF_OPEN:
            return self
        return replace(self, state=BreakerState.OPEN, retry_at=now)

    def failed(self, now: datetime, policy: BreakerPolicy) -> Breaker:
        """One more failure: open from the threshold on, and at once if it was the probe."""
        failures = self.failures + 1
        if self.state is BreakerState.CLOSED and failures < policy.threshold:
            return replace(self, failures=failures)
        if self.state is BreakerState.OPEN:
            # An attempt begun before it opened: it says nothing new and does not prolong the pause.
            return replace(self, failures=failures)
        return Breaker(state=BreakerState.OPEN, failures=failures, retry_at=now + policy.cool_down)


DEFAULT_RETRY = RetryPolicy()
DEFAULT_BREAKER = BreakerPolicy()
"""Five failures in a row, one minute."""
