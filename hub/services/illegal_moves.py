"""Moves that the table of states does not know: answered with a problem, and on record.

The move is tried in a transaction that is rolled back by its refusal; the record is one of its own, after it.
Said again and again it is recorded once per node: nobody fills the log by repeating himself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from hub.domain.events import EventKind
from hub.domain.transport import IllegalTransition
from hub.ports.records import Change
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.kit import Kit

log = structlog.get_logger(__name__)

REMEMBERED_MOST: Final = 10_000


class IllegalMoves:
    """Records illegal moves of deliveries."""

    def __init__(self, kit: Kit) -> None:
        self._uow, self._journal = kit.uow, kit.journal
        self._told: set[tuple[UUID, str, str]] = set()

    @asynccontextmanager
    async def on_record(self, delivery_id: UUID) -> AsyncIterator[None]:
        """Record an IllegalTransition that leaves the block; it goes on to the caller."""
        try:
            yield
        except IllegalTransition as error:
            await self._record(delivery_id, error)
            raise

    async def _record(self, delivery_id: UUID, error: IllegalTransition) -> None:
        move = (delivery_id, error.state.value, error.event.value)
        if move in self._told:
            return
        if len(self._told) >= REMEMBERED_MOST:
            self._told.clear()
        self._told.add(move)
        try:
            async with self._uow.begin() as tx:
                delivery = await tx.deliveries.get(delivery_id)
                if delivery is None:
                    return
                event = self._journal.delivery(
                    EventKind.TRANSITION_ILLEGAL,
                    delivery,
                    at=await tx.deliveries.hub_time(),
                    facts={"transition": error.event.value, "from_state": error.state.value},
                )
                await tx.record(Change(events=[event]))
        except (DatabaseUnavailable, CommitUnknown):
            # That it could not be written must not change the answer.
            log.warning("illegal_move_not_recorded", delivery_id=str(delivery_id), move=error.event.value)
