"""The few things that the folder adapter does with files: a small port, local or over SFTP.

Paths are a folder relative to the root and a plain name in it. Nothing outside the root is ever reached, no
link is followed, nothing is replaced but what the hub itself wrote, and nobody sees half a file: what is
written appears under its name complete.

FilesError           code, peer_fault
├── FileChanged      the file is not, or no longer, what was looked at
└── FilesUnavailable the folders cannot be used now: unreachable, full, not allowed, too slow
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

TEMPORARY: Final = ".lienthong-"
"""What names of the hub's own unfinished files begin with."""
NAMES_MOST: Final = 500_000
"""A folder with more is not listed: something has gone wrong there that a person must look at."""
NAME_MOST_BYTES: Final = 200
CHUNK_BYTES: Final = 262_144

_PLAIN_FOLDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class FilesError(Exception):
    """Something about files went wrong; `code` is stable, the text is for the administrator."""

    def __init__(self, code: str, text: str, *, peer_fault: bool = True) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.peer_fault = peer_fault


class FileChanged(FilesError):
    """The file is not what was looked at: it grew, was replaced, or is gone. To be looked at again."""

    def __init__(self, name: str) -> None:
        super().__init__("file_changed", f"{printable(name)} changed while it was read", peer_fault=False)


class FilesUnavailable(FilesError):
    """The folders cannot be used now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """A file as one look found it. `plain`: a regular file with this one name. `mark` differs between files
    that took turns under one name, where the file system can tell."""

    name: str
    size: int
    mtime_ns: int
    plain: bool
    mark: int = 0


class Files(Protocol):
    """The folders of one system. Every method may raise FilesUnavailable."""

    async def names(
        self, folder: str, *, accept: Callable[[str], bool], after: str, limit: int
    ) -> tuple[str, ...]:
        """Return the first accepted names after `after` in alphabetical order; memory holds no more."""

    async def look(self, folder: str, name: str) -> FileInfo | None:
        """Look at a file without following a link; None: there is none."""

    def read(self, folder: str, info: FileInfo) -> AsyncIterator[bytes]:
        """Stream a file. Raises FileChanged instead of the last chunk if it is not what was looked at."""

    async def write(self, folder: str, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Write a file under a temporary name, make it durable, give it its name; return its size.

        A file of this name is replaced at once. If the process dies, a temporary file is left, which
        `prepare` removes after a day.
        """

    async def move(self, folder: str, name: str, target: str, new_name: str) -> bool:
        """Rename a file in one step; False if the new name is taken. Raises FileChanged if it is gone."""

    async def remove(self, folder: str, name: str) -> None:
        """Delete a file; one that is gone is no error."""

    async def prepare(self, folders: Iterable[str]) -> None:
        """Make these folders and the root where they are missing; remove old temporary files in them."""

    async def close(self) -> None:
        """Let go of connections and threads."""


def folder_of(unit_id: str) -> str:
    """Return the name of a unit's folder: its code, written so that it is a plain name everywhere."""
    if _PLAIN_FOLDER.fullmatch(unit_id):
        return unit_id
    # Codes are plain in practice; whatever else a directory holds becomes one unmistakable name.
    return "%" + unit_id.encode().hex()[: NAME_MOST_BYTES - 1]


def is_safe(name: str) -> bool:
    """Whether a name found in a folder is one that the hub touches under that name."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return False
    bare = "/" not in name and "\\" not in name and name not in {".", ".."}
    return 0 < length <= NAME_MOST_BYTES and bare and printable(name) == name


def printable(name: str) -> str:
    """Return a name fit for a log, a problem file and the refused folder."""
    shown = "".join(
        letter if unicodedata.category(letter)[0] in "LMNPS" or letter == " " else "_" for letter in name
    )
    shown = shown.replace("/", "_").replace("\\", "_").strip() or "_"
    while len(shown.encode()) > NAME_MOST_BYTES:
        shown = shown[:-1]
    return "_" + shown[1:] if shown in {".", ".."} else shown


class FirstNames:
    """The first names after a mark out of a stream of any length."""

    def __init__(self, *, accept: Callable[[str], bool], after: str, limit: int) -> None:
        self._accept, self._after, self._limit = accept, after, limit
        self._kept: list[_Reversed] = []
        self._seen = 0

    def add(self, name: str) -> None:
        """Take a name into account. Raises FilesUnavailable in a folder without end."""
        self._seen += 1
        if self._seen > NAMES_MOST:
            raise FilesUnavailable("folder_too_large", f"more than {NAMES_MOST} files in one folder")
        if name <= self._after or name.startswith(TEMPORARY) or not self._accept(name):
            return
        if len(self._kept) < self._limit:
            heapq.heappush(self._kept, _Reversed(name))
        elif name < self._kept[0].name:
            heapq.heapreplace(self._kept, _Reversed(name))

    def result(self) -> tuple[str, ...]:
        """Return what was kept, in order."""
        return tuple(sorted(kept.name for kept in self._kept))


@dataclass(frozen=True, slots=True)
class _Reversed:
    name: str

    def __lt__(self, other: _Reversed) -> bool:
        return self.name > other.name


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield some bytes as a stream."""
    yield content


async def read_small(files: Files, folder: str, info: FileInfo, *, most: int) -> bytes:
    """Return the beginning of a small file. Raises FileChanged."""
    found = b""
    async for chunk in files.read(folder, info):
        found += chunk
        if len(found) >= most:
            break
    return found[:most]
