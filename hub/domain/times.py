"""Instants as the hub writes them: UTC inside, RFC 3339 with microseconds and ``Z`` outside."""

from __future__ import annotations

from datetime import UTC, datetime


def as_utc(moment: datetime) -> datetime:
    """The same instant in UTC; a naive datetime is a bug of the caller, never guessed at."""
    if moment.utcoffset() is None:
        raise ValueError("a naive datetime has no place in the exchange")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """``2025-10-13T03:25:18.000000Z``: of fixed width, so that text order is time order [RFC 3339]."""
    return as_utc(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")
