"""Numbered events for outsiders: told to the broker in order, from a cursor in the database, at least once.

A batch is read after the cursor under the cursor's row lock, so one node tells at a time, published with
confirms, and only then the cursor moves: nothing is skipped, and a node that dies in between tells some again
(their ids are the same). While the broker is away the cursor stays and nothing else waits. Without a broker
nobody listens: the cursor follows the head, so that who connects one later is not told the past.

A notice bears ids, codes, digests and words of closed lists, as the events themselves do. Its routing key is
`<agency>.<event>`; an agency's code has dots of its own, so `000.00.01.H09.#` binds all events of one agency
and `#.delivery_confirmed` all of one kind. [design section 4]
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from hub.domain.times import rfc3339
from hub.observability.metrics import Metrics
from hub.ports.broker import EventTeller, Notice
from hub.ports.records import EventRow
from hub.ports.unit_of_work import UnitOfWork

CURSOR: Final = "broker"
BATCH: Final = 200
# What may stand in a routing key; anything else is an agency that cannot be bound to.
_CODE: Final = re.compile(r"[0-9A-Za-z._-]{1,100}")
UNNAMED: Final = "other"


class EventPublisher:
    """Tells events to the broker."""

    def __init__(self, uow: UnitOfWork, teller: EventTeller | None, metrics: Metrics | None = None) -> None:
        """Tell `teller`; None: there is nobody to tell."""
        self._metrics = metrics
        self._uow = uow
        self._teller = teller

    async def tell(self) -> int:
        """Tell one batch and return its size; raises BrokerUnavailable, and the cursor stays."""
        async with self._uow.begin() as tx:
            if self._teller is None:
                await tx.events.skip_to_head(CURSOR)
                return 0
            cursor = await tx.events.lock_cursor(CURSOR)
            if cursor is None:
                return 0
            if self._metrics is not None:
                self._metrics.events_behind.set(await tx.events.head() - cursor)
            rows = await tx.events.numbered_after(cursor, limit=BATCH)
            if not rows:
                return 0
            await self._teller.tell([_notice(row) for row in rows])
            await tx.events.move_cursor(CURSOR, max(row.seq or 0 for row in rows))
        if self._metrics is not None:
            self._metrics.events_told.inc(len(rows))
        return len(rows)


def _notice(row: EventRow) -> Notice:
    agency = row.unit_id or ""
    body = {
        "seq": row.seq,
        "event_id": str(row.id),
        "kind": row.kind,
        "document_id": str(row.document_id),
        "delivery_id": None if row.delivery_id is None else str(row.delivery_id),
        "agency": row.unit_id,
        "at": rfc3339(row.at),
        "data": orjson.loads(row.body)["data"],
    }
    named = agency if _CODE.fullmatch(agency) else UNNAMED
    return Notice(event_id=row.id, routing_key=f"{named}.{row.kind}", body=orjson.dumps(body))
