"""Records turned into what the REST interface shows."""

from __future__ import annotations

import orjson

from hub.domain.deadlines import Lane
from hub.ports.records import AttachmentRecord, DeliveryRecord, DocumentRecord, EventRow, Offer
from hub.services.follow import Followed, TimelineEntry
from hub.web.models import (
    AcceptanceOut,
    AttachmentOut,
    DeliveryOut,
    DocumentOut,
    EventOut,
    RecipientOut,
)


def attachments(records: tuple[AttachmentRecord, ...]) -> list[AttachmentOut]:
    """Return the attachments of a document."""
    return [
        AttachmentOut(index=a.index, name=a.name, media_type=a.media_type, size=a.size, sha256=a.sha256.hex())
        for a in records
    ]


def acceptance(delivery: DeliveryRecord) -> AcceptanceOut:
    """Return the policy's decision about a delivery."""
    return AcceptanceOut(decision=delivery.decision, reasons=list(delivery.reasons))


def offered(offer: Offer) -> DeliveryOut:
    """Return an offer as it stands in the recipient's inbox."""
    delivery, document, text = offer.delivery, offer.document, offer.text
    return DeliveryOut(
        delivery_id=delivery.id,
        document_id=document.id,
        kind=document.kind.value,
        unit=delivery.unit_id,
        addressed_as=list(delivery.addressed_as),
        from_code=document.from_code,
        from_name=text.from_name,
        document_no=document.document_no,
        code=text.code,
        subject=text.subject,
        type_name=text.type_name,
        doc_type=document.doc_type,
        status_code=document.status_code,
        version_no=document.version_no,
        priority=document.priority,
        urgent=delivery.lane is Lane.URGENT,
        attempts=delivery.attempts,
        size=document.size,
        original_sha256=document.sha256.hex(),
        acceptance=acceptance(delivery),
        attachments=attachments(document.attachments),
        accepted_at=document.accepted_at,
        deadline_at=delivery.deadline_at,
    )


def recipient(delivery: DeliveryRecord) -> RecipientOut:
    """Return one delivery as the sender sees it."""
    return RecipientOut(
        delivery_id=delivery.id,
        unit=delivery.unit_id,
        addressed_as=list(delivery.addressed_as),
        state=delivery.state.value,
        business_state=None if delivery.business_state is None else delivery.business_state.value,
        acceptance=acceptance(delivery),
        attempts=delivery.attempts,
        handed_over_at=delivery.handed_over_at,
        ended_at=delivery.ended_at,
        deadline_at=delivery.deadline_at,
        request_id=delivery.request_id,
        redirected_from=delivery.redirected_from,
    )


def followed(found: Followed) -> DocumentOut:
    """Return a document and where its deliveries stand."""
    document: DocumentRecord = found.document
    return DocumentOut(
        document_id=document.id,
        kind=document.kind.value,
        from_code=document.from_code,
        document_no=document.document_no,
        code=found.text.code,
        subject=found.text.subject,
        doc_type=document.doc_type,
        status_code=document.status_code,
        version_no=document.version_no,
        priority=document.priority,
        sha256=document.sha256.hex(),
        size=document.size,
        dialect=document.dialect,
        repaired=document.needs_repair,
        rendition_sha256=None if document.rendition is None else document.rendition.sha256.hex(),
        indication=document.indication,
        attachments=attachments(document.attachments),
        refers_to=document.refers_to,
        accepted_at=document.accepted_at,
        deliveries=[recipient(d) for d in found.deliveries],
    )


def event(row: EventRow, reason: str | None = None) -> EventOut:
    """Return an event with the data of its canonical body."""
    data: dict[str, object] = orjson.loads(row.body)["data"]
    return EventOut(
        event_id=row.id,
        seq=row.seq,
        kind=row.kind,
        document_id=row.document_id,
        delivery_id=row.delivery_id,
        unit=row.unit_id,
        at=row.at,
        data=data,
        reason=reason,
    )


def timeline_entry(entry: TimelineEntry) -> EventOut:
    """Return an event of a timeline."""
    return event(entry.event, entry.reason)
