"""Sealed secrets of systems: the newest of a name, and the one before it while its grace lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from hub.storage.connection import Connection

VALID_AT_ONCE: Final = 2

# Who replaces the same secret at the same moment waits here.
LOCK = "SELECT FROM system WHERE id = $1 FOR NO KEY UPDATE"
END_OLDER = """
DELETE FROM system_secret
WHERE system_id = $1 AND name = $2
  AND id < (SELECT max(id) FROM system_secret WHERE system_id = $1 AND name = $2)
"""
LET_RUN_OUT = """
UPDATE system_secret SET expires_at = least(coalesce(expires_at, 'infinity'), hub_now() + $3)
WHERE system_id = $1 AND name = $2
"""
PUT = "INSERT INTO system_secret (system_id, name, sealed) VALUES ($1, $2, $3)"
CURRENT = """
SELECT sealed FROM system_secret
WHERE system_id = $1 AND name = $2 AND (expires_at IS NULL OR expires_at > hub_now())
ORDER BY id DESC LIMIT $3
"""
ALL_NAMED = """
SELECT system_id, sealed FROM system_secret
WHERE name = $1 AND (expires_at IS NULL OR expires_at > hub_now()) ORDER BY system_id, id DESC
"""
# xmin: every update of a system writes a new row, whatever it changes.
MARK = """
SELECT md5(coalesce(string_agg(k.id || ' ' || s.xmin, ',' ORDER BY k.id), ''))
FROM system_secret k JOIN system s ON s.id = k.system_id
WHERE k.name = $1 AND (k.expires_at IS NULL OR k.expires_at > hub_now())
"""
NAMES = "SELECT DISTINCT name FROM system_secret WHERE system_id = $1 ORDER BY name"
REMOVE = "DELETE FROM system_secret WHERE system_id = $1 AND name = $2"


class PgSecrets:
    """Implements `SecretRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, system_id: UUID, name: str, sealed: bytes, *, grace: timedelta) -> None:
        """Store a new secret; the one before it stays valid for `grace`, any older one ends at once."""
        await self._connection.execute(LOCK, system_id)
        await self._connection.execute(END_OLDER, system_id, name)
        await self._connection.execute(LET_RUN_OUT, system_id, name, grace)
        await self._connection.execute(PUT, system_id, name, sealed)

    async def current(self, system_id: UUID, name: str) -> tuple[bytes, ...]:
        """Return the sealed secrets that are valid now, newest first."""
        rows = await self._connection.fetch(CURRENT, system_id, name, VALID_AT_ONCE)
        return tuple(row["sealed"] for row in rows)

    async def all_named(self, name: str) -> tuple[tuple[UUID, bytes], ...]:
        """Return the valid sealed secrets of this name of all systems."""
        rows = await self._connection.fetch(ALL_NAMED, name)
        return tuple((row["system_id"], row["sealed"]) for row in rows)

    async def mark(self, name: str) -> str:
        """Return a text that changes whenever `all_named` would, or a system with such a secret has."""
        mark: str = await self._connection.fetchval(MARK, name)
        return mark

    async def names(self, system_id: UUID) -> tuple[str, ...]:
        """Return the names under which a system has secrets."""
        return tuple(row["name"] for row in await self._connection.fetch(NAMES, system_id))

    async def remove(self, system_id: UUID, name: str) -> None:
        """Forget a secret at once."""
        await self._connection.execute(REMOVE, system_id, name)
