"""Numbers for committed events: cursors and later the hash chain count on them, never on times."""

from __future__ import annotations

from typing import Final

from hub.ports.unit_of_work import UnitOfWork

BATCH: Final = 1_000


class Numbering:
    """Gives committed events their numbers; any node may, one at a time (row lock of the log head)."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def number(self) -> int:
        """Number one batch and return its size."""
        async with self._uow.begin() as tx:
            return await tx.events.number(BATCH)
