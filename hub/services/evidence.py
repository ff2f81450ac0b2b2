"""Statements of the hub about a delivery, sealed by its own key: made for the sender, never taken back."""

from __future__ import annotations

from datetime import datetime

from hub.domain.jcs import Json
from hub.ports.records import DeliveryRecord, DocumentRecord, EvidenceRow
from hub.services.intake_commit import evidence_body
from hub.services.kit import Kit


def non_delivery(
    kit: Kit, document: DocumentRecord, delivery: DeliveryRecord, reason: str, *, at: datetime
) -> EvidenceRow:
    """Return the statement that a delivery has ended without reaching its recipient."""
    facts: dict[str, Json] = {
        "delivery_id": str(delivery.id),
        "recipient": delivery.unit_id,
        "reason": reason,
    }
    body = evidence_body(kit.hub_code, "non_delivery", document, facts, at=at)
    return EvidenceRow(
        id=kit.ids.new(),
        document_id=document.id,
        delivery_id=delivery.id,
        kind="non_delivery",
        body=kit.sealer.seal(body).encode(),
    )
