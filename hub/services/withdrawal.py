"""Withdrawal: a delivery whose body has not left the hub ends here, with evidence for its sender.

Used by the recall call and by a recall message (status 13) alike. The rows must be locked by the caller, so
that nobody leases what is being withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from hub.domain.events import EventKind
from hub.domain.transport import DeliveryEvent, advance, may_withdraw
from hub.ports.records import Change, DeliveryRecord, DocumentRecord
from hub.services.evidence import withdrawal
from hub.services.kit import Kit


def withdrawable(
    rows: Iterable[DeliveryRecord], *, of_document: Iterable[DeliveryRecord]
) -> list[DeliveryRecord]:
    """Return the deliveries whose body has surely not left: a lease counts as having left.

    `of_document` are all deliveries of the documents concerned. A system that took the document for one of
    its units has it for all of them: a connection centre serves every unit named in it from one package.
    """
    have_it = {(d.document_id, d.system_id) for d in of_document if d.lease_token > 0}
    return [
        row
        for row in rows
        if may_withdraw(row.state, body_may_have_left=(row.document_id, row.system_id) in have_it)
    ]


def withdraw(
    kit: Kit, document: DocumentRecord, rows: Sequence[DeliveryRecord], *, reason: str, now: datetime
) -> Change:
    """Return the change that ends these deliveries of a document; no status is invented for them."""
    ended = [replace(row, state=advance(row.state, DeliveryEvent.WITHDRAW), ended_at=now) for row in rows]
    evidence = [withdrawal(kit, document, row, at=now) for row in ended]
    events = [
        kit.journal.delivery(
            EventKind.DELIVERY_WITHDRAWN, row, at=now, facts={"related": statement.id}, reason=reason
        )
        for row, statement in zip(ended, evidence, strict=True)
    ]
    return Change(deliveries=ended, events=events, evidence=evidence)
