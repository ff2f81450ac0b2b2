"""What a node remembers of empty lists, so that polls that find nothing cost no database.

A system that polls every second finds nothing nearly always. Once a list was read and found empty, it is
empty until something is told to have come for that system: every commit that puts something into an inbox
rings the node's bell for its system. A memory holds for a few seconds only, because a bell may be lost and
some things come to be seen without one (an agency is unlocked). When its time is up, one question for it
and all others that were asked for meanwhile tells which systems have anything open at all: the others'
lists are still empty.

A list is only remembered as empty if no bell rang between the beginning of the reading and its end.

`hub.services.quiet_inboxes` knows whether anything waits to be leased; lists of packages also show what is
leased already, by kind, so that they are remembered by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.ports.broker import Wakeup, Wakeups
from hub.ports.unit_of_work import DatabaseUnavailable, UnitOfWork

REMEMBERED_S: Final = 5.0
SYSTEMS_MOST: Final = 20_000


@dataclass(slots=True)
class _Watched:
    # A subscription that is kept as long as the node remembers anything of a system.
    wakeup: Wakeup
    empty_until: dict[Hashable, float]
    asked: bool = False
    heard: int = 0

    def listen(self) -> int:
        """Return how often a bell was heard; all is forgotten when one is."""
        if self.wakeup.rung():
            self.heard += 1
            self.empty_until.clear()
        return self.heard

    def is_empty(self, name: Hashable) -> bool:
        """Whether a list is known to be empty now."""
        self.listen()
        return self.empty_until.get(name, 0.0) > time.monotonic()


class NothingNew:
    """Remembers which lists of which systems were empty."""

    def __init__(self, uow: UnitOfWork, wakeups: Wakeups) -> None:
        self._uow = uow
        self._wakeups = wakeups
        self._watched: dict[UUID, _Watched] = {}
        self._looking = asyncio.Lock()

    async def is_empty(self, system_id: UUID, name: Hashable) -> bool:
        """Say whether a list was found empty a moment ago and nothing has come since."""
        watched = self._watched.get(system_id)
        if watched is None:
            return False
        watched.asked = True
        if watched.is_empty(name):
            return True
        if name not in watched.empty_until:
            return False
        async with self._looking:
            if not watched.is_empty(name):
                await self._look_again()
        return watched.is_empty(name)

    def begin(self, system_id: UUID) -> int:
        """Call before a list is read; give what it returns to `found_empty`."""
        if system_id not in self._watched:
            if len(self._watched) >= SYSTEMS_MOST:
                self.close()
            self._watched[system_id] = _Watched(self._wakeups.subscribe(system_id), {})
        return self._watched[system_id].listen()

    def found_empty(self, system_id: UUID, name: Hashable, begun: int) -> None:
        """Call after a list was read and was empty: that holds unless something has come since `begin`."""
        watched = self._watched.get(system_id)
        if watched is not None and watched.listen() == begun:
            watched.empty_until[name] = time.monotonic() + REMEMBERED_S

    async def _look_again(self) -> None:
        # What is asked for now and then is left to its own time: it is looked at when it is asked for.
        until = time.monotonic() + REMEMBERED_S
        due = {s: (w, w.listen()) for s, w in self._watched.items() if w.asked and w.empty_until}
        try:
            async with self._uow.read() as query:
                busy = await query.packages.systems_with_open(tuple(due))
        except DatabaseUnavailable:
            # Whoever asks now asks the database, and gets its answer.
            busy = set(due)
        for system_id, (watched, heard) in due.items():
            watched.asked = False
            if system_id in busy:
                watched.empty_until.clear()
            elif watched.listen() == heard:
                watched.empty_until = dict.fromkeys(watched.empty_until, until)

    def close(self) -> None:
        """Forget everything."""
        for watched in self._watched.values():
            watched.wakeup.close()
        self._watched.clear()
