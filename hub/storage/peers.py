"""Peers: breakers shared by all nodes, and the due rows behind those that are not open.

A breaker without a row is closed. Whether it lets an attempt start is asked in SQL (`_OPEN`) wherever rows
are chosen, so that an open breaker costs nothing, and again under the row's lock where a probe is claimed.

Locks are taken in one order, so that none waits for another in a circle: a claim takes its task and then only
deliveries that are free (SKIP LOCKED); whoever settles or sweeps takes deliveries first and tasks after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from hub.domain.adapters import NATIONAL
from hub.domain.deadlines import Lane
from hub.domain.retry import Breaker, BreakerState
from hub.ports.peers import DueLane, Gate, PeerState, PushBacklog, ReadyDelivery
from hub.ports.records import DeliveryRecord, Task
from hub.storage.connection import Connection
from hub.storage.rows import DELIVERY_COLUMNS, SYSTEM_COLUMNS, count_of, delivery, prefixed, system

KIND: Final = "deliver"

_OPEN = "s.pushed AND s.state = 'active' AND (p.retry_at IS NULL OR p.retry_at <= hub_now())"
_WAITING = "t.due_at <= hub_now() AND (t.lease_until IS NULL OR t.lease_until < hub_now())"
PUSHED = "SELECT id FROM system WHERE pushed AND state = 'active' ORDER BY id"
NOT_PUSHED = "SELECT id FROM system WHERE NOT (pushed AND state = 'active') ORDER BY id"
DUE = f"""
SELECT t.id FROM task t JOIN system s ON s.id = $1 LEFT JOIN peer p ON p.system_id = s.id
WHERE t.kind = '{KIND}.' || $1::uuid AND t.lane = $2 AND {_WAITING} AND {_OPEN}
ORDER BY t.due_at, t.id LIMIT $3
"""
DUE_LANES = f"""
SELECT '{KIND}.' || s.id || '.' || l.lane AS topic, array_agg(due.id ORDER BY due.due_at, due.id) AS refs
FROM system s CROSS JOIN (VALUES ('urgent'), ('normal')) l (lane) LEFT JOIN peer p ON p.system_id = s.id
CROSS JOIN LATERAL (
    SELECT t.id, t.due_at FROM task t
    WHERE t.kind = '{KIND}.' || s.id AND t.lane = l.lane AND {_WAITING}
    ORDER BY t.due_at, t.id LIMIT $1) due
WHERE {_OPEN}
GROUP BY s.id, l.lane
"""
GATE = f"""
SELECT {prefixed(SYSTEM_COLUMNS, "s")}, s.pushed, p.state AS breaker, p.failures, p.retry_at, hub_now() AS now
FROM system s LEFT JOIN peer p ON p.system_id = s.id WHERE s.id = $1
"""
MAKE_PEER = "INSERT INTO peer (system_id) VALUES ($1) ON CONFLICT DO NOTHING"
LOCK_PEER = "SELECT FROM peer WHERE system_id = $1 FOR UPDATE"
SET_BREAKER = """
INSERT INTO peer (system_id, state, failures, retry_at, last_code) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (system_id) DO UPDATE
SET state = excluded.state, failures = excluded.failures, retry_at = excluded.retry_at,
    last_code = coalesce(excluded.last_code, peer.last_code),
    changed_at = CASE WHEN peer.state = excluded.state THEN peer.changed_at ELSE hub_now() END
"""
CLAIM_GROUP = f"""
WITH others AS (
    SELECT t.id FROM task t WHERE t.kind = $1 AND t.document_id = $2 AND t.id <> $3 AND {_WAITING}
    ORDER BY t.id LIMIT $6 FOR UPDATE SKIP LOCKED
)
UPDATE task t SET attempts = attempts + 1, lease_owner = $4, lease_token = lease_token + 1,
                  lease_until = hub_now() + $5
FROM others o WHERE t.id = o.id
RETURNING t.id, t.kind, t.lane, t.document_id, t.attempts, t.lease_token
"""
_PASSED = "(w.handed_over_at IS NOT NULL OR w.state = ANY (delivery_passed()))"
# What leaves the province has no agency in our directory: its unit is the code it is addressed to.
LOCK_READY = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d")},
       d.waits_for IS NOT NULL AND NOT EXISTS (
           SELECT FROM delivery w WHERE w.id = d.waits_for AND {_PASSED}) AS waiting,
       s.adapter <> '{NATIONAL}' AND NOT EXISTS (
           SELECT FROM agency a
           WHERE a.unit_id = d.unit_id AND a.system_id = d.system_id AND a.state <> 'locked') AS blocked
FROM delivery d JOIN system s ON s.id = d.system_id
WHERE d.id = ANY($1::uuid[]) ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
"""
LOCK = f"SELECT {DELIVERY_COLUMNS} FROM delivery WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
RENEW_TASKS = """
UPDATE task t SET lease_until = hub_now() + $3
FROM unnest($1::uuid[], $2::bigint[]) AS n(id, token) WHERE t.id = n.id AND t.lease_token = n.token
"""
RENEW_DELIVERIES = """
UPDATE delivery d SET lease_until = hub_now() + $3
FROM unnest($1::uuid[], $2::bigint[]) AS n(id, token)
WHERE d.id = n.id AND d.lease_token = n.token AND d.state = 'leased'
"""
# The delivery may have gone to another system with its unit while it was worked on: its task goes along, due
# there at once, or ends where that system fetches.
POSTPONE = f"""
WITH goes AS (
    SELECT '{KIND}.' || d.system_id AS kind, s.pushed
    FROM delivery d JOIN system s ON s.id = d.system_id WHERE d.id = $1
), ended AS (
    DELETE FROM task t USING goes g WHERE t.id = $1 AND t.lease_token = $2 AND NOT g.pushed
)
UPDATE task t SET due_at = CASE WHEN t.kind = g.kind THEN $3::timestamptz ELSE hub_now() END, kind = g.kind,
                  last_error = $4, lease_owner = NULL, lease_until = NULL
FROM goes g WHERE t.id = $1 AND t.lease_token = $2 AND g.pushed
"""
DELAY = """
UPDATE task SET due_at = $2 WHERE id = $1 AND (lease_until IS NULL OR lease_until < hub_now())
"""
HURRY = f"""
UPDATE task t SET due_at = hub_now()
WHERE t.kind = '{KIND}.' || $1::uuid AND t.due_at > hub_now()
  AND (t.lease_until IS NULL OR t.lease_until < hub_now())
"""
# Two transactions that cannot see each other may leave a delivery where nobody offers it: a unit moves, or a
# system comes to be pushed to, while another transaction queues. Such rows are looked for now and then.
REHOME = """
WITH stray AS (
    SELECT d.id, a.system_id FROM delivery d JOIN agency a ON a.unit_id = d.unit_id
    WHERE d.state IN ('awaiting_verification', 'held', 'queued') AND a.system_id <> d.system_id
    LIMIT $1 FOR UPDATE OF d SKIP LOCKED
), moved AS (
    UPDATE delivery d SET system_id = s.system_id FROM stray s WHERE d.id = s.id RETURNING d.system_id
), told AS (
    INSERT INTO outbox (topic, ref) SELECT DISTINCT 'inbox', system_id FROM moved
)
SELECT count(*) FROM moved
"""
ADOPT = f"""
INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
SELECT d.id, '{KIND}.' || d.system_id, d.lane, d.document_id, hub_now(), hub_now()
FROM system s CROSS JOIN (VALUES ('urgent'), ('normal')) l (lane) CROSS JOIN LATERAL (
    -- The oldest alone, whatever the backlog: what nobody offers comes to be among them.
    SELECT * FROM delivery q
    WHERE q.system_id = s.id AND q.lane = l.lane AND q.state = 'queued' AND q.parked_until IS NULL
    ORDER BY q.id LIMIT 5000) d
WHERE s.pushed AND NOT EXISTS (
    SELECT FROM task t
    WHERE t.id = d.id AND (t.kind = '{KIND}.' || d.system_id OR t.lease_until >= hub_now()))
LIMIT $1
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, lane = excluded.lane, due_at = excluded.due_at
    WHERE task.lease_until IS NULL OR task.lease_until < hub_now()
"""
FORGET = "DELETE FROM peer WHERE system_id = $1"
STATES = """
SELECT p.system_id, s.name, p.state, p.failures, p.retry_at, p.last_code, p.changed_at
FROM peer p JOIN system s ON s.id = p.system_id
WHERE p.state <> 'closed' OR p.failures > 0 ORDER BY s.name
"""
BACKLOG = f"""
SELECT coalesce(sum(w.waiting), 0)::bigint AS waiting,
       greatest(coalesce(max(extract(epoch FROM hub_now() - w.oldest)), 0), 0)::float8 AS oldest,
       count(*) FILTER (WHERE p.state <> 'closed') AS paused
FROM system s LEFT JOIN peer p ON p.system_id = s.id
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(t.due_at) AS oldest
    FROM (SELECT due_at FROM task WHERE kind = '{KIND}.' || s.id ORDER BY due_at LIMIT 10001) t) w
WHERE s.pushed
"""


class PgPeers:
    """Implements `PeerRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def pushed(self) -> tuple[UUID, ...]:
        """Return the active systems that are pushed to."""
        return tuple(row["id"] for row in await self._connection.fetch(PUSHED))

    async def not_pushed(self) -> tuple[UUID, ...]:
        """Return the systems that are not pushed to now."""
        return tuple(row["id"] for row in await self._connection.fetch(NOT_PUSHED))

    async def due(self, system_id: UUID, lane: str, limit: int) -> tuple[UUID, ...]:
        """Return a peer's due rows of a lane."""
        rows = await self._connection.fetch(DUE, system_id, lane, limit)
        return tuple(row["id"] for row in rows)

    async def due_lanes(self, per_lane: int) -> tuple[DueLane, ...]:
        """Return the lanes with due rows."""
        rows = await self._connection.fetch(DUE_LANES, per_lane)
        return tuple(DueLane(topic=row["topic"], refs=tuple(row["refs"])) for row in rows)

    async def gate(self, system_id: UUID, *, lock: bool = False) -> Gate | None:
        """Return whether a peer may be tried."""
        if lock:
            await self._connection.execute(MAKE_PEER, system_id)
            await self._connection.execute(LOCK_PEER, system_id)
        row = await self._connection.fetchrow(GATE, system_id)
        if row is None:
            return None
        return Gate(
            system=system(row), pushed=row["pushed"], breaker=_breaker(row, "breaker"), now=row["now"]
        )

    async def set_breaker(self, system_id: UUID, breaker: Breaker, code: str | None) -> None:
        """Write a breaker."""
        await self._connection.execute(
            SET_BREAKER, system_id, breaker.state.value, breaker.failures, breaker.retry_at, code
        )

    async def claim_group(self, task: Task, *, owner: str, lease: timedelta, limit: int) -> tuple[Task, ...]:
        """Claim the other due tasks of the same document and peer."""
        rows = await self._connection.fetch(
            CLAIM_GROUP, task.kind, task.document_id, task.id, owner, lease, limit
        )
        return tuple(
            Task(
                id=row["id"],
                kind=row["kind"],
                lane=Lane(row["lane"]),
                document_id=row["document_id"],
                attempts=row["attempts"],
                lease_token=row["lease_token"],
            )
            for row in rows
        )

    async def lock_ready(self, delivery_ids: Sequence[UUID]) -> tuple[ReadyDelivery, ...]:
        """Lock and return deliveries that nobody else has locked."""
        rows = await self._connection.fetch(LOCK_READY, list(delivery_ids))
        return tuple(
            ReadyDelivery(delivery=delivery(row), waiting=row["waiting"], blocked=row["blocked"])
            for row in rows
        )

    async def lock(self, delivery_ids: Sequence[UUID]) -> tuple[DeliveryRecord, ...]:
        """Lock and return deliveries."""
        rows = await self._connection.fetch(LOCK, list(delivery_ids))
        return tuple(delivery(row) for row in rows)

    async def renew(
        self, tasks: Sequence[Task], deliveries: Sequence[DeliveryRecord], lease: timedelta
    ) -> bool:
        """Prolong the leases of tasks and of their deliveries."""
        await self._connection.execute(
            RENEW_DELIVERIES, [d.id for d in deliveries], [d.lease_token for d in deliveries], lease
        )
        status = await self._connection.execute(
            RENEW_TASKS, [t.id for t in tasks], [t.lease_token for t in tasks], lease
        )
        return count_of(status) == len(tasks)

    async def postpone(self, task: Task, *, due_at: datetime, error: str) -> bool:
        """Give a task back, due at a time."""
        status = await self._connection.execute(POSTPONE, task.id, task.lease_token, due_at, error)
        return count_of(status) == 1

    async def take_in_strays(self, limit: int) -> int:
        """Give deliveries to the systems of their units, and tasks to queued ones that have none."""
        moved: int = await self._connection.fetchval(REHOME, limit)
        return moved + count_of(await self._connection.execute(ADOPT, limit))

    async def delay(self, task_id: UUID, due_at: datetime) -> None:
        """Make a task due at a time."""
        await self._connection.execute(DELAY, task_id, due_at)

    async def hurry(self, system_id: UUID) -> int:
        """Make a peer's tasks due now."""
        return count_of(await self._connection.execute(HURRY, system_id))

    async def forget(self, system_id: UUID) -> None:
        """Forget a peer's breaker."""
        await self._connection.execute(FORGET, system_id)

    async def states(self) -> tuple[PeerState, ...]:
        """Return the peers with failures."""
        return tuple(
            PeerState(
                system_id=row["system_id"],
                name=row["name"],
                breaker=_breaker(row, "state"),
                last_code=row["last_code"],
                since=row["changed_at"],
            )
            for row in await self._connection.fetch(STATES)
        )

    async def backlog(self) -> PushBacklog:
        """Return what waits to be pushed."""
        row = await self._connection.fetchrow(BACKLOG)
        if row is None:
            return PushBacklog(waiting=0, oldest_s=0.0, paused_peers=0)
        return PushBacklog(waiting=row["waiting"], oldest_s=row["oldest"], paused_peers=row["paused"])


def _breaker(row: asyncpg.Record, state: str) -> Breaker:
    if row[state] is None:
        return Breaker()
    return Breaker(state=BreakerState(row[state]), failures=row["failures"], retry_at=row["retry_at"])
