"""What the doctor asks the database beside housekeeping: clock, nodes, what is late or stuck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hub.storage.connection import Connection

CLOCK = "SELECT clock_timestamp() AS machine, clock_offset AS shifted FROM hub_clock"
# Nodes name their connections; processes of one machine share an address.
NODES = """
SELECT coalesce(host(client_addr), 'local') AS address, count(*) AS connections FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() GROUP BY 1 ORDER BY 1
"""
LATE_TASKS = """
SELECT split_part(kind, '.', 1) AS kind, count(*) AS tasks, min(due_at) AS oldest, hub_now() AS now FROM task
WHERE due_at < hub_now() - $1::interval AND (lease_until IS NULL OR lease_until < hub_now())
GROUP BY 1 ORDER BY 1
"""
OPEN_BREAKERS = """
SELECT s.name, p.state, p.failures, p.last_code, p.retry_at FROM peer p JOIN system s ON s.id = p.system_id
WHERE p.state <> 'closed' ORDER BY s.name
"""
OPEN_OF_SYSTEMS = """
SELECT system_id, count(*) AS deliveries FROM delivery
WHERE state IN ('awaiting_verification', 'held', 'queued', 'leased', 'handed_over') GROUP BY 1
"""
OPEN_AT_RETIRED = """
SELECT d.unit_id, count(*) AS deliveries FROM delivery d JOIN agency a ON a.unit_id = d.unit_id
WHERE a.state = 'retired' AND d.state IN ('awaiting_verification', 'held', 'queued', 'leased', 'handed_over')
GROUP BY 1 ORDER BY 1
"""
SAMPLE_NEWEST = """
SELECT id, blob_id, sha256, size FROM document WHERE body_state = 'kept' ORDER BY id DESC LIMIT $1
"""
# Ids are spread over time: the first at or after chance bounds is as good as any.
SAMPLE_ANY = """
SELECT DISTINCT d.id, d.blob_id, d.sha256, d.size FROM unnest($1::uuid[]) AS bound,
LATERAL (SELECT id, blob_id, sha256, size FROM document
         WHERE id >= bound AND body_state = 'kept' ORDER BY id LIMIT 1) d
"""
OLDEST = "SELECT min(accepted_at) AS first, max(accepted_at) AS last FROM document"


@dataclass(frozen=True, slots=True, kw_only=True)
class LateTasks:
    """Tasks of one kind that are due for long and nobody works on."""

    kind: str
    tasks: int
    late: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreaker:
    """A peer that is not tried at the moment."""

    system: str
    state: str
    failures: int
    last_code: str | None
    retry_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBody:
    """The blob that a document's row promises."""

    document_id: UUID
    blob_id: UUID
    sha256: bytes
    size: int


class Examination:
    """Questions over one connection; nothing is changed by asking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def clock(self) -> tuple[datetime, timedelta]:
        """Return the server's time, and by how much the hub's clock is set off from it."""
        row = await self._connection.fetchrow(CLOCK)
        assert row is not None
        return row["machine"], row["shifted"]

    async def nodes(self, application_name: str) -> dict[str, int]:
        """Return the connections of running nodes by address."""
        rows = await self._connection.fetch(NODES, application_name)
        return {row["address"]: row["connections"] for row in rows}

    async def late_tasks(self, after: timedelta) -> tuple[LateTasks, ...]:
        """Return tasks that have been due for longer than `after` without a lease, by kind."""
        rows = await self._connection.fetch(LATE_TASKS, after)
        return tuple(
            LateTasks(kind=row["kind"], tasks=row["tasks"], late=row["now"] - row["oldest"]) for row in rows
        )

    async def open_breakers(self) -> tuple[OpenBreaker, ...]:
        """Return peers whose breaker is not closed."""
        return tuple(
            OpenBreaker(
                system=row["name"],
                state=row["state"],
                failures=row["failures"],
                last_code=row["last_code"],
                retry_at=row["retry_at"],
            )
            for row in await self._connection.fetch(OPEN_BREAKERS)
        )

    async def open_deliveries(self) -> dict[UUID, int]:
        """Return how many deliveries have not ended, by system."""
        rows = await self._connection.fetch(OPEN_OF_SYSTEMS)
        return {row["system_id"]: row["deliveries"] for row in rows}

    async def open_at_retired(self) -> dict[str, int]:
        """Return how many deliveries have not ended at units that are (to be) retired."""
        rows = await self._connection.fetch(OPEN_AT_RETIRED)
        return {row["unit_id"]: row["deliveries"] for row in rows}

    async def span(self) -> tuple[datetime | None, datetime | None]:
        """Return when the first and the last document was accepted."""
        row = await self._connection.fetchrow(OLDEST)
        assert row is not None
        return row["first"], row["last"]

    async def bodies(self, newest: int, bounds: Sequence[UUID]) -> tuple[StoredBody, ...]:
        """Return the newest documents whose body is kept, and the first after each bound."""
        rows = [
            *await self._connection.fetch(SAMPLE_NEWEST, newest),
            *await self._connection.fetch(SAMPLE_ANY, list(bounds)),
        ]
        found = {
            row["id"]: StoredBody(
                document_id=row["id"], blob_id=row["blob_id"], sha256=row["sha256"], size=row["size"]
            )
            for row in rows
        }
        return tuple(found.values())
