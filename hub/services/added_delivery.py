"""One more delivery of a document that was accepted before: redirected, handed on, brought again for others.

It begins where every delivery begins, with deadlines of its own; the verification that it comes with looks at
what waits and leaves the other deliveries of the document as they are.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hub.domain.business import BusinessState
from hub.domain.deadlines import deadlines_for
from hub.domain.directory import RoutedUnit
from hub.domain.transport import FIRST_STATE_OF_DOCUMENT
from hub.ports.records import DeliveryRecord, DocumentRecord, Hint, NewTask
from hub.services.intake_commit import VERIFY
from hub.services.kit import Kit


def added_delivery(
    kit: Kit,
    document: DocumentRecord,
    unit: RoutedUnit,
    *,
    now: datetime,
    redirected_from: UUID | None = None,
) -> DeliveryRecord:
    """Return a new delivery of a document to a unit."""
    limits = deadlines_for(document.priority, now, allowances=kit.rules.deadlines)
    return DeliveryRecord(
        id=kit.ids.new(),
        document_id=document.id,
        kind=document.kind,
        unit_id=unit.unit_id,
        system_id=unit.system_id,
        addressed_as=unit.addressed_as,
        state=FIRST_STATE_OF_DOCUMENT,
        lane=document.lane,
        created_at=now,
        alert_at=limits.alert_at,
        deadline_at=limits.evidence_at,
        business_state=BusinessState.SENT,
        redirected_from=redirected_from,
    )


def verify_task(kit: Kit, document: DocumentRecord) -> NewTask:
    """Return the task that verifies a document for the deliveries that wait for it."""
    return NewTask(id=kit.ids.new(), kind=VERIFY, lane=document.lane, document_id=document.id)


def hint_at(task: NewTask) -> Hint:
    """Return the hint at a task."""
    return Hint(topic=f"{task.kind}.{task.lane}", ref=task.id)
