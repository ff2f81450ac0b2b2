"""The recipient's side: offers, lease, content, confirm, reject.

A delivery is offered until the recipient's system confirms it, always under the same delivery id:

    queued ──lease──▶ leased ──content sent──▶ handed_over ──confirm──▶ confirmed
      ▲                 │                          │
      └── lease ran out, or released by failure ───┘──reject──▶ rejected

Each lease has a token, raised by one per lease. *Confirm* takes any token that was ever given to this
system for this delivery, and is idempotent: who has the document may always say so, also after its
lease has run out or evidence of non-delivery went out. *Renew* and *reject* need the current token.
If the hub dies after the content was sent and before that was recorded, the lease runs out and the
document is offered again: at least once inside, exactly once confirmed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from hub.domain import leases
from hub.domain.events import EventKind, EventValue
from hub.domain.problems import Refusal
from hub.domain.transport import (
    LEASED_STATES,
    OPEN_STATES,
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    advance,
    is_repeat,
)
from hub.ports.blobs import BlobStore
from hub.ports.records import Change, DeliveryRecord, DocumentRecord, NewEvent, Offer, SystemRecord
from hub.ports.unit_of_work import Transaction
from hub.services.access import Caller
from hub.services.illegal_moves import IllegalMoves
from hub.services.journal import Journal
from hub.services.kit import Kit
from hub.services.quiet_inboxes import QuietInboxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A delivery in the hands of one system until `until`."""

    delivery_id: UUID
    token: int
    until: datetime
    offer_document: DocumentRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The bytes handed over: the original, or the strict rendition for systems that cannot read it."""

    delivery_id: UUID
    document_id: UUID
    sha256: bytes
    size: int
    original_sha256: bytes
    is_rendition: bool
    chunks: AsyncIterator[bytes]


class InboxService:
    """What a recipient system may do with the deliveries addressed to its agencies."""

    def __init__(self, kit: Kit, quiet: QuietInboxes | None = None) -> None:
        """Work on a node; `quiet` remembers which inboxes have nothing in them."""
        self._quiet = quiet
        self._uow = kit.uow
        self._blobs = kit.blobs
        self._journal = kit.journal
        self._illegal = IllegalMoves(kit)
        self._failpoints = kit.failpoints
        self._leases = kit.rules.recipient_leases

    async def offers(self, caller: Caller, *, unit_id: str | None, limit: int) -> tuple[Offer, ...]:
        """Return what the caller may lease now, in the order in which it should be fetched."""
        quiet = self._quiet
        if quiet is not None and await quiet.has_nothing(caller.system_id):
            return ()
        mark = (0, 0) if quiet is None else quiet.mark(caller.system_id)
        async with self._uow.read() as query:
            found = await query.deliveries.offers(caller.system_id, unit_id=unit_id, limit=limit)
        if quiet is not None and unit_id is None and not found:
            quiet.found_nothing(caller.system_id, mark)
        return found

    async def lease(self, caller: Caller, delivery_id: UUID, seconds: int | None) -> Lease:
        """Take a delivery for a while (default 5 minutes, 30 s to 1 h).

        Raises:
            Refusal: `delivery_unknown`, `lease_held` (somebody holds it), `delivery_not_open`,
                `delivery_ended`.
        """
        length = self._length(seconds)
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, now = await self._locked(tx, caller, delivery_id)
            told: list[NewEvent] = []
            if delivery.state in LEASED_STATES:
                if delivery.lease_until is not None and delivery.lease_until > now:
                    raise Refusal("lease_held", params={"until": delivery.lease_until.isoformat()})
                delivery, expired = expire_lease(delivery, now, self._journal)
                told.append(expired)
            if delivery.parked_until is not None:
                raise Refusal("delivery_not_open", params={"state": "parked"})
            if await _must_wait(tx, delivery):
                raise Refusal("delivery_not_open", params={"state": "waiting"})
            changed = replace(
                delivery,
                state=advance(delivery.state, DeliveryEvent.LEASE),
                lease_token=leases.next_token(delivery.lease_token),
                lease_until=now + length,
                attempts=delivery.attempts + 1,
            )
            document = await tx.documents.get(delivery.document_id)
            if document is None:
                raise Refusal("delivery_unknown")
            facts: dict[str, EventValue] = {"lease_token": changed.lease_token}
            told.append(self._journal.delivery(EventKind.DELIVERY_LEASED, changed, at=now, facts=facts))
            await tx.record(Change(deliveries=[changed], events=told))
        return Lease(
            delivery_id=delivery_id,
            token=changed.lease_token,
            until=now + length,
            offer_document=document,
        )

    async def content(self, caller: Caller, delivery_id: UUID, token: int) -> Content:
        """Return the bytes for the holder of the current lease; call `handed_over` when they are sent.

        Raises:
            Refusal: `delivery_unknown`, `lease_lost`, `delivery_ended`.
        """
        async with self._uow.read() as query:
            delivery = await query.deliveries.get(delivery_id)
            if delivery is None or delivery.system_id != caller.system_id:
                raise Refusal("delivery_unknown")
            document = await query.documents.get(delivery.document_id)
        _current_lease(delivery, token)
        if document is None or not document.body_kept:
            raise Refusal("delivery_ended", params={"state": delivery.state.value})
        return content_for(caller.system, delivery_id, document, self._blobs)

    async def handed_over(self, caller: Caller, delivery_id: UUID, token: int) -> None:
        """Record that the whole content was sent. Silent if the lease has changed hands meanwhile."""
        self._failpoints.hit("after_handover_before_record")
        async with self._uow.begin() as tx:
            locked = await tx.deliveries.lock(delivery_id)
            if locked is None:
                return
            delivery, now = locked
            if delivery.system_id != caller.system_id or delivery.lease_token != token:
                return
            if delivery.state is not DeliveryState.LEASED:
                return
            changed = replace(
                delivery, state=advance(delivery.state, DeliveryEvent.HAND_OVER), handed_over_at=now
            )
            facts: dict[str, EventValue] = {"lease_token": token}
            event = self._journal.delivery(EventKind.DELIVERY_HANDED_OVER, changed, at=now, facts=facts)
            await tx.record(Change(deliveries=[changed], events=[event]))

    async def renew(self, caller: Caller, delivery_id: UUID, token: int, seconds: int | None) -> datetime:
        """Prolong the current lease and return its new end. Raises Refusal as `lease`, or `lease_lost`."""
        length = self._length(seconds)
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, now = await self._locked(tx, caller, delivery_id)
            _current_lease(delivery, token)
            until = _not_past_the_deadline(delivery, now + length)
            await tx.record(Change(deliveries=[replace(delivery, lease_until=until)]))
        return until

    async def confirm(self, caller: Caller, delivery_id: UUID, token: int) -> datetime:
        """Record that the recipient has the document; the same answer however often it is said.

        Raises:
            Refusal: `delivery_unknown`, `lease_lost` (no such token was ever given), `delivery_ended`
                (rejected, refused or withdrawn before).
        """
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, now = await self._locked(tx, caller, delivery_id)
            # A delivery belongs to one system for life, so every token up to the current one was given to it.
            given = range(1, delivery.lease_token + 1)
            if leases.token_to_confirm(token, given_to_system=given) is leases.TokenVerdict.LOST:
                raise Refusal("lease_lost")
            if is_repeat(delivery.state, DeliveryEvent.CONFIRM):
                return delivery.ended_at or delivery.created_at
            late = delivery.state in (DeliveryState.UNDELIVERABLE, DeliveryState.REDIRECTED)
            changed = replace(
                delivery,
                state=advance(delivery.state, DeliveryEvent.CONFIRM),
                handed_over_at=delivery.handed_over_at or now,
                ended_at=now,
                lease_until=None,
            )
            kind = EventKind.DELIVERY_CONFIRMED_LATE if late else EventKind.DELIVERY_CONFIRMED
            event = self._journal.delivery(kind, changed, at=now, facts={"lease_token": token})
            await tx.record(Change(deliveries=[changed], events=[event]))
        self._failpoints.hit("after_confirm_before_answer")
        return now

    async def reject(self, caller: Caller, delivery_id: UUID, token: int, reason: str) -> datetime:
        """Give a delivery back for good: it cannot be read or does not belong here.

        This ends the transport; the business refusal of a clerk is status 02. Raises Refusal as
        `renew`, or `reason_missing`.
        """
        if not reason.strip():
            raise Refusal("reason_missing")
        async with self._illegal.on_record(delivery_id), self._uow.begin() as tx:
            delivery, now = await self._locked(tx, caller, delivery_id)
            if is_repeat(delivery.state, DeliveryEvent.REJECT):
                return delivery.ended_at or delivery.created_at
            _current_lease(delivery, token)
            changed = replace(
                delivery,
                state=advance(delivery.state, DeliveryEvent.REJECT),
                ended_at=now,
                lease_until=None,
            )
            event = self._journal.delivery(
                EventKind.DELIVERY_REJECTED,
                changed,
                at=now,
                facts={"lease_token": token},
                reason=reason.strip(),
            )
            await tx.record(Change(deliveries=[changed], events=[event]))
        return now

    def _length(self, seconds: int | None) -> timedelta:
        return leases.lease_length(None if seconds is None else timedelta(seconds=seconds), self._leases)

    async def _locked(
        self, tx: Transaction, caller: Caller, delivery_id: UUID
    ) -> tuple[DeliveryRecord, datetime]:
        locked = await tx.deliveries.lock(delivery_id)
        # A delivery of another system is as unknown as one that does not exist.
        if locked is None or locked[0].system_id != caller.system_id:
            raise Refusal("delivery_unknown")
        return locked


def content_for(
    system: SystemRecord, delivery_id: UUID, document: DocumentRecord, blobs: BlobStore
) -> Content:
    """Return the bytes of a document that is kept, as a system can read them."""
    readable = document.dialect in system.dialects and not document.needs_repair
    if readable or document.rendition is None:
        blob_id, sha256, size = document.blob_id, document.sha256, document.size
    else:
        blob_id, sha256, size = (
            document.rendition.blob_id,
            document.rendition.sha256,
            document.rendition.size,
        )
    return Content(
        delivery_id=delivery_id,
        document_id=document.id,
        sha256=sha256,
        size=size,
        original_sha256=document.sha256,
        is_rendition=blob_id != document.blob_id,
        chunks=blobs.read(blob_id, sha256=sha256),
    )


def expire_lease(
    delivery: DeliveryRecord, now: datetime, journal: Journal
) -> tuple[DeliveryRecord, NewEvent]:
    """Return a delivery whose lease has run out, back in the queue, with the event that says so."""
    changed = replace(delivery, state=advance(delivery.state, DeliveryEvent.LEASE_EXPIRED), lease_until=None)
    facts: dict[str, EventValue] = {"lease_token": delivery.lease_token}
    return changed, journal.delivery(EventKind.LEASE_EXPIRED, changed, at=now, facts=facts)


async def _must_wait(tx: Transaction, delivery: DeliveryRecord) -> bool:
    # As the inbox has it: what refers to another message comes after that one, also for who asks by id.
    if delivery.waits_for is None:
        return False
    first = await tx.deliveries.get(delivery.waits_for)
    return first is None or (first.handed_over_at is None and first.state in OPEN_STATES)


def _current_lease(delivery: DeliveryRecord, token: int) -> None:
    # Who still holds the row may finish, even a little late: the sweeper decides, not the clock.
    if (
        leases.token_to_act(token, current=delivery.lease_token, state=delivery.state)
        is leases.TokenVerdict.VALID
    ):
        return
    if delivery.state in OPEN_STATES:
        raise Refusal("lease_lost")
    raise IllegalTransition(delivery.state, DeliveryEvent.HAND_OVER)


def _not_past_the_deadline(delivery: DeliveryRecord, until: datetime) -> datetime:
    # Renewing without end must not keep the sender from its evidence of non-delivery.
    if delivery.deadline_at is None:
        return until
    return max(delivery.lease_until or delivery.created_at, min(until, delivery.deadline_at))
