"""How many calls a system may make in a minute, and how many polls that find nothing.

One bucket per system and node: a minute's calls at once, then as they come back. Over the limit a call is
refused before it costs anything, with the time after which there is room again. An administrator may limit
a system by itself; the others share the node's default, if it has one.

Who asks for an empty inbox over and over without waiting pays by a smaller bucket: a client gone wild must
not take from the others what the documents need. Waiting calls (`wait`) cost nothing there.
"""

from __future__ import annotations

import math
import time
from typing import Final
from uuid import UUID

from hub.domain.problems import Refusal
from hub.ports.records import SystemRecord

MINUTE_S: Final = 60.0
SYSTEMS_MOST: Final = 20_000


class _Buckets:
    # When the calls made so far will have been earned back, by system (the generic cell rate algorithm).

    def __init__(self) -> None:
        self._paid_until: dict[UUID, float] = {}

    def lacks(self, system_id: UUID, per_minute: int) -> float:
        """Return for how many seconds there is no room for one more; 0 if there is."""
        now = time.monotonic()
        paid_until = max(self._paid_until.get(system_id, now), now) + MINUTE_S / per_minute
        return max(0.0, paid_until - now - MINUTE_S - MINUTE_S / per_minute / 2)

    def take(self, system_id: UUID, per_minute: int) -> None:
        """Count one."""
        now = time.monotonic()
        if len(self._paid_until) >= SYSTEMS_MOST:
            self._paid_until = {k: v for k, v in self._paid_until.items() if v > now}
        self._paid_until[system_id] = max(self._paid_until.get(system_id, now), now) + MINUTE_S / per_minute


class CallRates:
    """Counts the calls of systems on this node."""

    def __init__(
        self, *, calls_per_minute: int | None = None, empty_polls_per_minute: int | None = None
    ) -> None:
        """Limit systems without a limit of their own to `calls_per_minute`; None: they are not counted."""
        self._calls = calls_per_minute
        self._empty_polls = empty_polls_per_minute
        self._of_calls, self._of_polls = _Buckets(), _Buckets()

    def count(self, system: SystemRecord) -> None:
        """Count one call; raises Refusal `rate_limited` with Retry-After if there is none left."""
        most = system.limits.calls_per_minute or self._calls
        if most is None:
            return
        _refuse_over(self._of_calls.lacks(system.id, most))
        self._of_calls.take(system.id, most)

    def before_poll(self, system_id: UUID) -> None:
        """Refuse a poll of who has polled in vain too often: `rate_limited`."""
        if self._empty_polls is not None:
            _refuse_over(self._of_polls.lacks(system_id, self._empty_polls))

    def polled_in_vain(self, system_id: UUID) -> None:
        """Count a poll that found nothing and did not wait."""
        if self._empty_polls is not None:
            self._of_polls.take(system_id, self._empty_polls)


def _refuse_over(seconds: float) -> None:
    if seconds > 0:
        raise Refusal("rate_limited", retry_after=max(1, math.ceil(seconds)))
