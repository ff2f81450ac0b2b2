"""What a status message or a change of a document does to the business state of its target.

The business state lives on the delivery of the document concerned, one per recipient unit, apart from
the transport state. An illegal or repeated move is recorded with its effect and never applied.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

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
from hub.ports.unit_of_work import Transaction
from hub.services.journal import Journal

RECALL: Final = StatusCode.RECALL_REQUESTED.value
ANSWERS: Final = frozenset({StatusCode.CHANGE_AGREED.value, StatusCode.CHANGE_DECLINED.value})
KIND_OF: Final = {
    Effect.APPLIED: EventKind.STATUS_APPLIED,
    Effect.REPEATED: EventKind.STATUS_REPEATED,
    Effect.REGRESSION: EventKind.STATUS_REGRESSION,
    Effect.ILLEGAL: EventKind.STATUS_ILLEGAL,
}


def sent_by_owner(document: DocumentRecord) -> bool:
    """Tell whether a message comes from the unit that sent the document it refers to.

    Documents of type 1–3 and recalls (13) do; every other status comes from a recipient.
    """
    return document.status_code is None or document.status_code == RECALL


async def effects_of(
    tx: Transaction, journal: Journal, message: DocumentRecord, units: Collection[str], *, at: datetime
) -> tuple[list[DeliveryRecord], list[NewEvent]]:
    """Return the deliveries that `message` refers to, locked and moved, with their events, to be recorded.

    Args:
        message: the status, or the document of type 1–3, with `refers_to` set.
        units: the recipient units that it concerns.
    """
    if message.refers_to is None:
        return [], []
    changed: list[DeliveryRecord] = []
    events: list[NewEvent] = []
    for delivery in await tx.deliveries.lock_of_units(message.refers_to, units):
        outcome = _outcome(delivery, message)
        moved = replace(
            delivery, business_state=outcome.view.state, business_before=outcome.view.before_recall
        )
        facts: dict[str, EventValue] = {
            "effect": outcome.effect.value,
            "business_state": outcome.view.state.value,
            "related": message.id,
        }
        if message.status_code is not None:
            facts["status_code"] = message.status_code
        kind = KIND_OF[outcome.effect] if message.status_code is not None else EventKind.CHANGE_REQUESTED
        changed.append(moved)
        events.append(journal.delivery(kind, moved, at=at, facts=facts))
    return changed, events


def _outcome(delivery: DeliveryRecord, message: DocumentRecord) -> StatusOutcome:
    view = BusinessView(
        state=delivery.business_state or BusinessState.SENT, before_recall=delivery.business_before
    )
    if message.status_code is not None:
        return apply_status(view, StatusCode(message.status_code))
    return apply_change(view, message.doc_type or 0)
