"""Spools: private scratch folders for bodies while they arrive, and the threads in which file work runs.

A spool may vanish with its process; what a killed one left is cleared by age at the next start. No file work
runs on the event loop, and what the system refuses becomes a BlobStoreError.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from hub.ports.blobs import BlobStoreError, BlobStoreFailed, BlobStoreFull

THREADS: Final = 8
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

P = ParamSpec("P")
R = TypeVar("R")


class Spools:
    """The spools of one folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where it is missing. Raises BlobStoreFull or BlobStoreFailed."""
        self.folder = folder
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")
        with translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def close(self) -> None:
        """Let the threads go once their work is done."""
        self._threads.shutdown(wait=True)

    async def new(self) -> Path:
        """Make a fresh private folder."""
        spool = self.folder / secrets.token_hex(16)
        await self.run(spool.mkdir, 0o700)
        return spool

    async def drop(self, spool: Path) -> None:
        """Remove a spool with all that is in it. Raises ValueError for a folder that is none."""
        if spool.parent != self.folder:
            raise ValueError("not a spool of this store")
        await self.run(_remove_tree, spool)

    async def clear(self, older_than: timedelta) -> int:
        """Remove the spools last touched longer ago than that; return how many."""
        return await self.run(self._clear, older_than.total_seconds())

    def _clear(self, older_than_s: float) -> int:
        limit = datetime.now(UTC).timestamp() - older_than_s
        removed = 0
        for spool in self.folder.iterdir():
            with suppress(FileNotFoundError):  # its owner was faster
                if _last_touched(spool) <= limit:
                    _remove_tree(spool)
                    removed += 1
        return removed

    async def space(self) -> tuple[int, int]:
        """Return (free, total) bytes of the file system, free as an ordinary account may use them."""
        info = await self.run(os.statvfs, self.folder)
        return info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run file work in a thread; what the system refuses becomes a BlobStoreError."""
        with translated():
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: work(*args, **kwargs)
            )


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the system refuses into a BlobStoreError."""
    try:
        yield
    except BlobStoreError:
        raise
    except OSError as error:
        kind = BlobStoreFull if error.errno in _NO_SPACE else BlobStoreFailed
        raise kind(error.strerror or str(error)) from error


def _remove_tree(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _last_touched(spool: Path) -> float:
    """Return the latest change in a spool: a folder's own time does not move while a file in it grows."""
    latest = spool.stat().st_mtime
    for root, folders, files in os.walk(spool):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                latest = max(latest, (Path(root) / name).lstat().st_mtime)
    return latest
