"""What a person of the province decides about a delivery: release, refuse, send again, redirect.

A held delivery waits for a person; its deadline runs meanwhile. Who decided and why is on record: the
reason in an erasable row, its digest in the event. A delivery that was rejected or given up can be sent
again under the same id, in a new series of attempts and with new deadlines; one that was held and never
released goes back to the hold, so that a passed deadline is no way around it.

A delivery that is the business of another unit is redirected: it ends, and the other unit gets a delivery of
its own, linked to it, verified and judged by its own policy. The recipient's system may do that too, for
what is addressed to it. The sender gets evidence of it signed by the hub. [design section 5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.domain.acceptance import Decision
from hub.domain.business import BusinessState
from hub.domain.deadlines import deadlines_for
from hub.domain.directory import Directory, RoutedUnit
from hub.domain.events import EventKind
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.domain.transport import (
    DeliveryEvent,
    DeliveryState,
    advance,
    is_repeat,
    resend_event,
)
from hub.ports.records import (
    Change,
    DeliveryRecord,
    DocumentRecord,
    EvidenceRow,
    Hint,
    Offer,
)
from hub.ports.unit_of_work import Transaction
from hub.services.added_delivery import added_delivery, hint_at, verify_task
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.evidence import redirection, refusal
from hub.services.illegal_moves import IllegalMoves
from hub.services.kit import Kit

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
LISTED_MOST: Final = 500
# What stands in place of the policy's decision once a person has decided.
RELEASED: Final = "released"
# Deliveries in these states gave their unit nothing, and never will.
_HAD_NONE: Final = frozenset({DeliveryState.WITHDRAWN, DeliveryState.REDIRECTED})
_DECIDED: Final = {DeliveryEvent.RELEASE: RELEASED, DeliveryEvent.REFUSE: Decision.REFUSE.value}


class DecisionService:
    """Decisions of people about single deliveries."""

    def __init__(self, kit: Kit, directory: DirectorySnapshot) -> None:
        self._kit = kit
        self._directory = directory
        self._illegal = IllegalMoves(kit)
        self._uow = kit.uow
        self._journal = kit.journal
        self._rules = kit.rules

    async def waiting(self) -> tuple[Offer, ...]:
        """Return the deliveries that wait for a person, oldest first."""
        async with self._uow.read() as query:
            return await query.deliveries.held(limit=LISTED_MOST)

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
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
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

    async def redirect(
        self, delivery_id: UUID, *, to: str, by: str, reason: str, system_id: UUID | None = None
    ) -> DeliveryRecord:
        """Send a delivery on to another unit and return that unit's; its own policy decides about it.

        Possible where nobody holds the delivery, and also after the recipient has refused the document by
        status 02: then its own delivery stays confirmed.

        Args:
            to: any code of the other unit; a retired one leads to its successor.
            system_id: the system that asks, which may redirect what is its own; None for the province.

        Raises:
            Refusal: `delivery_unknown`, `reason_missing`, `redirect_pointless` (it has the document
                already), and what routing refuses (`recipient_unknown`, `recipient_locked` …).
            IllegalTransition: somebody holds it, or it has ended for good.
        """
        directory = await self._directory.current()
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, document, now = await self._locked(tx, delivery_id, reason)
            if system_id not in (None, delivery.system_id) or document.kind is MessageKind.STATUS:
                raise Refusal("delivery_unknown")
            # The sender knows the delivery by the codes that it wrote.
            unit = replace(_routed(directory, to, now), addressed_as=delivery.addressed_as)
            others = await tx.deliveries.of_document(document.id)
            if any(d.unit_id == unit.unit_id and d.state not in _HAD_NONE for d in others):
                raise Refusal("redirect_pointless", params={"agency": unit.unit_id})
            ended = delivery if _was_sent_back(delivery) else _ended(delivery, now)
            made = added_delivery(self._kit, document, unit, now=now, redirected_from=delivery.id)
            statement = redirection(self._kit, document, delivery, made, at=now)
            task = verify_task(self._kit, document)
            told = self._journal.delivery(
                EventKind.DELIVERY_REDIRECTED,
                ended,
                at=now,
                facts={"redirected_to": made.id, "to_unit": made.unit_id, "related": statement.id},
                reason=_words(by, reason),
            )
            added = self._journal.delivery(
                EventKind.DELIVERY_ADDED, made, at=now, facts={"redirected_from": delivery.id}
            )
            await tx.record(
                Change(
                    deliveries=[ended],
                    made=[made],
                    events=[told, added],
                    evidence=[statement],
                    tasks=[task],
                    hints=[hint_at(task)],
                )
            )
            return made

    async def _move(
        self, delivery_id: UUID, event: DeliveryEvent, kind: EventKind, by: str, reason: str
    ) -> DeliveryRecord:
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, document, now = await self._locked(tx, delivery_id, reason)
            if is_repeat(delivery.state, event):
                return delivery
            state = advance(delivery.state, event)
            ended = now if state is DeliveryState.REFUSED else None
            moved = replace(delivery, state=state, ended_at=ended, decision=_DECIDED[event])
            refused = state is DeliveryState.REFUSED
            statement = [refusal(self._kit, document, moved, "by_person", at=now)] if refused else []
            await self._record(tx, moved, kind, _words(by, reason), now, statement)
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
        self,
        tx: Transaction,
        moved: DeliveryRecord,
        kind: EventKind,
        words: str,
        now: datetime,
        evidence: Sequence[EvidenceRow] = (),
    ) -> None:
        event = self._journal.delivery(kind, moved, at=now, reason=words)
        ready = moved.state is DeliveryState.QUEUED
        hints = [Hint(topic="inbox", ref=moved.system_id)] if ready else []
        await tx.record(Change(deliveries=[moved], events=[event], hints=hints, evidence=evidence))


def _routed(directory: Directory, code: str, now: datetime) -> RoutedUnit:
    resolution = directory.resolve([code], today=now.astimezone(VIETNAM).date(), relay=False)
    if not resolution.units:
        raise Refusal(resolution.results[0].reason or "recipient_unknown", params={"agency": code})
    return resolution.units[0]


def _was_sent_back(delivery: DeliveryRecord) -> bool:
    return delivery.state is DeliveryState.CONFIRMED and delivery.business_state is BusinessState.REFUSED


def _ended(delivery: DeliveryRecord, now: datetime) -> DeliveryRecord:
    return replace(delivery, state=advance(delivery.state, DeliveryEvent.REDIRECT), ended_at=now)


def _words(by: str, reason: str) -> str:
    return f"{by.strip()}: {reason.strip()}"
