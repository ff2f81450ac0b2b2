"""Statements of the hub about a document or delivery, sealed by its own key: made for the sender, never taken
back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hub.domain.jcs import Json, canonical_json
from hub.domain.times import rfc3339
from hub.ports.records import DeliveryRecord, DocumentRecord, EvidenceRow
from hub.services.kit import Kit


def non_delivery(
    kit: Kit, document: DocumentRecord, delivery: DeliveryRecord, reason: str, *, at: datetime
) -> EvidenceRow:
    """Return the statement that a delivery has ended without reaching its recipient."""
    return _of_delivery(kit, "non_delivery", document, delivery, {"reason": reason}, at=at)


def withdrawal(kit: Kit, document: DocumentRecord, delivery: DeliveryRecord, *, at: datetime) -> EvidenceRow:
    """Return the statement that a recalled delivery ended before its body was sent."""
    return _of_delivery(kit, "withdrawal", document, delivery, {"body_sent": False}, at=at)


def refusal(
    kit: Kit, document: DocumentRecord, delivery: DeliveryRecord, reason: str, *, at: datetime
) -> EvidenceRow:
    """Return the statement that a delivery is kept from its recipient: by policy, or by a person."""
    return _of_delivery(kit, "refusal", document, delivery, {"reason": reason}, at=at)


def redirection(
    kit: Kit, document: DocumentRecord, old: DeliveryRecord, new: DeliveryRecord, *, at: datetime
) -> EvidenceRow:
    """Return the statement that a delivery goes to another unit than the one addressed."""
    stated: dict[str, Json] = {
        "redirected_to": new.unit_id,
        "redirected_delivery_id": str(new.id),
        # By a lease the first recipient may have fetched it before.
        "body_may_have_been_sent": old.lease_token > 0,
    }
    return _of_delivery(kit, "redirect", document, old, stated, at=at)


def unreachable(
    kit: Kit, document: DocumentRecord, recipient: str, reason: str, *, at: datetime
) -> EvidenceRow:
    """Return the statement that a document could not be routed to one of its recipients."""
    stated: dict[str, Json] = {"recipient": recipient, "reason": reason}
    return _sealed(kit, "non_delivery", document, None, stated, at=at)


def _of_delivery(
    kit: Kit,
    kind: str,
    document: DocumentRecord,
    delivery: DeliveryRecord,
    stated: Mapping[str, Json],
    *,
    at: datetime,
) -> EvidenceRow:
    facts: dict[str, Json] = {
        "delivery_id": str(delivery.id),
        "recipient": delivery.unit_id,
        **stated,
    }
    return _sealed(kit, kind, document, delivery, facts, at=at)


def _sealed(
    kit: Kit,
    kind: str,
    document: DocumentRecord,
    delivery: DeliveryRecord | None,
    facts: Mapping[str, Json],
    *,
    at: datetime,
) -> EvidenceRow:
    body = _body(kit.hub_code, kind, document, facts, at=at)
    return EvidenceRow(
        id=kit.ids.new(),
        document_id=document.id,
        delivery_id=None if delivery is None else delivery.id,
        kind=kind,
        body=kit.sealer.seal(body).encode(),
    )


def _body(
    hub_code: str, kind: str, document: DocumentRecord, facts: Mapping[str, Json], *, at: datetime
) -> bytes:
    """Return the canonical JSON of a statement by the hub about a document."""
    return canonical_json(
        {
            "version": 1,
            "kind": kind,
            "hub": hub_code,
            "document_id": str(document.id),
            "document_no": document.document_no,
            "from": document.from_code,
            "sha256": document.sha256.hex(),
            "at": rfc3339(at),
            **facts,
        }
    )
