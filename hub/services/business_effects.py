"""What a status message or a change of a document does to the business state of its target.

The business state lives on the delivery of the document concerned, one per recipient unit, apart from
the transport state. An illegal or repeated move is recorded with its effect and never applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.business import (
    BusinessState,
    BusinessView,
    Effect,
    StatusCode,
    StatusOutcome,
    apply_change,
    apply_status,
)
from hub.domain.events import EventKind, EventValue
from hub.ports.records import DeliveryRecord, DocumentRecord, NewEvent
from hub.services.journal import Journal

RECALL: Final = StatusCode.RECALL_REQUESTED.value
ANSWERS: Final = frozenset({StatusCode.CHANGE_AGREED.value, StatusCode.CHANGE_DECLINED.value})
KIND_OF: Final = {
    Effect.APPLIED: EventKind.STATUS_APPLIED,
    Effect.REPEATED: EventKind.STATUS_REPEATED,
    Effect.REGRESSION: EventKind.STATUS_REGRESSION,
    Effect.ILLEGAL: EventKind.STATUS_ILLEGAL,
}
_CHANGE: Final = ("new", "revoke", "update", "replace")
_REQUESTS: Final = frozenset({Effect.APPLIED, Effect.REPEATED})


def sent_by_owner(document: DocumentRecord) -> bool:
    """Tell whether a message comes from the unit that sent the document it refers to.

    Documents of type 1–3 and recalls (13) do; every other status comes from a recipient.
    """
    return document.status_code is None or document.status_code == RECALL


def effects_of(
    journal: Journal,
    message: DocumentRecord,
    rows: Sequence[DeliveryRecord],
    *,
    requests: Mapping[UUID, int],
    at: datetime,
) -> tuple[list[DeliveryRecord], list[NewEvent]]:
    """Return the deliveries that `message` is about, moved, with their events, to be recorded.

    Args:
        message: the status, or the document of type 1–3.
        rows: the deliveries of what it refers to, locked.
        requests: for a document, by delivery, the type of change that it asks for there.
    """
    changed: list[DeliveryRecord] = []
    events: list[NewEvent] = []
    for delivery in rows:
        outcome = _outcome(delivery, message, requests.get(delivery.id, 0))
        asks = sent_by_owner(message) and outcome.effect in _REQUESTS
        moved = replace(
            delivery,
            business_state=outcome.view.state,
            business_before=outcome.view.before_recall,
            request_id=message.id if asks else delivery.request_id,
        )
        facts: dict[str, EventValue] = {
            "effect": outcome.effect.value,
            "business_state": outcome.view.state.value,
            "related": message.id,
        }
        if message.status_code is not None:
            facts["status_code"] = message.status_code
        else:
            facts["change"] = _CHANGE[message.doc_type or 0]
        kind = KIND_OF[outcome.effect] if message.status_code is not None else EventKind.CHANGE_REQUESTED
        changed.append(moved)
        events.append(journal.delivery(kind, moved, at=at, facts=facts))
    return changed, events


def _outcome(delivery: DeliveryRecord, message: DocumentRecord, request: int) -> StatusOutcome:
    view = BusinessView(
        state=delivery.business_state or BusinessState.SENT, before_recall=delivery.business_before
    )
    if message.status_code is not None:
        return apply_status(view, StatusCode(message.status_code))
    return apply_change(view, request)
