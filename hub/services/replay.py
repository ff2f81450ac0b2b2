"""Fetching again what was confirmed: for a system that was restored from an older copy of its data.

What a system has confirmed is not offered any more. Restored to the state of some day, it asks for what it
has confirmed since, compares by delivery id with what it still has, and fetches the rest again. Nothing
changes by that: the delivery stays confirmed under its id, the sender notices nothing; that its content
went out again is on record. [design 5]

If the hub dies between the record and the last byte, the record tells of a replay that did not arrive whole;
it can be asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from hub.domain.events import EventKind
from hub.domain.problems import Refusal
from hub.domain.transport import DeliveryState
from hub.ports.records import Change, Offer
from hub.services.access import Caller
from hub.services.inbox import Content, content_for
from hub.services.kit import Kit

UNDER_WAY_AT_MOST: Final = timedelta(days=92)
"""A delivery made longer before the asked moment is not looked for: deadlines have long ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Confirmed deliveries by id; `following` is where the next page begins, None after the last."""

    offers: tuple[Offer, ...]
    following: UUID | None


class ReplayService:
    """What a system may see and fetch of what it has confirmed."""

    def __init__(self, kit: Kit) -> None:
        self._uow = kit.uow
        self._blobs = kit.blobs
        self._journal = kit.journal

    async def history(
        self, caller: Caller, *, since: datetime, after: UUID | None, limit: int
    ) -> HistoryPage:
        """Return what the caller has confirmed since a moment, after the delivery `after`."""
        async with self._uow.read() as query:
            found = await query.deliveries.confirmed(
                caller.system_id,
                since=since,
                created_since=since - UNDER_WAY_AT_MOST,
                after=after,
                limit=limit,
            )
        return HistoryPage(offers=found, following=found[-1].delivery.id if len(found) == limit else None)

    async def replay(self, caller: Caller, delivery_id: UUID) -> Content:
        """Put on record that a confirmed delivery is fetched again, and return its bytes.

        Raises:
            Refusal: `delivery_unknown`, `delivery_not_confirmed`, `content_erased`.
        """
        async with self._uow.begin() as tx:
            delivery = await tx.deliveries.get(delivery_id)
            if delivery is None or delivery.system_id != caller.system_id:
                raise Refusal("delivery_unknown")
            if delivery.state is not DeliveryState.CONFIRMED:
                raise Refusal("delivery_not_confirmed", params={"state": delivery.state.value})
            document = await tx.documents.get(delivery.document_id)
            if document is None or not document.body_kept:
                raise Refusal("content_erased")
            now = await tx.deliveries.hub_time()
            event = self._journal.delivery(
                EventKind.DELIVERY_REPLAYED, delivery, at=now, facts={"actor": caller.system_id}
            )
            await tx.record(Change(events=[event]))
        return content_for(caller.system, delivery_id, document, self._blobs)
