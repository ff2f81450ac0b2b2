"""The directory as one immutable snapshot per node, reloaded when its version number has moved."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from hub.domain.directory import Directory
from hub.ports.unit_of_work import UnitOfWork

LOOK_AGAIN_S: Final = 1.0


class DirectorySnapshot:
    """Hands out the current directory. A change made on any node is seen here within a second."""

    def __init__(self, uow: UnitOfWork, province_suffixes: frozenset[str]) -> None:
        self._uow = uow
        self._suffixes = province_suffixes
        self._directory: Directory | None = None
        self._version = -1
        self._fresh_until = 0.0
        self._loading = asyncio.Lock()

    async def current(self) -> Directory:
        """Return the directory; raises DatabaseUnavailable if it was never loaded and cannot be."""
        # While one call loads, the others go on with what there is.
        fresh = time.monotonic() < self._fresh_until or self._loading.locked()
        if self._directory is not None and fresh:
            return self._directory
        async with self._loading:
            if self._directory is not None and time.monotonic() < self._fresh_until:
                return self._directory
            return await self._look()

    async def renewed(self) -> Directory:
        """Return the directory as it is at this moment: for who has just changed it, or is about to."""
        async with self._loading:
            return await self._look()

    @property
    def version(self) -> int:
        """The number of the directory's last change that this node has seen."""
        return max(self._version, 0)

    async def _look(self) -> Directory:
        async with self._uow.read() as query:
            version = await query.directory.version()
            if self._directory is None or version != self._version:
                self._directory = await query.directory.load(self._suffixes)
                self._version = version
        self._fresh_until = time.monotonic() + LOOK_AGAIN_S
        return self._directory
