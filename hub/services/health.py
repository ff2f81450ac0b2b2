"""Whether this node can do its work: the database answers, the disk has room, the backlog is bearable.

The same facts decide whether new documents of the normal lane are taken in (design section 8): what
cannot be worked off is refused at the door with 503 and a Retry-After, urgent ones still come in.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from hub.domain.limits import VERIFY_BACKLOG_AGE_MAX, VERIFY_BACKLOG_MAX, disk_floor
from hub.ports.blobs import BlobStore
from hub.ports.unit_of_work import DatabaseUnavailable, UnitOfWork
from hub.services.intake_commit import VERIFY

FRESH_FOR_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """What was found; `refuse` is the problem code with which documents are refused now, if any."""

    database: bool
    disk_free: int
    disk_total: int
    backlog: int
    backlog_age_s: float

    @property
    def refuse(self) -> str | None:
        """The problem code with which the normal lane is closed, or None."""
        if not self.database:
            return "database_unavailable"
        if self.disk_total and self.disk_free < disk_floor(self.disk_total):
            return "disk_low"
        if self.backlog > VERIFY_BACKLOG_MAX or self.backlog_age_s > VERIFY_BACKLOG_AGE_MAX.total_seconds():
            return "backlog_full"
        return None


class HealthService:
    """Looks at the node, at most every two seconds."""

    def __init__(self, uow: UnitOfWork, blobs: BlobStore) -> None:
        self._uow = uow
        self._blobs = blobs
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
            database=database, disk_free=free, disk_total=total, backlog=backlog, backlog_age_s=age
        )
        self._until = time.monotonic() + FRESH_FOR_S
        return self._last
