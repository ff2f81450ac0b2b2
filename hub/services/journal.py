"""Makes the events that go with state changes, and keeps the words of people out of them.

An event's body holds ids, codes, digests and words of closed lists only, so that it can outlive the
document's body. A reason given by a person goes to an erasable row; the event holds its digest under
that row's salt.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from hub.domain.events import (
    EventKind,
    EventRecord,
    EventValue,
    canonical_body,
    code_or_digest,
    salted_digest,
)
from hub.domain.ids import Uuid7Factory
from hub.ports.records import DeliveryRecord, DocumentRecord, NewEvent

SALT_BYTES: Final = 16
Facts = Mapping[str, EventValue]


class Journal:
    """Writes events about documents and deliveries."""

    def __init__(self, ids: Uuid7Factory) -> None:
        self._ids = ids

    def document(self, kind: EventKind, document: DocumentRecord, *, at: datetime, facts: Facts) -> NewEvent:
        """Return an event about a document as a whole."""
        event_id = self._ids.new()
        record = EventRecord(
            event_id=event_id,
            kind=kind,
            at=at,
            document_id=document.id,
            data={
                "from_unit": code_or_digest(document.from_unit),
                "sha256": document.sha256.hex(),
                **facts,
            },
        )
        return NewEvent(
            id=event_id,
            kind=kind.value,
            document_id=document.id,
            system_id=document.system_id,
            unit_id=document.from_unit,
            body=canonical_body(record),
            at=at,
        )

    def delivery(
        self,
        kind: EventKind,
        delivery: DeliveryRecord,
        *,
        at: datetime,
        facts: Facts | None = None,
        reason: str | None = None,
    ) -> NewEvent:
        """Return an event about one delivery, in its state after the change."""
        event_id = self._ids.new()
        salt = secrets.token_bytes(SALT_BYTES) if reason is not None else b""
        data: dict[str, EventValue] = {
            "unit": code_or_digest(delivery.unit_id),
            "state": delivery.state.value,
            **(facts or {}),
        }
        if reason is not None:
            data["reason_digest"] = salted_digest(salt, reason)
        record = EventRecord(
            event_id=event_id,
            kind=kind,
            at=at,
            document_id=delivery.document_id,
            delivery_id=delivery.id,
            data=data,
        )
        return NewEvent(
            id=event_id,
            kind=kind.value,
            document_id=delivery.document_id,
            delivery_id=delivery.id,
            system_id=delivery.system_id,
            unit_id=delivery.unit_id,
            body=canonical_body(record),
            at=at,
            reason=reason,
            salt=salt,
        )
