"""Urgency: the lane a document travels in, and when its sender is alerted and given evidence.

Priority is độ khẩn of the format: 0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ. Some
products write 5 for "thường"; whatever is not 1–4 is normal.

Deadlines count from acceptance by the hub's clock; dates inside the message are claims and decide nothing.
The one exception is 4: its sender may state the hour to the hub, which then is the deadline, if it lies
ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class Lane(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Time after acceptance until the alert, and until evidence of non-delivery."""

    alert: timedelta
    evidence: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    alert_at: datetime
    evidence_at: datetime


ALLOWANCES: Mapping[int, Allowance] = MappingProxyType(
    {
        0: Allowance(alert=timedelta(hours=8), evidence=timedelta(hours=72)),
        1: Allowance(alert=timedelta(hours=2), evidence=timedelta(hours=24)),
        2: Allowance(alert=timedelta(hours=1), evidence=timedelta(hours=12)),
        3: Allowance(alert=timedelta(minutes=15), evidence=timedelta(hours=4)),
        4: Allowance(alert=timedelta(minutes=15), evidence=timedelta(hours=4)),
    }
)
TIMED_PRIORITY = 4
STATED_MAX = ALLOWANCES[0].evidence
"""A stated hour further off than this is no deadline any more; evidence comes after 72 h at the latest."""


def lane_of(priority: int | None) -> Lane:
    """Urgent for 1–4, normal for everything else."""
    return Lane.URGENT if priority in ALLOWANCES and priority != 0 else Lane.NORMAL


def deadlines_for(
    priority: int | None,
    accepted_at: datetime,
    stated: datetime | None = None,
    *,
    allowances: Mapping[int, Allowance] = ALLOWANCES,
) -> Deadlines:
    """When to alert and when to give evidence of non-delivery for a document accepted then."""
    known = priority if priority in ALLOWANCES and priority is not None else 0
    allowance = allowances[known]
    evidence_at = accepted_at + allowance.evidence
    if known == TIMED_PRIORITY and stated is not None and stated > accepted_at:
        evidence_at = min(stated, accepted_at + STATED_MAX)
    return Deadlines(alert_at=min(accepted_at + allowance.alert, evidence_at), evidence_at=evidence_at)
