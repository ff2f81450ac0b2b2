"""The rows of watching folders."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hub.ports.folders import FolderState, FolderWatch, HandedOver
from hub.storage.connection import Connection
from hub.storage.systems import PgSystems

DUE = """
SELECT s.id FROM system s LEFT JOIN folder_watch w ON w.system_id = s.id
WHERE s.adapter = ANY($1::text[]) AND s.state = 'active'
  AND (w.system_id IS NULL
       OR (w.due_at <= hub_now() AND (w.lease_until IS NULL OR w.lease_until <= hub_now())))
ORDER BY w.due_at NULLS FIRST LIMIT $2
"""
MAKE = "INSERT INTO folder_watch (system_id) VALUES ($1) ON CONFLICT DO NOTHING"
CLAIM = """
UPDATE folder_watch
SET lease_owner = $2, lease_token = lease_token + 1, lease_until = hub_now() + $3
WHERE system_id = (
    SELECT system_id FROM folder_watch
    WHERE system_id = $1 AND due_at <= hub_now() AND (lease_until IS NULL OR lease_until <= hub_now())
    FOR UPDATE SKIP LOCKED
)
RETURNING lease_token, marked, failures
"""
_HELD = "WHERE system_id = $1 AND lease_token = $2"
RENEW = f"UPDATE folder_watch SET lease_until = hub_now() + $3 {_HELD} RETURNING true"
MARK = f"UPDATE folder_watch SET marked = $3, marked_at = hub_now() {_HELD} RETURNING true"
END = f"""
UPDATE folder_watch
SET lease_owner = NULL, lease_until = NULL, due_at = hub_now() + $3,
    failures = CASE WHEN $4::text IS NULL THEN 0 ELSE failures + 1 END,
    last_error = coalesce($4, last_error),
    last_failed_at = CASE WHEN $4::text IS NULL THEN last_failed_at ELSE hub_now() END,
    last_ok_at = CASE WHEN $4::text IS NULL THEN hub_now() ELSE last_ok_at END
{_HELD} RETURNING true
"""
UNITS = "SELECT unit_id FROM agency WHERE system_id = $1 ORDER BY unit_id"
HANDED_OVER = """
SELECT d.id, d.unit_id, d.lease_token
FROM delivery d JOIN folder_watch w ON w.system_id = d.system_id
WHERE d.system_id = $1 AND d.state = 'handed_over' AND d.id > $2
  AND d.handed_over_at >= coalesce(w.marked_at, '-infinity')
ORDER BY d.id LIMIT $3
"""
STATES = """
SELECT s.name, s.adapter, w.failures, w.last_error, w.last_failed_at, w.last_ok_at
FROM folder_watch w JOIN system s ON s.id = w.system_id
WHERE s.adapter IN ('folder', 'sftp') AND s.state = 'active' ORDER BY s.name
"""


class PgFolders:
    """Implements `FolderRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def due(self, adapters: tuple[str, ...], limit: int) -> tuple[UUID, ...]:
        """Return active systems with one of these adapters that are due and that nobody watches."""
        return tuple(row["id"] for row in await self._connection.fetch(DUE, list(adapters), limit))

    async def claim(self, system_id: UUID, *, owner: str, lease: timedelta) -> FolderWatch | None:
        """Take the next round of a system if it is due and nobody else has it."""
        system = await PgSystems(self._connection).get(system_id)
        if system is None:
            return None
        await self._connection.execute(MAKE, system_id)
        row = await self._connection.fetchrow(CLAIM, system_id, owner, lease)
        return None if row is None else FolderWatch(system=system, **dict(row))

    async def renew(self, watch: FolderWatch, lease: timedelta) -> bool:
        """Prolong a round's lease; False if it was lost."""
        return await self._held(RENEW, watch, lease)

    async def mark(self, watch: FolderWatch, place: str) -> bool:
        """Note that the root at this place bears the hub's mark; False if the lease was lost."""
        return await self._held(MARK, watch, place)

    async def end(self, watch: FolderWatch, *, next_in: timedelta, error: str | None) -> bool:
        """Write down how a round went and let go; False if the lease was lost."""
        return await self._held(END, watch, next_in, error)

    async def units(self, system_id: UUID) -> tuple[str, ...]:
        """Return the units that a system speaks for."""
        return tuple(row["unit_id"] for row in await self._connection.fetch(UNITS, system_id))

    async def handed_over(self, system_id: UUID, *, after: UUID, limit: int) -> tuple[HandedOver, ...]:
        """Return deliveries of a system that were handed over since its root is marked and have not ended."""
        rows = await self._connection.fetch(HANDED_OVER, system_id, after, limit)
        return tuple(
            HandedOver(delivery_id=row["id"], unit_id=row["unit_id"], lease_token=row["lease_token"])
            for row in rows
        )

    async def states(self) -> tuple[FolderState, ...]:
        """Return how watching goes."""
        return tuple(FolderState(**dict(row)) for row in await self._connection.fetch(STATES))

    async def _held(self, sql: str, watch: FolderWatch, *arguments: object) -> bool:
        held = await self._connection.fetchval(sql, watch.system.id, watch.lease_token, *arguments)
        return bool(held)
