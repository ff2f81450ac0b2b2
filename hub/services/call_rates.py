"""How many calls a system may make in a minute, where an administrator has limited it.

One bucket per system and node: a minute's calls at once, then as they come back. Over the limit a call is
refused before it costs anything, with the time after which there is room again. Systems without a limit are
not counted.
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


class CallRates:
    """Counts the calls of limited systems on this node."""

    def __init__(self) -> None:
        # When the calls made so far will have been earned back, by system.
        self._paid_until: dict[UUID, float] = {}

    def count(self, system: SystemRecord) -> None:
        """Count one call; raises Refusal `system_busy` with Retry-After if there is none left."""
        most = system.limits.calls_per_minute
        if most is None:
            return
        now = time.monotonic()
        each = MINUTE_S / most
        paid_until = max(self._paid_until.get(system.id, now), now) + each
        if paid_until > now + MINUTE_S + each / 2:
            raise Refusal("system_busy", retry_after=max(1, math.ceil(paid_until - now - MINUTE_S)))
        if len(self._paid_until) >= SYSTEMS_MOST:
            self._paid_until = {k: v for k, v in self._paid_until.items() if v > now}
        self._paid_until[system.id] = paid_until
