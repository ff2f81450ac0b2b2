"""Lists of the directory as JSON, made once for each directory and day, kept compressed.

A directory of 100,000 units is some 20 MB of JSON. It is written in pieces in a thread, so that the event
loop goes on, compressed as it is written, and kept until the directory changes; a client that takes no gzip
gets it unpacked on the way out. What stands around the list and in a row is each dialect's own.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web

from hub.domain.directory import Agency, CodeScheme, Directory
from hub.ports.unit_of_work import UnitOfWork
from hub.services.directory_admin import today
from hub.services.directory_snapshot import DirectorySnapshot

PIECE: Final = 1_000
"""So many units are written at a time: some milliseconds in which nothing else runs."""
GZIP: Final = 16 + zlib.MAX_WBITS
LEVEL: Final = 6
OUT_BYTES: Final = 256 * 1024
CONTENT_TYPE: Final = "application/json"

Frame = tuple[bytes, bytes]
"""What stands before the first row and after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the rows of one list have in common."""

    today: date
    hub_code: str
    version: int


Row = Callable[[Agency, Day], dict[str, object] | None]
"""Makes the row of a unit; None: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    # A list as it is kept: for which directory and day, compressed, and how long it is unpacked.
    key: tuple[str, date]
    packed: bytes
    size: int


class PackedLists:
    """Makes and keeps the lists of one dialect."""

    def __init__(self, *, uow: UnitOfWork, directory: DirectorySnapshot, frame: Frame, hub_code: str) -> None:
        self._uow = uow
        self._directory = directory
        self._frame = frame
        self._hub_code = hub_code
        self._made: dict[str, _Made] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request, name: str, row: Row) -> web.StreamResponse:
        """Answer with the list of a name, made of the rows that `row` gives."""
        made = await self._list(name, row)
        accepted = request.headers.get("Accept-Encoding", "").lower()
        if "gzip" in accepted:
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return web.Response(body=made.packed, content_type=CONTENT_TYPE, charset="utf-8", headers=headers)
        response = web.StreamResponse(headers={"Content-Type": f"{CONTENT_TYPE}; charset=utf-8"})
        response.content_length = made.size
        await response.prepare(request)
        for piece in _unpacked(made.packed):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _list(self, name: str, row: Row) -> _Made:
        directory = await self._directory.current()
        async with self._uow.read() as query:
            key = (directory.snapshot_id, await today(query))
        made = self._made.get(name)
        if made is None or made.key != key:
            async with self._making:
                made = self._made.get(name)
                if made is None or made.key != key:
                    day = Day(today=key[1], hub_code=self._hub_code, version=self._directory.version)
                    packed, size = await asyncio.to_thread(_pack, directory, row, day, self._frame)
                    made = self._made[name] = _Made(key=key, packed=packed, size=size)
        return made


def _pack(directory: Directory, row: Row, day: Day, frame: Frame) -> tuple[bytes, int]:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    packed = bytearray()
    size = 0
    for piece in _written(tuple(directory), row, day, frame):
        packed += packer.compress(piece)
        size += len(piece)
    packed += packer.flush()
    return bytes(packed), size


def _written(units: Sequence[Agency], row: Row, day: Day, frame: Frame) -> Iterator[bytes]:
    yield frame[0]
    first = True
    for start in range(0, len(units), PIECE):
        rows = [made for unit in units[start : start + PIECE] if (made := row(unit, day)) is not None]
        if rows:
            text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))[1:-1]
            yield (text if first else "," + text).encode("ascii")
            first = False
    yield frame[1]


def _unpacked(packed: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP)
    rest = packed
    while rest:
        yield unpacker.decompress(rest, OUT_BYTES)
        rest = unpacker.unconsumed_tail
    tail = unpacker.flush()
    if tail:
        yield tail


def valid_code(unit: Agency, day: Day, scheme: CodeScheme | None) -> str | None:
    """Return the code by which a unit is addressed today, of one scheme or of any; its own before others."""
    valid = [
        c.code
        for c in unit.codes
        if (scheme is None or c.scheme is scheme)
        and (c.valid_from is None or c.valid_from <= day.today)
        and (c.valid_to is None or day.today <= c.valid_to)
    ]
    return unit.unit_id if unit.unit_id in valid else (valid[0] if valid else None)
