"""What becomes of a hint that the broker has given up on: its row is due again.

A hint is given back when the one who had it went away; after some twenty times the broker sets it aside. That
is about the hint, never about the row: whether a task has failed too often is counted in the task itself.
[design section 3]
"""

from __future__ import annotations

from uuid import UUID

from hub.observability.metrics import Metrics
from hub.ports.records import Change
from hub.ports.unit_of_work import UnitOfWork


class DeadLetters:
    """Brings rows back whose hints were set aside."""

    def __init__(self, uow: UnitOfWork, metrics: Metrics | None = None) -> None:
        self._uow = uow
        self._metrics = metrics

    async def make_due(self, task_id: UUID) -> None:
        """Make a task due now, with a new hint; a task that is done or worked on is left alone."""
        if self._metrics is not None:
            self._metrics.dead_letters.inc()
        async with self._uow.begin() as tx:
            hint = await tx.tasks.make_due(task_id)
            if hint is not None:
                await tx.record(Change(hints=[hint]))
