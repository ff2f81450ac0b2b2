"""Rules of leases: how long, and which token may do what.

A lease names its holder by a token that grows by one with every claim of the row. A worker writes only under
its current token; 0 rows written means that another has taken over. For recipients the rule is milder in one
point: *confirm* is accepted with any token ever given to that system for that delivery, because the system
has the document; *reject* and *renew* need the current one.

Whether a lease has run out is decided by the sweeper's move to ``queued``, not by the clock alone: while
nobody else has taken the row, its holder may still finish.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from hub.domain.limits import RECIPIENT_LEASE, RECIPIENT_LEASE_MAX, RECIPIENT_LEASE_MIN
from hub.domain.transport import LEASED_STATES, DeliveryState

NO_TOKEN = 0
"""The token of a row that has never been leased."""


class TokenVerdict(StrEnum):
    VALID = "valid"
    LOST = "lost"
    """It was the holder's once, or never: problem ``lease_lost``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRules:
    """A recipient's lease: how long unless it asks otherwise, and the bounds of what it may ask."""

    length: timedelta = RECIPIENT_LEASE
    least: timedelta = RECIPIENT_LEASE_MIN
    most: timedelta = RECIPIENT_LEASE_MAX


DEFAULT_LEASES = LeaseRules()


def lease_length(requested: timedelta | None, rules: LeaseRules = DEFAULT_LEASES) -> timedelta:
    """A recipient's lease: 5 minutes unless asked otherwise, never under 30 s nor over 1 h."""
    if requested is None:
        return rules.length
    return min(max(requested, rules.least), rules.most)


def next_token(current: int) -> int:
    """The token of the next claim."""
    return current + 1


def token_to_confirm(token: int, *, given_to_system: Collection[int]) -> TokenVerdict:
    """Confirming: any token that this system was ever given for this delivery."""
    return TokenVerdict.VALID if token > NO_TOKEN and token in given_to_system else TokenVerdict.LOST


def token_to_act(token: int, *, current: int, state: DeliveryState) -> TokenVerdict:
    """Renewing, rejecting, handing over: the current token of a delivery that is still leased."""
    held = token == current and token > NO_TOKEN and state in LEASED_STATES
    return TokenVerdict.VALID if held else TokenVerdict.LOST
