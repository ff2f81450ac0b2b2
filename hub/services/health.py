"""Whether this node can do its work: the database answers, the disk has room, the backlog is bearable.

The same facts decide whether new documents of the normal lane are taken in (design section 8): what
cannot be worked off is refused at the door with 503 and a Retry-After, urgent ones still come in.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.intake_commit import VERIFY
from hub.services.kit import Kit
from hub.services.rules import DEFAULT_FLOOR, IntakeFloor

FRESH_FOR_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """What was found; `refuse` is the problem code with which documents are refused now, if any."""

    database: bool
    disk_free: int
    disk_total: int
    backlog: int
    backlog_age_s: float
    floor: IntakeFloor = DEFAULT_FLOOR

    @property
    def refuse(self) -> str | None:
        """The problem code with which the normal lane is closed, or None."""
        if not self.database:
            return "database_unavailable"
        if self.disk_total and self.disk_free < self.floor.disk_floor(self.disk_total):
            return "disk_low"
        floor = self.floor
        if self.backlog > floor.backlog or self.backlog_age_s > floor.backlog_age.total_seconds():
            return "backlog_full"
        return None


class HealthService:
    """Looks at the node, at most every two seconds."""

    def __init__(self, kit: Kit) -> None:
        self._uow, self._blobs, self._floor = kit.uow, kit.blobs, kit.rules.floor
        self._metrics = kit.metrics
        self._last: NodeHealth | None = None
        self._until = 0.0

    async def look(self) -> NodeHealth:
        """Return the health of this node, as found within the last two seconds."""
        if self._last is not None and time.monotonic() < self._until:
            return self._last
        free, total = await self._blobs.free_bytes()
        try:
            async with self._uow.read() as query:
                backlog, age = await query.tasks.backlog(VERIFY)
            database = True
        except DatabaseUnavailable:
            backlog, age, database = 0, 0.0, False
        self._last = NodeHealth(
            database=database,
            disk_free=free,
            disk_total=total,
            backlog=backlog,
            backlog_age_s=age,
            floor=self._floor,
        )
        self._metrics.tasks_due.labels(VERIFY).set(backlog)
        self._metrics.oldest_task_age.labels(VERIFY).set(age)
        self._metrics.storage_free_bytes.set(free)
        self._metrics.storage_total_bytes.set(total)
        self._until = time.monotonic() + FRESH_FOR_S
        return self._last
