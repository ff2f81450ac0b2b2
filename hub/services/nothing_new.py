"""What a node remembers of empty lists, so that polls that find nothing cost no database.

A system that polls every second finds nothing nearly always. Once a list was read and found empty, it is
empty until something is told to have come for that system: every commit that puts something into an inbox
rings the node's bell for its system. The memory also ends by itself after a few seconds, because a bell may
be lost and some things come to be seen without one (a lease runs out, an agency is unlocked).

A list is only remembered as empty if no bell rang between the beginning of the reading and its end.

`hub.services.quiet_inboxes` knows whether anything waits to be leased; lists of packages also show what is
leased already, by kind, so that they are remembered by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.ports.broker import Wakeup, Wakeups

REMEMBERED_S: Final = 5.0
SYSTEMS_MOST: Final = 20_000


@dataclass(slots=True)
class _Watched:
    # A subscription that is kept as long as the node remembers anything of a system.
    wakeup: Wakeup
    empty_until: dict[Hashable, float]


class NothingNew:
    """Remembers which lists of which systems were empty."""

    def __init__(self, wakeups: Wakeups, *, remembered_s: float = REMEMBERED_S) -> None:
        self._wakeups = wakeups
        self._remembered_s = remembered_s
        self._watched: dict[UUID, _Watched] = {}

    def is_empty(self, system_id: UUID, name: Hashable) -> bool:
        """Say whether a list was found empty a moment ago and nothing has come since."""
        watched = self._watched.get(system_id)
        if watched is None:
            return False
        if watched.wakeup.rung():
            watched.empty_until.clear()
            return False
        return watched.empty_until.get(name, 0.0) > time.monotonic()

    def begin(self, system_id: UUID) -> None:
        """Call before a list is read: what comes from now on is not overlooked."""
        if system_id not in self._watched:
            if len(self._watched) >= SYSTEMS_MOST:
                self.close()
            self._watched[system_id] = _Watched(self._wakeups.subscribe(system_id), {})

    def found_empty(self, system_id: UUID, name: Hashable) -> None:
        """Call after a list was read and was empty."""
        watched = self._watched.get(system_id)
        if watched is not None and not watched.wakeup.rung():
            watched.empty_until[name] = time.monotonic() + self._remembered_s

    def close(self) -> None:
        """Forget everything."""
        for watched in self._watched.values():
            watched.wakeup.close()
        self._watched.clear()
