"""The outbox: hints written with the state that makes them true, deleted once the broker confirmed.

A node that dies between publishing and deleting publishes again: hints may repeat, rows decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hub.ports.records import Hint, OutboxRow
from hub.storage.connection import Connection

TAKE = """
SELECT id, topic, ref FROM outbox WHERE topic <> ALL($2::text[]) ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
NOTIFY = "SELECT pg_notify('hub_inbox', $1)"

# A notification holds at most 8,000 bytes; beyond this many systems everybody is woken.
_MOST_NAMED = 200
EVERYBODY = "*"


class PgOutbox:
    """Implements `OutboxRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, limit: int, *, without: Sequence[str] = ()) -> tuple[OutboxRow, ...]:
        """Lock and return the oldest hints that no other node is publishing, of all topics but these."""
        rows = await self._connection.fetch(TAKE, limit, list(without))
        return tuple(OutboxRow(id=row["id"], hint=Hint(topic=row["topic"], ref=row["ref"])) for row in rows)

    async def delete(self, ids: Sequence[int]) -> None:
        """Delete published hints."""
        await self._connection.execute(DELETE, list(ids))

    async def notify(self, system_ids: Sequence[UUID]) -> None:
        """Wake the long-polls of these systems on every node when the transaction commits."""
        named = [str(s) for s in system_ids]
        payload = ",".join(named) if len(named) <= _MOST_NAMED else EVERYBODY
        await self._connection.execute(NOTIFY, payload)
