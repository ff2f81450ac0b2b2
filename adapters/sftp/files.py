"""`Files` over SFTP: the same rules as for local folders, as far as the protocol knows them.

What is written goes to a temporary name first, is flushed to the disk where the server can, compared in size,
and renamed over the name in one step (`posix-rename@openssh.com`; a server without it has the name free for a
moment). Moves use the protocol's rename, which replaces nothing. A server tells no numbers of files and, to a
second, their times; what is read is compared with what was looked at all the same, before its last chunk.
"""

from __future__ import annotations

import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Final, cast

import asyncssh

from adapters.folder.files import (
    CHUNK_BYTES,
    TEMPORARY,
    FileChanged,
    FileInfo,
    FilesError,
    FilesUnavailable,
    FirstNames,
)
from adapters.sftp.connection import SftpConnection

LEFTOVER_S: Final = 86_400
NAMES_AT_ONCE: Final = 2_000
"""So many names of a listing are taken within one time limit."""
_GONE: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_TAKEN: Final = (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists)


class SftpFiles:
    """Implements `Files` on a folder of an SFTP server."""

    def __init__(self, connection: SftpConnection, root: str) -> None:
        self._connection = connection
        self._root = root.rstrip("/") or "/"

    async def names(
        self, folder: str, *, accept: Callable[[str], bool], after: str, limit: int
    ) -> tuple[str, ...]:
        """Return the first accepted names after `after`."""
        found = FirstNames(accept=accept, after=after, limit=limit)
        async for name in self._listed(folder):
            found.add(str(name.filename))
        return found.result()

    async def _listed(self, folder: str) -> AsyncIterator[asyncssh.SFTPName]:
        async with self._connection.client() as client:
            names = client.scandir(self._path(folder))
        while True:
            batch = []
            async with self._connection.client():
                async for name in names:
                    if name.filename not in {".", ".."}:
                        batch.append(name)
                    if len(batch) >= NAMES_AT_ONCE:
                        break
            for name in batch:
                yield name
            if len(batch) < NAMES_AT_ONCE:
                return

    async def look(self, folder: str, name: str) -> FileInfo | None:
        """Look at a file without following a link."""
        async with self._connection.client() as client:
            try:
                return _info(name, await client.lstat(self._path(folder, name)))
            except _GONE:
                return None

    async def read(self, folder: str, info: FileInfo) -> AsyncIterator[bytes]:
        """Stream a file; the last chunk comes only if the file is still what was looked at."""
        if not info.plain or await self.look(folder, info.name) != info:
            raise FileChanged(info.name)
        async with self._connection.client() as client:
            try:
                file = await client.open(self._path(folder, info.name), "rb", encoding=None)
            except _GONE:
                raise FileChanged(info.name) from None
        try:
            async for chunk in self._chunks(file, info):
                done = chunk[1]
                if done and await self.look(folder, info.name) != info:
                    raise FileChanged(info.name)
                if chunk[0]:
                    yield chunk[0]
        finally:
            with suppress(FilesError):
                async with self._connection.client():
                    await file.close()

    async def _chunks(
        self, file: asyncssh.SFTPClientFile, info: FileInfo
    ) -> AsyncIterator[tuple[bytes, bool]]:
        # Pairs of bytes and whether they are the last.
        offset = 0
        while True:
            async with self._connection.client():
                chunk = await file.read(min(CHUNK_BYTES, info.size - offset + 1), offset)
            content = cast(bytes, chunk)  # opened without an encoding
            offset += len(content)
            if offset > info.size or (not content and offset < info.size):
                raise FileChanged(info.name)
            yield content, offset == info.size
            if offset == info.size:
                return

    async def write(self, folder: str, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Write a file under a temporary name, flush it, give it its name."""
        temporary = self._path(folder, f"{TEMPORARY}{secrets.token_hex(8)}.part")
        size = 0
        try:
            async with self._connection.client() as client:
                file = await client.open(temporary, "xb", encoding=None)
            try:
                async for chunk in chunks:
                    async with self._connection.client():
                        await file.write(chunk, size)
                    size += len(chunk)
                async with self._connection.client():
                    with suppress(asyncssh.SFTPOpUnsupported):
                        await file.fsync()
            finally:
                async with self._connection.client():
                    await file.close()
            await self._name(temporary, self._path(folder, name), size)
        except BaseException:
            with suppress(FilesError):
                await self._remove(temporary)
            raise
        return size

    async def _name(self, temporary: str, wanted: str, size: int) -> None:
        async with self._connection.client() as client:
            if (await client.lstat(temporary)).size != size:
                raise FilesUnavailable("folder_failed", "the server kept another number of bytes")
            try:
                await client.posix_rename(temporary, wanted)
            except asyncssh.SFTPOpUnsupported:
                with suppress(*_GONE):
                    await client.remove(wanted)
                await client.rename(temporary, wanted)

    async def move(self, folder: str, name: str, target: str, new_name: str) -> bool:
        """Rename a file in one step, never over another."""
        if await self.look(target, new_name) is not None:
            return False
        async with self._connection.client() as client:
            try:
                await client.rename(self._path(folder, name), self._path(target, new_name))
            except _GONE:
                raise FileChanged(name) from None
            except _TAKEN:
                if await client.exists(self._path(target, new_name)):
                    return False
                raise
        return True

    async def remove(self, folder: str, name: str) -> None:
        """Delete a file; one that is gone is no error."""
        await self._remove(self._path(folder, name))

    async def _remove(self, path: str) -> None:
        async with self._connection.client() as client:
            with suppress(*_GONE):
                await client.remove(path)

    async def prepare(self, folders: Iterable[str]) -> None:
        """Make the folders where they are missing; remove old temporary files in them."""
        async with self._connection.client() as client:
            await client.makedirs(self._root, exist_ok=True)
        for folder in folders:
            async with self._connection.client() as client:
                await client.makedirs(self._path(folder), exist_ok=True)
            await self._remove_leftovers(folder)

    async def _remove_leftovers(self, folder: str) -> None:
        limit = time.time() - LEFTOVER_S
        async for name in self._listed(folder):
            filename = str(name.filename)
            if filename.startswith(TEMPORARY) and (name.attrs.mtime or limit) < limit:
                await self.remove(folder, filename)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connection.close()

    def _path(self, folder: str, name: str = "") -> str:
        parts = folder.split("/") if folder else []
        if any(part in {"", ".", ".."} for part in parts) or "/" in name or name in {".", ".."}:
            raise ValueError("not a file under the root")
        return "/".join([self._root if self._root != "/" else "", *parts, *([name] if name else [])]) or "/"


def _info(name: str, attrs: asyncssh.SFTPAttrs) -> FileInfo:
    mode = attrs.permissions
    plain = attrs.type == asyncssh.FILEXFER_TYPE_REGULAR if mode is None else stat.S_ISREG(mode)
    links = attrs.nlink if attrs.nlink is not None else 1
    return FileInfo(
        name=name,
        size=attrs.size or 0,
        mtime_ns=(attrs.mtime or 0) * 1_000_000_000 + (attrs.mtime_ns or 0),
        plain=plain and links == 1,
    )
