"""Tasks as rows with leases; the broker only hints at them (design section 3).

`claim` is a compare-and-set that counts the attempt and raises the fencing token before the work
starts. Every later write of the worker names the token: 0 rows means that the lease was lost and the
worker must roll back and stop.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from hub.domain.deadlines import Lane
from hub.ports.records import Hint, NewTask, Task
from hub.storage.connection import Connection
from hub.storage.rows import count_of

_WAITING = "due_at <= hub_now() AND (lease_until IS NULL OR lease_until < hub_now())"
DUE = f"SELECT id FROM task WHERE kind = $1 AND lane = $2 AND {_WAITING} ORDER BY due_at, id LIMIT $3"
CLAIM = f"""
UPDATE task SET attempts = attempts + 1, lease_owner = $2, lease_token = lease_token + 1,
                lease_until = hub_now() + $3
WHERE id = $1 AND {_WAITING}
RETURNING id, kind, lane, document_id, attempts, lease_token
"""
TAKE_BACK = "UPDATE task SET lease_until = NULL WHERE lease_owner = $1 AND lease_until IS NOT NULL"
RENEW = "UPDATE task SET lease_until = hub_now() + $3 WHERE id = $1 AND lease_token = $2"
FINISH = "DELETE FROM task WHERE id = $1 AND lease_token = $2"
# A task given back was not tried: only claims that ended in a lost lease or a verdict count.
POSTPONE = """
UPDATE task SET attempts = greatest(attempts - 1, 0), due_at = hub_now() + $3, last_error = $4,
                lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2
"""
LATER = """
INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
VALUES ($1, $2, $3, $4, hub_now() + $5, hub_now()) ON CONFLICT (id) DO NOTHING
"""
AGAIN = """
UPDATE task SET due_at = hub_now() + $3, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2
"""
DUE_AT = "SELECT due_at FROM task WHERE id = $1"
MAKE_DUE = """
UPDATE task SET due_at = least(due_at, hub_now())
WHERE id = $1 AND (lease_until IS NULL OR lease_until < hub_now())
RETURNING id, kind, lane
"""
# Rows of peers are announced by themselves, unless a breaker is open (`peers.py`); second
# looks wait for no hint.
NEGLECTED = """
SELECT id, kind, lane FROM task
WHERE due_at < hub_now() - $1::interval AND (lease_until IS NULL OR lease_until < hub_now())
  AND kind NOT LIKE 'deliver.%' AND kind <> 'verify_again'
ORDER BY lane = 'normal', due_at LIMIT $2
"""
# Counting stops at one more than the limit that matters (design section 8: 20,000). How long a task waits
# counts from when it was last due: one that is put off again and again is no backlog, nor is one that is
# being worked on.
BACKLOG = """
SELECT count(*) AS waiting, greatest(max(extract(epoch FROM hub_now() - due_at)), 0)::float8 AS oldest
FROM (SELECT due_at FROM task
      WHERE kind = $1 AND (lease_until IS NULL OR lease_until < hub_now())
      ORDER BY due_at LIMIT 20001) t
"""


class PgTasks:
    """Implements `TaskRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def due(self, kind: str, lane: str, limit: int) -> tuple[UUID, ...]:
        """Return tasks that are due and not leased."""
        rows = await self._connection.fetch(DUE, kind, lane, limit)
        return tuple(row["id"] for row in rows)

    async def claim(self, task_id: UUID, *, owner: str, lease: timedelta) -> Task | None:
        """Take a due task by compare-and-set."""
        row = await self._connection.fetchrow(CLAIM, task_id, owner, lease)
        if row is None:
            return None
        return Task(
            id=row["id"],
            kind=row["kind"],
            lane=Lane(row["lane"]),
            document_id=row["document_id"],
            attempts=row["attempts"],
            lease_token=row["lease_token"],
        )

    async def take_back(self, owner: str) -> int:
        """End the leases that an earlier life of this node left; tokens stay, so an old worker is fenced."""
        return count_of(await self._connection.execute(TAKE_BACK, owner))

    async def renew(self, task: Task, lease: timedelta) -> bool:
        """Prolong a lease."""
        return await self._held(RENEW, task.id, task.lease_token, lease)

    async def finish(self, task: Task) -> bool:
        """Delete a task."""
        return await self._held(FINISH, task.id, task.lease_token)

    async def postpone(self, task: Task, *, delay: timedelta, error: str) -> bool:
        """Give a task back, due later."""
        return await self._held(POSTPONE, task.id, task.lease_token, delay, error)

    async def later(self, task: NewTask, *, after: timedelta) -> None:
        """Make a task that is due after a while."""
        await self._connection.execute(LATER, task.id, task.kind, task.lane.value, task.document_id, after)

    async def again(self, task: Task, *, delay: timedelta) -> bool:
        """Give a task back, with its attempts."""
        return await self._held(AGAIN, task.id, task.lease_token, delay)

    async def due_at(self, task_id: UUID) -> datetime | None:
        """Return when a task is due."""
        found: datetime | None = await self._connection.fetchval(DUE_AT, task_id)
        return found

    async def make_due(self, task_id: UUID) -> Hint | None:
        """Make a task due now, unless somebody works on it."""
        row = await self._connection.fetchrow(MAKE_DUE, task_id)
        return None if row is None else Hint(topic=f"{row['kind']}.{row['lane']}", ref=row["id"])

    async def neglected(self, older_than: timedelta, limit: int) -> tuple[Hint, ...]:
        """Return hints for tasks whose first hint seems to be lost."""
        rows = await self._connection.fetch(NEGLECTED, older_than, limit)
        return tuple(Hint(topic=f"{row['kind']}.{row['lane']}", ref=row["id"]) for row in rows)

    async def backlog(self, kind: str) -> tuple[int, float]:
        """Return (number of waiting tasks, age of the oldest in seconds)."""
        row = await self._connection.fetchrow(BACKLOG, kind)
        if row is None:
            return 0, 0.0
        return row["waiting"], row["oldest"]

    async def _held(self, sql: str, *arguments: object) -> bool:
        status: str = await self._connection.execute(sql, *arguments)
        return status.endswith(" 1")
