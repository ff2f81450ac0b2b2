"""The append-only log: timelines, numbering, reading by cursor.

Events get their number after their transaction has committed, in batches, under the row lock of
`log_head`: so `seq` has no gaps that could later fill, and a reader that has seen `seq` n has seen
all before it. Any node numbers; a node that stops while holding the lock loses its connection and
with it the lock (design section 3, "No leader").
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from hub.ports.records import EventRow
from hub.storage.connection import Connection
from hub.storage.rows import count_of

_DAY_MS = 24 * 3600 * 1000
_COLUMNS = "id, seq, kind, document_id, delivery_id, unit_id, body, at"

# Ids are made by the clocks of nodes, `at` by the database's: the one bounds the partitions to look into,
# with a day for clocks that differ, the other gives the order.
OF_DOCUMENT = f"SELECT {_COLUMNS} FROM event WHERE document_id = $1 AND id >= $2 ORDER BY at, id"
REASONS = "SELECT event_id, reason FROM delivery_text WHERE document_id = $1"
# Of a stretch of the log, each event is looked up by keys: asked with EXISTS, the planner reads and hashes
# all deliveries there are; asked about the whole log, a system whose events are few waits for ever.
AMONG = f"""
SELECT {_COLUMNS} FROM event e
WHERE seq > $1 AND seq <= $2 AND (
    (SELECT d.system_id FROM document d WHERE d.id = e.document_id) = $3
    OR (SELECT d.system_id FROM delivery d
        WHERE d.id = e.delivery_id AND (d.lease_token > 0 OR d.state = ANY ($4::text[]))) = $3)
ORDER BY seq LIMIT $5
"""
LOCK_CURSOR = "SELECT seq FROM event_cursor WHERE name = $1 FOR UPDATE SKIP LOCKED"
NUMBERED_AFTER = f"SELECT {_COLUMNS} FROM event WHERE seq > $1 ORDER BY seq LIMIT $2"
MOVE_CURSOR = "UPDATE event_cursor SET seq = $2 WHERE name = $1"
SKIP_TO_HEAD = """
UPDATE event_cursor c SET seq = h.seq FROM log_head h WHERE c.name = $1 AND c.seq < h.seq
"""
# Ids of one node rise with time, so the order by id is the order in which a document's events were made.
NUMBER = """
WITH fresh AS (SELECT id, row_number() OVER (ORDER BY id) AS place
               FROM (SELECT id FROM event WHERE seq IS NULL ORDER BY id LIMIT $2) e)
UPDATE event SET seq = $1 + fresh.place FROM fresh WHERE event.id = fresh.id
"""
ANY_FRESH = "SELECT EXISTS (SELECT FROM event WHERE seq IS NULL)"
MOVE_HEAD = "UPDATE log_head SET seq = seq + $1"
LOCK_HEAD = "SELECT seq FROM log_head FOR UPDATE"


class PgEvents:
    """Implements `EventRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_document(self, document_id: UUID) -> tuple[EventRow, ...]:
        """Return the timeline of a document."""
        rows = await self._connection.fetch(OF_DOCUMENT, document_id, _a_day_before(document_id))
        return tuple(EventRow(**dict(row)) for row in rows)

    async def reasons(self, document_id: UUID) -> dict[UUID, str]:
        """Return the reasons given by people, by event id."""
        rows = await self._connection.fetch(REASONS, document_id)
        return {row["event_id"]: row["reason"] for row in rows}

    async def among(
        self, after: int, until: int, *, system_id: UUID, offered: Collection[str], limit: int
    ) -> tuple[EventRow, ...]:
        """Return those events of a stretch of the log that concern a system."""
        rows = await self._connection.fetch(AMONG, after, until, system_id, sorted(offered), limit)
        return tuple(EventRow(**dict(row)) for row in rows)

    async def head(self) -> int:
        """Return the highest number given so far."""
        seq: int = await self._connection.fetchval("SELECT seq FROM log_head")
        return seq

    async def lock_cursor(self, name: str) -> int | None:
        """Return how far a reader has come, under its row lock."""
        seq: int | None = await self._connection.fetchval(LOCK_CURSOR, name)
        return seq

    async def numbered_after(self, seq: int, *, limit: int) -> tuple[EventRow, ...]:
        """Return events in the order of their numbers."""
        rows = await self._connection.fetch(NUMBERED_AFTER, seq, limit)
        return tuple(EventRow(**dict(row)) for row in rows)

    async def move_cursor(self, name: str, seq: int) -> None:
        """Note how far a reader has come."""
        await self._connection.execute(MOVE_CURSOR, name, seq)

    async def skip_to_head(self, name: str) -> None:
        """Move a reader's cursor past all numbered events."""
        await self._connection.execute(SKIP_TO_HEAD, name)

    async def number(self, limit: int) -> int:
        """Number committed events. The lock comes before the look, so `seq` follows what was committed."""
        if not await self._connection.fetchval(ANY_FRESH):
            return 0
        head: int = await self._connection.fetchval(LOCK_HEAD)
        numbered = count_of(await self._connection.execute(NUMBER, head, limit))
        if numbered:
            await self._connection.execute(MOVE_HEAD, numbered)
        return numbered


def _a_day_before(uuid7: UUID) -> UUID:
    # The first 48 bits of a UUIDv7 are milliseconds.
    return UUID(int=max(uuid7.int - (_DAY_MS << 80), 0))
