"""A message that the exchange brings again: nothing new, or one more of our units.

The exchange makes a package for each recipient. Most of them name all recipients, and the first one serves
them all; some name only their own. Then the message that is known already gets one more delivery, so that it
remains one document with one delivery for each unit. A delivery that comes later is verified as the others
were: the task looks at those that wait and leaves the rest as they are.
"""

from __future__ import annotations

from uuid import UUID

from hub.domain.directory import Resolution
from hub.domain.events import EventKind
from hub.domain.submission import MessageKind
from hub.ports.records import Change, DeliveryRecord, DocumentRecord
from hub.ports.unit_of_work import Transaction
from hub.services.added_delivery import added_delivery, hint_at, verify_task
from hub.services.kit import Kit


async def merge(tx: Transaction, kit: Kit, document_id: UUID, resolution: Resolution) -> bytes:
    """Give a known message to those units that have none of it yet, and return its receipt.

    The receipt is the one given first; `b"{}"` where it is past its keeping. If the process dies here, the
    package is not settled and comes again.
    """
    document = await tx.documents.get(document_id)
    if document is not None and document.kind is MessageKind.DOCUMENT and document.body_kept:
        have = {d.unit_id for d in await tx.deliveries.lock_of_document(document_id)}
        more = [unit for unit in resolution.units if unit.unit_id not in have]
        if more:
            now = await tx.deliveries.hub_time()
            added = [added_delivery(kit, document, unit, now=now) for unit in more]
            await tx.relay.add_deliveries(added)
            await tx.record(_change(kit, document, added))
    return await tx.documents.receipt(document_id) or b"{}"


def _change(kit: Kit, document: DocumentRecord, added: list[DeliveryRecord]) -> Change:
    task = verify_task(kit, document)
    told = [
        kit.journal.delivery(EventKind.DELIVERY_ADDED, delivery, at=delivery.created_at) for delivery in added
    ]
    return Change(events=told, tasks=[task], hints=[hint_at(task)])
