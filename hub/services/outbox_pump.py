"""The outbox pump: publishes hints and deletes them once they are confirmed.

A batch is locked (SKIP LOCKED, so nodes share the work), published with confirms and deleted, all before
the transaction ends. A node that dies in between leaves the rows: they are published again, and a hint
too many is dropped by whoever finds its row not due. Wake-ups of inboxes leave as one NOTIFY per batch.
"""

from __future__ import annotations

from typing import Final

from hub.observability.failpoints import Failpoints
from hub.ports.broker import Broker
from hub.ports.unit_of_work import UnitOfWork

BATCH: Final = 200
INBOX_TOPIC: Final = "inbox"


class OutboxPump:
    """Moves hints from the outbox to the broker."""

    def __init__(self, uow: UnitOfWork, broker: Broker, failpoints: Failpoints) -> None:
        self._uow = uow
        self._broker = broker
        self._failpoints = failpoints

    async def pump(self) -> int:
        """Publish one batch and return its size; raises BrokerUnavailable, and the rows stay."""
        async with self._uow.begin() as tx:
            rows = await tx.outbox.take(BATCH)
            if not rows:
                return 0
            inboxes = {row.hint.ref for row in rows if row.hint.topic == INBOX_TOPIC}
            hints = [row.hint for row in rows if row.hint.topic != INBOX_TOPIC]
            if hints:
                await self._broker.publish(hints)
            if inboxes:
                await tx.outbox.notify(sorted(inboxes))
            self._failpoints.hit("after_publish_before_delete")
            await tx.outbox.delete([row.id for row in rows])
        return len(rows)
