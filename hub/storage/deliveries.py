"""Deliveries: row locks, offers to recipients, and the sweeps over what has run out.

Offers come urgent first, but every fifth place belongs to the normal lane (design section 4), and a
delivery that waits for another is offered only once that one has been handed over or has ended.
Sweeps use SKIP LOCKED: several nodes sweep at once and no row is taken twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from hub.domain.transport import DeliveryState
from hub.ports.records import DeliveryRecord, Offer
from hub.storage.connection import Connection
from hub.storage.rows import (
    DELIVERY_COLUMNS,
    DOCUMENT_COLUMNS,
    TEXT_COLUMNS,
    delivery,
    document,
    prefixed,
    text,
)

GET = f"SELECT {DELIVERY_COLUMNS} FROM delivery WHERE id = $1"
LOCK = f"SELECT {DELIVERY_COLUMNS}, hub_now() AS now FROM delivery WHERE id = $1 FOR UPDATE"
LOCK_OF_DOCUMENT = f"""
SELECT {DELIVERY_COLUMNS} FROM delivery WHERE document_id = $1 AND id >= $1 ORDER BY id FOR UPDATE
"""
LOCK_MANY = f"SELECT {DELIVERY_COLUMNS} FROM delivery WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
OF_DOCUMENT = f"SELECT {DELIVERY_COLUMNS} FROM delivery WHERE document_id = $1 AND id >= $1 ORDER BY id"
# States in which a referred delivery no longer holds back what refers to it.
_PASSED = "('handed_over', 'confirmed', 'rejected', 'undeliverable', 'refused', 'withdrawn', 'redirected')"
_FREE = f"""
d.state = 'queued' AND d.parked_until IS NULL
AND (d.waits_for IS NULL OR EXISTS (
    SELECT FROM delivery w
    WHERE w.id = d.waits_for AND (w.state IN {_PASSED} OR w.handed_over_at IS NOT NULL)))
AND EXISTS (
    SELECT FROM agency a
    WHERE a.unit_id = d.unit_id AND a.system_id = d.system_id AND a.state <> 'locked')
"""
OFFERS = f"""
WITH lanes AS (
    (SELECT d.id, d.lane, row_number() OVER (ORDER BY d.id) AS place FROM delivery d
     WHERE d.system_id = $1 AND d.lane = 'urgent' AND ($2::text IS NULL OR d.unit_id = $2) AND {_FREE}
     ORDER BY d.id LIMIT $3)
    UNION ALL
    (SELECT d.id, d.lane, row_number() OVER (ORDER BY d.id) AS place FROM delivery d
     WHERE d.system_id = $1 AND d.lane = 'normal' AND ($2::text IS NULL OR d.unit_id = $2) AND {_FREE}
     ORDER BY d.id LIMIT $3)
), ranked AS (
    -- The k-th urgent one goes after (k-1)/4 normal ones: four urgent, one normal, four urgent …
    SELECT id, CASE lane WHEN 'urgent' THEN place + (place - 1) / 4
                         ELSE place * 5 END AS rank, lane
    FROM lanes
)
SELECT {prefixed(DELIVERY_COLUMNS, "d", "dl_")}, {prefixed(DOCUMENT_COLUMNS, "o", "do_")},
       {prefixed(TEXT_COLUMNS, "t", "tx_")}
FROM ranked r
JOIN delivery d ON d.id = r.id
JOIN document o ON o.id = d.document_id
LEFT JOIN document_text t ON t.document_id = d.document_id
ORDER BY r.rank, r.lane DESC, d.id
LIMIT $3
"""
# The state stands in the text: a parameter could not be matched with the index of what is held.
HELD = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d", "dl_")}, {prefixed(DOCUMENT_COLUMNS, "o", "do_")},
       {prefixed(TEXT_COLUMNS, "t", "tx_")}
FROM delivery d
JOIN document o ON o.id = d.document_id
LEFT JOIN document_text t ON t.document_id = d.document_id
WHERE d.state = 'held'
ORDER BY d.id LIMIT $1
"""
# By the system's index of what it confirmed, from the cursor on: older months are not touched.
CONFIRMED = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d", "dl_")}, {prefixed(DOCUMENT_COLUMNS, "o", "do_")},
       {prefixed(TEXT_COLUMNS, "t", "tx_")}
FROM delivery d
JOIN document o ON o.id = d.document_id
LEFT JOIN document_text t ON t.document_id = d.document_id
WHERE d.system_id = $1 AND d.state = 'confirmed' AND d.ended_at >= $2 AND d.id >= uuid7_floor($3)
  AND ($4::uuid IS NULL OR d.id > $4)
ORDER BY d.id LIMIT $5
"""
EXPIRED = f"""
SELECT {DELIVERY_COLUMNS} FROM delivery
WHERE state IN ('leased', 'handed_over') AND lease_until < hub_now()
ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_OPEN = "('queued', 'held', 'leased', 'handed_over')"
OVERDUE = f"""
SELECT {DELIVERY_COLUMNS} FROM delivery
WHERE state IN {_OPEN} AND deadline_at < hub_now()
  AND (lease_until IS NULL OR lease_until < hub_now())
ORDER BY deadline_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
# Verification that does not end makes a delivery late too.
_LATE = "('awaiting_verification', 'queued', 'held', 'leased', 'handed_over')"
ALERTING = f"""
WITH late AS (
    SELECT id FROM delivery
    WHERE alerted_at IS NULL AND state IN {_LATE} AND alert_at < hub_now()
    ORDER BY alert_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE delivery d SET alerted_at = hub_now() FROM late WHERE d.id = late.id
RETURNING {prefixed(DELIVERY_COLUMNS, "d")}
"""
# Only those for which there is something to do: many that wait in vain must not hide one whose time has come.
# Units stand for their lines of succession, in both directions; which one counts is decided by the service.
PARKED = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d")} FROM delivery d JOIN document o ON o.id = d.document_id
WHERE d.parked_until IS NOT NULL AND d.state = 'queued' AND (d.parked_until < hub_now() OR EXISTS (
    SELECT FROM document_key k JOIN delivery w ON w.document_id = k.document_id
    WHERE k.document_no = o.document_no
      AND ((k.unit_id = ANY(unit_line(o.from_unit)) AND w.unit_id = ANY(unit_line(d.unit_id)))
        OR (k.unit_id = ANY(unit_line(d.unit_id)) AND w.unit_id = ANY(unit_line(o.from_unit))))))
ORDER BY d.parked_until LIMIT $1 FOR UPDATE OF d SKIP LOCKED
"""
WITH_QUEUED = """
SELECT s FROM unnest($1::uuid[]) AS s
WHERE EXISTS (SELECT FROM delivery d WHERE d.system_id = s AND d.state = 'queued')
"""
STATE_OF = "SELECT state FROM delivery WHERE id = $1"


class PgDeliveries:
    """Implements `DeliveryRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, delivery_id: UUID) -> tuple[DeliveryRecord, datetime] | None:
        """Return a delivery under a row lock, and the hub's time."""
        row = await self._connection.fetchrow(LOCK, delivery_id)
        return None if row is None else (delivery(row), row["now"])

    async def get(self, delivery_id: UUID) -> DeliveryRecord | None:
        """Return a delivery without locking."""
        row = await self._connection.fetchrow(GET, delivery_id)
        return None if row is None else delivery(row)

    async def lock_of_document(self, document_id: UUID) -> tuple[DeliveryRecord, ...]:
        """Lock and return all deliveries of a document."""
        return await self._many(LOCK_OF_DOCUMENT, document_id)

    async def lock_many(self, delivery_ids: Collection[UUID]) -> tuple[DeliveryRecord, ...]:
        """Lock and return these deliveries."""
        return await self._many(LOCK_MANY, list(delivery_ids))

    async def of_document(self, document_id: UUID) -> tuple[DeliveryRecord, ...]:
        """Return all deliveries of a document."""
        return await self._many(OF_DOCUMENT, document_id)

    async def offers(self, system_id: UUID, *, unit_id: str | None, limit: int) -> tuple[Offer, ...]:
        """Return what a system may lease now."""
        return _offers(await self._connection.fetch(OFFERS, system_id, unit_id, limit))

    async def systems_with_queued(self, system_ids: Collection[UUID]) -> set[UUID]:
        """Return those systems that have anything queued."""
        rows = await self._connection.fetch(WITH_QUEUED, list(system_ids))
        return {row["s"] for row in rows}

    async def held(self, *, limit: int) -> tuple[Offer, ...]:
        """Return the deliveries that wait for a person, with their documents, oldest first."""
        return _offers(await self._connection.fetch(HELD, limit))

    async def confirmed(
        self, system_id: UUID, *, since: datetime, created_since: datetime, after: UUID | None, limit: int
    ) -> tuple[Offer, ...]:
        """Return what a system has confirmed since a moment."""
        rows = await self._connection.fetch(CONFIRMED, system_id, since, created_since, after, limit)
        return _offers(rows)

    async def lock_expired(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries whose recipient lease has run out."""
        return await self._many(EXPIRED, limit)

    async def lock_overdue(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries whose deadline has passed and that nobody holds."""
        return await self._many(OVERDUE, limit)

    async def lock_alerting(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Mark deliveries whose alert time has passed, once each, and return them."""
        return await self._many(ALERTING, limit)

    async def lock_parked(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries of parked statuses."""
        return await self._many(PARKED, limit)

    async def state_of(self, delivery_id: UUID) -> DeliveryState | None:
        """Return the state of a delivery."""
        state: str | None = await self._connection.fetchval(STATE_OF, delivery_id)
        return None if state is None else DeliveryState(state)

    async def hub_time(self) -> datetime:
        """Return the hub's time."""
        moment: datetime = await self._connection.fetchval("SELECT hub_now()")
        return moment

    async def _many(self, sql: str, argument: object) -> tuple[DeliveryRecord, ...]:
        rows = await self._connection.fetch(sql, argument)
        return tuple(delivery(row) for row in rows)


def _offers(rows: Sequence[asyncpg.Record]) -> tuple[Offer, ...]:
    return tuple(
        Offer(delivery=delivery(row, "dl_"), document=document(row, "do_"), text=text(row, "tx_"))
        for row in rows
    )
