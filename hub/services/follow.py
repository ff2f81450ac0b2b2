"""Following a document: where it stands, its timeline, its evidence, for those whom it concerns.

A document is visible to the system that sent it and to the systems of its recipients. The sender sees
every delivery; a recipient sees its own only. To everybody else the document does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.events import EventKind
from hub.domain.problems import Refusal
from hub.domain.transport import DeliveryState
from hub.ports.blobs import BlobStore
from hub.ports.records import (
    DeliveryRecord,
    DocumentRecord,
    DocumentText,
    EventRow,
    EvidenceRow,
    ReportRow,
)
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.access import Caller

OFFERED_STATES: Final = frozenset(
    {
        DeliveryState.QUEUED,
        DeliveryState.LEASED,
        DeliveryState.HANDED_OVER,
        DeliveryState.CONFIRMED,
        DeliveryState.REJECTED,
    }
)

# Their words come from machines and are about machines.
_TECHNICAL: Final = frozenset({EventKind.DELIVERY_ATTEMPT_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A document with those of its deliveries that the caller may see."""

    document: DocumentRecord
    text: DocumentText
    deliveries: tuple[DeliveryRecord, ...]
    by_sender: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """An event, with the reason that a person gave, unless it was erased."""

    event: EventRow
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """The signature reports of a document: the newest, and those before.

    `looked_at_again` is when an open verdict is next asked for; None if all are final, or given up.
    """

    document: DocumentRecord
    newest: tuple[ReportRow, ...]
    earlier: tuple[ReportRow, ...]
    looked_at_again: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How much of the log one call looks through: so many stretches of so many events."""

    stretch: int = 5_000
    stretches: int = 20


DEFAULT_REACH: Final = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAfter:
    """A piece of the log as one system sees it, the cursor after it, and whether there is more by now."""

    events: tuple[EventRow, ...]
    following: int
    more: bool


class FollowService:
    """Answers questions about accepted documents."""

    def __init__(self, uow: UnitOfWork, blobs: BlobStore, reach: Reach = DEFAULT_REACH) -> None:
        """Answer from rows and blobs; `reach` is how much of the log one call looks through."""
        self._reach = reach
        self._uow = uow
        self._blobs = blobs

    async def document(self, caller: Caller, document_id: UUID) -> Followed:
        """Return a document; raises Refusal `document_unknown` if it does not concern the caller."""
        async with self._uow.read() as query:
            return await self._visible(query, caller, document_id)

    async def receipt(self, caller: Caller, document_id: UUID) -> bytes:
        """Return the receipt, byte for byte, to the sender; raises Refusal `document_unknown`."""
        async with self._uow.read() as query:
            followed = await self._visible(query, caller, document_id)
            receipt = await query.documents.receipt(document_id)
        if receipt is None or not followed.by_sender:
            raise Refusal("document_unknown")
        return receipt

    async def timeline(self, caller: Caller, document_id: UUID) -> tuple[TimelineEntry, ...]:
        """Return what happened to a document, oldest first; a recipient sees no other recipient's part.

        What a recipient's system or the network to it said when a hand-over failed (addresses, pieces of its
        answers) is that system's own business: the sender sees the code alone.
        """
        async with self._uow.read() as query:
            followed = await self._visible(query, caller, document_id)
            events = await query.events.of_document(document_id)
            reasons = await query.events.reasons(document_id)
        shown = {d.id for d in followed.deliveries}
        own = {d.id for d in followed.deliveries if d.system_id == caller.system_id}

        def reason(event: EventRow) -> str | None:
            hidden = event.kind in _TECHNICAL and event.delivery_id not in own
            return None if hidden else reasons.get(event.id)

        return tuple(
            TimelineEntry(event=event, reason=reason(event))
            for event in events
            if followed.by_sender or event.delivery_id in shown or _is_of_document(event)
        )

    async def reports(self, caller: Caller, document_id: UUID) -> Reports:
        """Return the signature reports of a document's attachments, in all versions."""
        async with self._uow.read() as query:
            followed = await self._visible(query, caller, document_id)
            return Reports(
                document=followed.document,
                newest=await query.documents.reports(document_id),
                earlier=await query.documents.earlier_reports(document_id),
                looked_at_again=await query.tasks.due_at(document_id),
            )

    async def evidence(self, caller: Caller, document_id: UUID) -> tuple[EvidenceRow, ...]:
        """Return the hub's statements about a document; they are made for its sender."""
        async with self._uow.read() as query:
            followed = await self._visible(query, caller, document_id)
            rows = await query.documents.evidence(document_id)
        return rows if followed.by_sender else ()

    async def original(
        self, caller: Caller, document_id: UUID
    ) -> tuple[DocumentRecord, AsyncIterator[bytes]]:
        """Return the bytes as the sender sent them, to the sender.

        A recipient gets them through its inbox, where the hand-over is on record.
        """
        followed = await self.document(caller, document_id)
        if not followed.by_sender or not followed.document.body_kept:
            raise Refusal("document_unknown")
        document = followed.document
        return document, self._blobs.read(document.blob_id, sha256=document.sha256)

    async def events_after(self, caller: Caller, cursor: int, *, limit: int) -> EventsAfter:
        """Return numbered events about the caller's documents and deliveries, and the next cursor.

        The next cursor lies past everything that was looked at, also where nothing concerned the caller. A
        call looks at a bounded piece of the log, a stretch at a time: a system that begins to follow after
        years, and whose own events are few, comes to the end in some calls and never runs into a time limit.
        """
        found: list[EventRow] = []
        async with self._uow.read() as query:
            head = await query.events.head()
            looked_at = cursor
            for _ in range(self._reach.stretches):
                if looked_at >= head or len(found) >= limit:
                    break
                until = min(head, looked_at + self._reach.stretch)
                found += await query.events.among(
                    looked_at,
                    until,
                    system_id=caller.system_id,
                    offered=OFFERED_STATES,
                    limit=limit - len(found),
                )
                looked_at = until
        last = found[-1].seq if len(found) >= limit else None
        following = looked_at if last is None else last
        return EventsAfter(events=tuple(found), following=following, more=following < head)

    async def _visible(self, query: Transaction, caller: Caller, document_id: UUID) -> Followed:
        # Deliveries first: what has been decided about them stands in the document by the time it is read.
        deliveries = await query.deliveries.of_document(document_id)
        document = await query.documents.get(document_id)
        if document is None:
            raise Refusal("document_unknown")
        by_sender = document.system_id == caller.system_id
        if not by_sender:
            deliveries = tuple(d for d in deliveries if d.system_id == caller.system_id and _may_know(d))
            if not deliveries:
                raise Refusal("document_unknown")
        text = await query.documents.text(document_id)
        return Followed(
            document=document,
            text=text or DocumentText(salt=b""),
            deliveries=deliveries,
            by_sender=by_sender,
        )


def _is_of_document(event: EventRow) -> bool:
    # Who else could not be reached is the sender's business alone.
    return event.delivery_id is None and event.kind != EventKind.RECIPIENT_UNDELIVERABLE.value


def _may_know(delivery: DeliveryRecord) -> bool:
    # What was held back, refused or withdrawn before it left the hub, its recipient never got to know.
    return delivery.state in OFFERED_STATES or delivery.lease_token > 0
