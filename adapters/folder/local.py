"""Folders of this machine (or mounted on it), under a root that nobody leads out of.

Every folder is opened component by component without following links, and every file by its name in that
folder: whoever may write into the folders cannot make the hub read or write anywhere else. File work runs in
threads of its own, so that a mount that hangs stops nothing but its own system.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from adapters.folder.files import (
    CHUNK_BYTES,
    TEMPORARY,
    FileChanged,
    FileInfo,
    FilesError,
    FilesUnavailable,
    FirstNames,
)

FILE_MODE: Final = 0o660
FOLDER_MODE: Final = 0o2770
"""The group of the root goes to all that is made in it, so that hub and DMS can share it."""
LEFTOVER_S: Final = 86_400
THREADS: Final = 4
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CODES: Final = {
    errno.ENOSPC: "folder_full",
    errno.EDQUOT: "folder_full",
    errno.EACCES: "folder_not_allowed",
    errno.EPERM: "folder_not_allowed",
    errno.EROFS: "folder_not_allowed",
    errno.ENOENT: "folder_missing",
    errno.ELOOP: "folder_not_plain",
    errno.ENOTDIR: "folder_not_plain",
}

P = ParamSpec("P")
R = TypeVar("R")


class LocalFiles:
    """Implements `Files` on one folder of this machine."""

    def __init__(self, root: Path, *, timeout_s: float) -> None:
        self._root = root
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="folder")

    async def names(
        self, folder: str, *, accept: Callable[[str], bool], after: str, limit: int
    ) -> tuple[str, ...]:
        """Return the first accepted names after `after`."""
        return await self._run(self._names, folder, FirstNames(accept=accept, after=after, limit=limit))

    def _names(self, folder: str, found: FirstNames) -> tuple[str, ...]:
        with self._folder(folder) as handle, os.scandir(handle) as entries:
            for entry in entries:
                found.add(entry.name)
        return found.result()

    async def look(self, folder: str, name: str) -> FileInfo | None:
        """Look at a file without following a link."""
        return await self._run(self._look, folder, name)

    def _look(self, folder: str, name: str) -> FileInfo | None:
        with self._folder(folder) as handle:
            try:
                return _info(name, os.stat(name, dir_fd=handle, follow_symlinks=False))
            except FileNotFoundError:
                return None

    async def read(self, folder: str, info: FileInfo) -> AsyncIterator[bytes]:
        """Stream a file; the last chunk comes only if the file is still what was looked at."""
        handle = await self._run(self._open, folder, info)
        try:
            left = info.size
            while True:
                chunk = await self._run(os.read, handle, min(CHUNK_BYTES, left + 1))
                left -= len(chunk)
                if left < 0 or (not chunk and left):
                    raise FileChanged(info.name)
                if not left:
                    await self._run(_still, handle, info)
                    if chunk:
                        yield chunk
                    return
                yield chunk
        finally:
            os.close(handle)

    def _open(self, folder: str, info: FileInfo) -> int:
        with self._folder(folder) as parent:
            try:
                handle = os.open(info.name, _READ, dir_fd=parent)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
                    raise FileChanged(info.name) from None
                raise
        try:
            _still(handle, info)
        except BaseException:
            os.close(handle)
            raise
        return handle

    async def write(self, folder: str, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Write a file under a temporary name, make it durable, give it its name."""
        temporary = f"{TEMPORARY}{secrets.token_hex(8)}.part"
        file = await self._run(self._create, folder, temporary)
        size = 0
        try:
            try:
                async for chunk in chunks:
                    await self._run(_write_all, file, chunk)
                    size += len(chunk)
                await self._run(os.fsync, file)
            finally:
                file.close()
            await self._run(self._name, folder, temporary, name)
        except BaseException:
            with suppress(FilesError):
                await self.remove(folder, temporary)
            raise
        return size

    def _create(self, folder: str, name: str) -> FileIO:
        with self._folder(folder) as parent:
            handle = os.open(name, _WRITE, FILE_MODE, dir_fd=parent)
            with suppress(PermissionError):  # a share that knows no modes
                os.fchmod(handle, FILE_MODE)
            return FileIO(handle, "wb")

    def _name(self, folder: str, temporary: str, name: str) -> None:
        with self._folder(folder) as parent:
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            _sync(parent)

    async def move(self, folder: str, name: str, target: str, new_name: str) -> bool:
        """Rename a file in one step, never over another."""
        return await self._run(self._move, folder, name, target, new_name)

    def _move(self, folder: str, name: str, target: str, new_name: str) -> bool:
        with self._folder(folder) as source, self._folder(target) as goal:
            # Nobody but the hub, on one node at a time, writes into the folders that it moves files to.
            with suppress(FileNotFoundError):
                os.stat(new_name, dir_fd=goal, follow_symlinks=False)
                return False
            try:
                os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=goal)
            except FileNotFoundError:
                raise FileChanged(name) from None
            _sync(goal)
            _sync(source)
        return True

    async def remove(self, folder: str, name: str) -> None:
        """Delete a file; one that is gone is no error."""
        await self._run(self._remove, folder, name)

    def _remove(self, folder: str, name: str) -> None:
        with self._folder(folder) as parent, suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)

    async def prepare(self, folders: Iterable[str]) -> None:
        """Make the folders where they are missing; remove old temporary files in them."""
        await self._run(self._prepare, tuple(folders))

    def _prepare(self, folders: tuple[str, ...]) -> None:
        self._root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        for folder in folders:
            parts = folder.split("/")
            for depth in range(1, len(parts) + 1):
                with self._folder("/".join(parts[: depth - 1])) as parent, suppress(FileExistsError):
                    os.mkdir(parts[depth - 1], FOLDER_MODE, dir_fd=parent)
                    with suppress(PermissionError):
                        os.chmod(parts[depth - 1], FOLDER_MODE, dir_fd=parent)
            self._remove_leftovers(folder)

    def _remove_leftovers(self, folder: str) -> None:
        limit = time.time() - LEFTOVER_S
        with self._folder(folder) as parent, os.scandir(parent) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY):
                    with suppress(FileNotFoundError):
                        if entry.stat(follow_symlinks=False).st_mtime < limit:
                            os.unlink(entry.name, dir_fd=parent)

    async def close(self) -> None:
        """Let the threads go; one that hangs in a mount is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _folder(self, folder: str) -> Iterator[int]:
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folder.split("/") if folder else ():
                if part in {"", ".", ".."}:
                    raise ValueError("not a folder under the root")
                inner = os.open(part, _OPEN_FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        except FilesError:
            raise
        except TimeoutError:
            raise FilesUnavailable("folder_slow", "no answer from the file system in time") from None
        except (OSError, RuntimeError) as error:
            number = error.errno if isinstance(error, OSError) else None
            code = _CODES.get(number or 0, "folder_failed")
            raise FilesUnavailable(code, os.strerror(number) if number else type(error).__name__) from error


def _info(name: str, found: os.stat_result) -> FileInfo:
    return FileInfo(
        name=name,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        plain=stat.S_ISREG(found.st_mode) and found.st_nlink == 1,
        mark=found.st_ino,
    )


def _still(handle: int, info: FileInfo) -> None:
    if _info(info.name, os.fstat(handle)) != info or not info.plain:
        raise FileChanged(info.name)


def _write_all(file: FileIO, chunk: bytes) -> None:
    # A file object, not its number: a thread that hung in a mount may wake up when the file is long closed
    # and the number is somebody else's, a connection's for instance. The object then refuses.
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _sync(folder: int) -> None:
    with suppress(OSError):  # shares that cannot: the rename is in their journal or nowhere
        os.fsync(folder)
