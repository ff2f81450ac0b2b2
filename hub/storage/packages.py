"""Packages in the database: lists over deliveries, on an index of what is still open."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

import asyncpg

from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryState
from hub.ports.packages import PackageRow, Period, SentRow
from hub.storage.connection import Connection

OPEN: Final = "('queued', 'leased', 'handed_over')"
_PASSED: Final = "('handed_over', 'confirmed', 'rejected', 'undeliverable', 'refused', 'withdrawn')"
# As the inbox offers it, and beside that what is being fetched.
_VISIBLE: Final = f"""
d.system_id = $1 AND d.kind = $2 AND d.state IN {OPEN}
AND (d.state <> 'queued' OR (
    d.parked_until IS NULL
    AND (d.waits_for IS NULL OR EXISTS (
        SELECT FROM delivery w
        WHERE w.id = d.waits_for AND (w.state IN {_PASSED} OR w.handed_over_at IS NOT NULL)))
    AND EXISTS (
        SELECT FROM agency a
        WHERE a.unit_id = d.unit_id AND a.system_id = d.system_id AND a.state <> 'locked')))
"""
WAITING: Final = f"""
SELECT d.id, d.document_id, d.kind, d.addressed_as, d.created_at, d.handed_over_at, d.lease_token, d.unit_id,
       o.from_code, o.size, p.at AS taken_up_at
FROM delivery d JOIN document o ON o.id = d.document_id
LEFT JOIN package_taken_up p ON p.delivery_id = d.id
WHERE {_VISIBLE} AND ($4::text IS NULL OR d.unit_id = $4)
ORDER BY d.lane = 'urgent' DESC, d.id LIMIT $3
"""
COUNT: Final = f"SELECT count(*) FROM (SELECT FROM delivery d WHERE {_VISIBLE} LIMIT $3) AS counted"
WITH_OPEN: Final = f"""
SELECT s FROM unnest($1::uuid[]) AS s
WHERE EXISTS (SELECT FROM delivery d WHERE d.system_id = s AND d.state IN {OPEN})
"""
# Recipients that could not be reached have no delivery: the receipt names them.
SENT: Final = """
WITH newest AS (
    SELECT o.id, o.kind, o.from_code, o.accepted_at FROM document o
    WHERE o.system_id = $1 AND o.kind = $2
      AND ($3::timestamptz IS NULL OR o.accepted_at >= $3)
      AND ($4::timestamptz IS NULL OR o.accepted_at <= $4)
    ORDER BY o.id DESC LIMIT $5
), entries AS (
    SELECT d.document_id, d.id AS delivery_id, coalesce(d.addressed_as[1], d.unit_id) AS to_code, d.state,
           d.handed_over_at, d.ended_at
    FROM delivery d WHERE d.document_id IN (SELECT id FROM newest)
    UNION ALL
    SELECT n.id, NULL, r ->> 'code', 'undeliverable', NULL, NULL
    FROM newest n JOIN receipt k ON k.document_id = n.id
    CROSS JOIN LATERAL jsonb_array_elements(
        convert_from(k.body, 'UTF8')::jsonb -> 'receipt' -> 'recipients') AS r
    WHERE r ->> 'result' = 'undeliverable'
)
SELECT n.id AS document_id, e.delivery_id, n.kind, n.from_code, e.to_code, t.subject, t.code, n.accepted_at,
       coalesce(e.handed_over_at, e.ended_at) AS received_at, e.state, p.at AS taken_up_at
FROM newest n JOIN entries e ON e.document_id = n.id
LEFT JOIN document_text t ON t.document_id = n.id
LEFT JOIN package_taken_up p ON p.delivery_id = e.delivery_id
ORDER BY n.id DESC, e.delivery_id NULLS LAST, e.to_code
LIMIT $5
"""
TAKE_UP: Final = """
INSERT INTO package_taken_up (delivery_id, at) VALUES ($1, hub_now()) ON CONFLICT DO NOTHING
"""
SERVED: Final = """
SELECT d.unit_id, d.document_id FROM document o JOIN delivery d ON d.document_id = o.id
WHERE o.from_unit = $2 AND o.document_no = $3 AND o.system_id = $1 AND o.sha256 = $4
"""
# By its number at once; by its notation among the newest of its sender, which an index gives in this order.
PASSED_ON: Final = """
SELECT o.id FROM document o
WHERE o.from_unit = $1 AND o.document_no = $2
  AND EXISTS (SELECT FROM delivery d WHERE d.document_id = o.id AND d.unit_id = $3)
UNION ALL
SELECT o.id FROM (
    SELECT id FROM document WHERE system_id = $4 AND kind = 'document' ORDER BY id DESC LIMIT $5) AS o
JOIN document_text t ON t.document_id = o.id AND t.code = $2
JOIN document f ON f.id = o.id AND f.from_unit = $1
WHERE EXISTS (SELECT FROM delivery d WHERE d.document_id = o.id AND d.unit_id = $3)
LIMIT 1
"""


class PgPackages:
    """Implements `PackageRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def waiting(
        self, system_id: UUID, kind: MessageKind, *, limit: int, unit_id: str | None = None
    ) -> tuple[PackageRow, ...]:
        """Return what a system has not confirmed yet and may see, of one unit or of all."""
        rows = await self._connection.fetch(WAITING, system_id, kind.value, limit, unit_id)
        return tuple(_package(row) for row in rows)

    async def count(self, system_id: UUID, kind: MessageKind, *, limit: int) -> int:
        """Return how many packages wait."""
        number: int = await self._connection.fetchval(COUNT, system_id, kind.value, limit)
        return number

    async def systems_with_open(self, system_ids: Collection[UUID]) -> set[UUID]:
        """Return those systems that have anything waiting or under way."""
        return {row["s"] for row in await self._connection.fetch(WITH_OPEN, list(system_ids))}

    async def sent(
        self, system_id: UUID, kind: MessageKind, *, period: Period, limit: int
    ) -> tuple[SentRow, ...]:
        """Return what became of the newest messages of a system."""
        rows = await self._connection.fetch(SENT, system_id, kind.value, period.begin, period.end, limit)
        return tuple(_sent(row) for row in rows)

    async def take_up(self, delivery_id: UUID) -> None:
        """Note that the recipient is at work on a package."""
        await self._connection.execute(TAKE_UP, delivery_id)

    async def served(
        self, system_id: UUID, from_unit: str, document_no: str, sha256: bytes
    ) -> dict[str, UUID]:
        """Return the units that have this body from this system already."""
        rows = await self._connection.fetch(SERVED, system_id, from_unit, document_no, sha256)
        return {row["unit_id"]: row["document_id"] for row in rows}

    async def passed_on(
        self, from_unit: str, to_unit: str, name: str, *, system_id: UUID | None, newest: int
    ) -> UUID | None:
        """Return a document of this number or notation that was accepted for a unit."""
        found: UUID | None = await self._connection.fetchval(
            PASSED_ON, from_unit, name, to_unit, system_id, newest
        )
        return found


def _package(row: asyncpg.Record) -> PackageRow:
    moments = (row["created_at"], row["handed_over_at"], row["taken_up_at"])
    return PackageRow(
        delivery_id=row["id"],
        document_id=row["document_id"],
        kind=MessageKind(row["kind"]),
        from_code=row["from_code"],
        to_code=row["addressed_as"][0] if row["addressed_as"] else row["unit_id"],
        size=row["size"],
        created_at=row["created_at"],
        changed_at=max(moment for moment in moments if moment is not None),
        fetched=row["lease_token"] > 0,
        taken_up=row["taken_up_at"] is not None,
    )


def _sent(row: asyncpg.Record) -> SentRow:
    return SentRow(
        document_id=row["document_id"],
        delivery_id=row["delivery_id"],
        kind=MessageKind(row["kind"]),
        from_code=row["from_code"],
        to_code=row["to_code"],
        title=row["subject"] or "",
        notation=row["code"] or "",
        sent_at=row["accepted_at"],
        received_at=row["received_at"],
        state=DeliveryState(row["state"]),
        taken_up=row["taken_up_at"] is not None,
    )
