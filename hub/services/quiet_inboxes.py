"""Inboxes known to be empty: a poll of one costs no question to the database.

A node remembers which systems had nothing queued when they asked. Whatever may put something into an inbox
is announced over the listening connection and ends the memory of that inbox at once. An announcement may be
lost, and some things come without one (a delivery that waited for another may go): therefore, while somebody
asks, one question a second for all remembered inboxes together takes out those that have anything queued.

Invariants: without a listening connection nothing is remembered; an announcement that comes while the inbox
is being looked at wins over what was seen; what was missed is found within `CHECK_AFTER_S` and the time of
one query. If the process dies, so does the memory.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final
from uuid import UUID

from hub.ports.unit_of_work import DatabaseUnavailable, UnitOfWork

CHECK_AFTER_S: Final = 1.0

# How many announcements were heard: for everybody, for one.
Mark = tuple[int, int]


class QuietInboxes:
    """Remembers empty inboxes; told by the listener what comes (`InboxObserver`)."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._quiet: set[UUID] = set()
        self._announced: dict[UUID, int] = {}
        self._all_announced = 0
        self._listening = False
        self._checked_at = 0.0
        self._checking = asyncio.Lock()

    def listening(self, now: bool) -> None:
        """Note whether announcements can be heard; nothing is known of the time when they could not."""
        self._listening = now
        self.everybody()

    def everybody(self) -> None:
        """Forget all: something may have come for anybody."""
        self._all_announced += 1
        self._announced.clear()
        self._quiet.clear()

    def announced(self, system_id: UUID) -> None:
        """Forget one: something has come for it."""
        self._announced[system_id] = self._announced.get(system_id, 0) + 1
        self._quiet.discard(system_id)

    async def has_nothing(self, system_id: UUID) -> bool:
        """Tell whether an inbox is known to be empty."""
        if system_id not in self._quiet:
            return False
        if time.monotonic() - self._checked_at < CHECK_AFTER_S:
            return True
        async with self._checking:
            if time.monotonic() - self._checked_at >= CHECK_AFTER_S:
                await self._check()
        return system_id in self._quiet

    def mark(self, system_id: UUID) -> Mark:
        """Return what to hand to `found_nothing` after a look that begins now."""
        return self._all_announced, self._announced.get(system_id, 0)

    def found_nothing(self, system_id: UUID, mark: Mark) -> None:
        """Remember that a look found nothing, unless something was announced since it began."""
        if not self._listening or mark != self.mark(system_id):
            return
        if not self._quiet:
            self._checked_at = time.monotonic()
        self._quiet.add(system_id)

    async def _check(self) -> None:
        started = time.monotonic()
        try:
            async with self._uow.read() as query:
                busy = await query.deliveries.systems_with_queued(tuple(self._quiet))
        except DatabaseUnavailable:
            # Whoever asks now asks the database, and gets its answer.
            self.everybody()
            return
        self._quiet -= busy
        self._checked_at = started
