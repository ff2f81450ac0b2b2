"""What the janitor does and the doctor asks: partitions, old keys, rows without parents."""

from __future__ import annotations

import asyncpg
import structlog

from hub.storage.connection import Connection
from hub.storage.rows import count_of

log = structlog.get_logger(__name__)

PARTITIONS = "SELECT ensure_partitions((hub_now() AT TIME ZONE 'UTC')::date, 4)"
# Both key tables age together; ctid keeps each round small.
# A receipt goes with the last key that leads to it; a document's own key never ends.
EXPIRE_INTAKE = """
WITH gone AS (
    DELETE FROM intake_key WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM intake_key WHERE accepted_at < hub_now() - make_interval(days => $1) LIMIT $2))
    RETURNING document_id
), forgotten AS (
    DELETE FROM receipt r USING gone g
    WHERE r.document_id = g.document_id
      AND NOT EXISTS (SELECT FROM document d JOIN document_key k USING (document_no)
                      WHERE d.id = r.document_id AND k.document_id = d.id)
)
SELECT count(*) FROM gone
"""
EXPIRE_REFUSALS = """
DELETE FROM refusal WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM refusal WHERE at < hub_now() - make_interval(days => $1) LIMIT $2))
"""
EXPIRE_IDEMPOTENCY = """
DELETE FROM idempotency_key WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency_key WHERE accepted_at < hub_now() - make_interval(days => $1) LIMIT $2))
"""
MISPLACED = """
SELECT (SELECT count(*) FROM document_other) + (SELECT count(*) FROM delivery_other)
     + (SELECT count(*) FROM event_other)
"""
ORPHANS = """
SELECT 'delivery' AS family, count(*) AS rows FROM delivery c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
UNION ALL SELECT 'event', count(*) FROM event c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
UNION ALL SELECT 'document_text', count(*) FROM document_text c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
UNION ALL SELECT 'signature_report', count(*) FROM signature_report c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
UNION ALL SELECT 'receipt', count(*) FROM receipt c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
UNION ALL SELECT 'intake_key', count(*) FROM intake_key c
    WHERE NOT EXISTS (SELECT FROM document d WHERE d.id = c.document_id)
"""


class PgHousekeeping:
    """Implements `HousekeepingRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ensure_partitions(self) -> int:
        """Make the partitions of this and the next three months.

        Where the default partition holds rows of such a month (a clock was wrong), none is made: the rows
        go on living there, and the alarm is raised by `misplaced_rows`.
        """
        try:
            async with self._connection.transaction():
                made: int = await self._connection.fetchval(PARTITIONS)
        except asyncpg.CheckViolationError:
            log.critical("partition_not_made")
            return 0
        return made

    async def expire_keys_older_than(self, days: int, limit: int) -> int:
        """Delete submission keys past their time."""
        gone: int = await self._connection.fetchval(EXPIRE_INTAKE, days, limit)
        return gone + count_of(await self._connection.execute(EXPIRE_IDEMPOTENCY, days, limit))

    async def expire_refusals_older_than(self, days: int, limit: int) -> int:
        """Delete the facts of refusals past their time."""
        return count_of(await self._connection.execute(EXPIRE_REFUSALS, days, limit))

    async def misplaced_rows(self) -> int:
        """Return how many rows sit in default partitions."""
        rows: int = await self._connection.fetchval(MISPLACED)
        return rows

    async def orphans(self) -> dict[str, int]:
        """Return counts of rows whose parent is missing."""
        return {row["family"]: row["rows"] for row in await self._connection.fetch(ORPHANS)}
