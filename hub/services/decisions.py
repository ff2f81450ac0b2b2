"""What a person of the province decides about a delivery: release, refuse, send again.

A held delivery waits for a person; its deadline runs meanwhile. Who decided and why is on record: the
reason in an erasable row, its digest in the event. A delivery that was rejected or given up can be sent
again under the same id, in a new series of attempts and with new deadlines; one that was held and never
released goes back to the hold, so that a passed deadline is no way around it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.acceptance import Decision
from hub.domain.deadlines import deadlines_for
from hub.domain.events import EventKind
from hub.domain.problems import Refusal
from hub.domain.transport import DeliveryEvent, DeliveryState, advance, is_repeat, resend_event
from hub.ports.records import Change, DeliveryRecord, DocumentRecord, Hint, Offer
from hub.ports.unit_of_work import Transaction
from hub.services.kit import Kit

LISTED_MOST: Final = 500
# What stands in place of the policy's decision once a person has decided.
RELEASED: Final = "released"
_DECIDED: Final = {DeliveryEvent.RELEASE: RELEASED, DeliveryEvent.REFUSE: Decision.REFUSE.value}


class DecisionService:
    """Decisions of people about single deliveries."""

    def __init__(self, kit: Kit) -> None:
        self._uow = kit.uow
        self._journal = kit.journal
        self._rules = kit.rules

    async def waiting(self) -> tuple[Offer, ...]:
        """Return the deliveries that wait for a person, oldest first."""
        async with self._uow.read() as query:
            return await query.deliveries.in_state(DeliveryState.HELD, limit=LISTED_MOST)

    async def release(self, delivery_id: UUID, *, by: str, reason: str) -> DeliveryRecord:
        """Let a held delivery go to its recipient.

        Raises:
            Refusal: `delivery_unknown`, `reason_missing`.
            IllegalTransition: it is not held (`delivery_not_open`, `delivery_ended`).
        """
        return await self._move(delivery_id, DeliveryEvent.RELEASE, EventKind.DELIVERY_RELEASED, by, reason)

    async def refuse(self, delivery_id: UUID, *, by: str, reason: str) -> DeliveryRecord:
        """End a held delivery: its sender sees it as refused, with the reason. Raises as `release`."""
        return await self._move(delivery_id, DeliveryEvent.REFUSE, EventKind.DELIVERY_REFUSED, by, reason)

    async def resend(self, delivery_id: UUID, *, by: str, reason: str) -> DeliveryRecord:
        """Offer a rejected or undeliverable delivery again, under the same id. Raises as `release`."""
        async with self._uow.begin() as tx:
            delivery, document, now = await self._locked(tx, delivery_id, reason)
            event = resend_event(delivery.state, hold_unreleased=delivery.decision == Decision.HOLD.value)
            limits = deadlines_for(document.priority, now, allowances=self._rules.deadlines)
            moved = replace(
                delivery,
                state=advance(delivery.state, event),
                alert_at=limits.alert_at,
                deadline_at=limits.evidence_at,
                ended_at=None,
                attempts=0,
            )
            await self._record(tx, moved, EventKind.DELIVERY_RESENT, _words(by, reason), now)
            return moved

    async def _move(
        self, delivery_id: UUID, event: DeliveryEvent, kind: EventKind, by: str, reason: str
    ) -> DeliveryRecord:
        async with self._uow.begin() as tx:
            delivery, _, now = await self._locked(tx, delivery_id, reason)
            if is_repeat(delivery.state, event):
                return delivery
            state = advance(delivery.state, event)
            ended = now if state is DeliveryState.REFUSED else None
            moved = replace(delivery, state=state, ended_at=ended, decision=_DECIDED[event])
            await self._record(tx, moved, kind, _words(by, reason), now)
            return moved

    async def _locked(
        self, tx: Transaction, delivery_id: UUID, reason: str
    ) -> tuple[DeliveryRecord, DocumentRecord, datetime]:
        if not reason.strip():
            raise Refusal("reason_missing")
        locked = await tx.deliveries.lock(delivery_id)
        if locked is None:
            raise Refusal("delivery_unknown")
        delivery, now = locked
        document = await tx.documents.get(delivery.document_id)
        if document is None or not document.body_kept:
            raise Refusal("delivery_unknown")
        return delivery, document, now

    async def _record(
        self, tx: Transaction, moved: DeliveryRecord, kind: EventKind, words: str, now: datetime
    ) -> None:
        event = self._journal.delivery(kind, moved, at=now, reason=words)
        ready = moved.state is DeliveryState.QUEUED
        hints = [Hint(topic="inbox", ref=moved.system_id)] if ready else []
        await tx.record(Change(deliveries=[moved], events=[event], hints=hints))


def _words(by: str, reason: str) -> str:
    return f"{by.strip()}: {reason.strip()}"
