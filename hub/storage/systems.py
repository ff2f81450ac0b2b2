"""Systems (DMSs) and their API keys. A key is 256 random bits: its SHA-256 is all that is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from hub.ports.records import KeyRecord, KeyRow, SystemRecord
from hub.storage.connection import Connection
from hub.storage.rows import SYSTEM_COLUMNS, binding_to_json, count_of, prefixed, system

GET = f"SELECT {SYSTEM_COLUMNS} FROM system WHERE id = $1"
BY_NAME = f"SELECT {SYSTEM_COLUMNS} FROM system WHERE name = $1"
MANY = f"SELECT {SYSTEM_COLUMNS} FROM system WHERE id = ANY($1::uuid[])"
ALL = f"SELECT {SYSTEM_COLUMNS} FROM system ORDER BY name"
ADD = """
INSERT INTO system (id, name, adapter, dialects, policy, state, binding, intake_at_once, calls_per_minute)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
UPDATE = """
UPDATE system SET name = $2, adapter = $3, dialects = $4, policy = $5, state = $6, binding = $7,
       intake_at_once = $8, calls_per_minute = $9
WHERE id = $1
"""
SET_ADAPTER = "UPDATE system SET adapter = $2, adapter_settings = $3 WHERE id = $1"
KEYS = f"""
SELECT k.id AS key_id, k.digest, k.revoked_at IS NULL AND s.state = 'active' AS usable,
       hub_now() AS looked_at,
       coalesce(k.last_used_at < hub_now() - interval '10 minutes', true) AS use_unnoted,
       coalesce(k.expires_at < hub_now(), false) AS expired, {prefixed(SYSTEM_COLUMNS, "s", "s_")}
FROM api_key k JOIN system s ON s.id = k.system_id
WHERE k.id = ANY($1)
"""
ADD_KEY = "INSERT INTO api_key (id, system_id, digest) VALUES ($1, $2, $3)"
EXPIRE = """
UPDATE api_key SET expires_at = least(coalesce(expires_at, 'infinity'), hub_now() + $3)
WHERE system_id = $1 AND id <> $2 AND revoked_at IS NULL
"""
NOTE_USE = "UPDATE api_key SET last_used_at = hub_now() WHERE id = ANY($1)"
NOW = "SELECT hub_now()"
KEYS_OF = """
SELECT k.id, k.created_at, k.expires_at, k.revoked_at, k.last_used_at,
       coalesce(k.expires_at < hub_now(), false) AS expired
FROM api_key k WHERE k.system_id = $1 ORDER BY k.created_at, k.id
"""
REVOKE = "UPDATE api_key SET revoked_at = hub_now() WHERE id = $1 AND revoked_at IS NULL"


class PgSystems:
    """Implements `SystemRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, system_id: UUID) -> SystemRecord | None:
        """Return a system."""
        row = await self._connection.fetchrow(GET, system_id)
        return None if row is None else system(row)

    async def by_name(self, name: str) -> SystemRecord | None:
        """Return a system by its name."""
        row = await self._connection.fetchrow(BY_NAME, name)
        return None if row is None else system(row)

    async def many(self, system_ids: Sequence[UUID]) -> dict[UUID, SystemRecord]:
        """Return systems by id."""
        rows = await self._connection.fetch(MANY, list(system_ids))
        return {row["id"]: system(row) for row in rows}

    async def all(self) -> tuple[SystemRecord, ...]:
        """Return all systems by name."""
        return tuple(system(row) for row in await self._connection.fetch(ALL))

    async def add(self, system: SystemRecord) -> None:
        """Add a system."""
        await self._connection.execute(ADD, *_values(system))

    async def update(self, system: SystemRecord) -> None:
        """Write a system's settings."""
        await self._connection.execute(UPDATE, *_values(system))

    async def set_adapter(self, system_id: UUID, adapter: str, settings: Sequence[tuple[str, str]]) -> None:
        """Write a system's adapter with its settings."""
        await self._connection.execute(SET_ADAPTER, system_id, adapter, dict(settings))

    async def keys(self, key_ids: Collection[str]) -> tuple[KeyRecord, ...]:
        """Return those of these API keys that there are, each with its system."""
        return tuple(
            KeyRecord(
                key_id=row["key_id"],
                digest=row["digest"],
                usable=row["usable"],
                expired=row["expired"],
                system=system(row, "s_"),
                looked_at=row["looked_at"],
                use_unnoted=row["use_unnoted"],
            )
            for row in await self._connection.fetch(KEYS, list(key_ids))
        )

    async def note_use(self, key_ids: Collection[str]) -> None:
        """Note that keys have just been used."""
        await self._connection.execute(NOTE_USE, list(key_ids))

    async def keys_of(self, system_id: UUID) -> tuple[KeyRow, ...]:
        """Return all keys of a system, oldest first."""
        return tuple(
            KeyRow(
                key_id=row["id"],
                created_at=row["created_at"],
                expires_at=row["expires_at"],
                revoked_at=row["revoked_at"],
                last_used_at=row["last_used_at"],
                expired=row["expired"],
            )
            for row in await self._connection.fetch(KEYS_OF, system_id)
        )

    async def now(self) -> datetime:
        """Return the hub's time (`hub_now()`)."""
        now: datetime = await self._connection.fetchval(NOW)
        return now

    async def add_key(self, key_id: str, system_id: UUID, digest: bytes) -> None:
        """Add an API key."""
        await self._connection.execute(ADD_KEY, key_id, system_id, digest)

    async def expire_keys(self, system_id: UUID, *, keep: str, grace: timedelta) -> int:
        """Let all other keys of a system end after `grace`."""
        return count_of(await self._connection.execute(EXPIRE, system_id, keep, grace))

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key at once."""
        return count_of(await self._connection.execute(REVOKE, key_id)) == 1


def _values(s: SystemRecord) -> tuple[object, ...]:
    return (
        s.id,
        s.name,
        s.adapter,
        list(s.dialects),
        dict(s.policy),
        "active" if s.active else "locked",
        binding_to_json(s.binding),
        s.limits.intake_at_once,
        s.limits.calls_per_minute,
    )
