"""The directory over the client API: three lists, made once for each directory and day, kept compressed.

A directory of 100,000 units is some 20 MB of JSON. It is written in pieces in a thread, so that the event
loop goes on, compressed as it is written, and kept until the directory changes; a client that takes no gzip
gets it unpacked on the way out. `code` is what a unit is addressed by today; beside it stands its code of the
other scheme, so that either finds it. [national format, 2 and 3.2]
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

from adapters.vxp.answers import CONTENT_TYPE, success
from adapters.vxp.operations import OperationName
from adapters.vxp.server_call import Call, Transfers, small_body
from hub.domain.directory import Agency, CodeScheme, Directory, UnitState
from hub.ports.unit_of_work import UnitOfWork
from hub.services.directory_admin import today
from hub.services.directory_snapshot import DirectorySnapshot

PIECE: Final = 1_000
"""So many units are written at a time: some milliseconds in which nothing else runs."""
GZIP: Final = 16 + zlib.MAX_WBITS
LEVEL: Final = 6
OUT_BYTES: Final = 256 * 1024
_HEAD, _TAIL = success(data=["\0"]).split(b'"\\u0000"')

Row = Callable[[Agency, "_Day"], dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    # What the rows of one list have in common.
    today: date
    hub_code: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    # A list as it is kept: for which directory and day, compressed, and how long it is unpacked.
    key: tuple[str, date]
    packed: bytes
    size: int


class DirectoryLists:
    """Makes and keeps the lists."""

    def __init__(
        self, *, uow: UnitOfWork, directory: DirectorySnapshot, transfers: Transfers, hub_code: str
    ) -> None:
        self._uow = uow
        self._directory = directory
        self._transfers = transfers
        self._hub_code = hub_code
        self._made: dict[OperationName, _Made] = {}
        self._making = asyncio.Lock()

    async def agencies(self, call: Call) -> web.StreamResponse:
        """getAgenciesList."""
        return await self._answer(call, OperationName.AGENCIES, _agency)

    async def agencies_qd20(self, call: Call) -> web.StreamResponse:
        """getAgenciesListQD20: the newer code in front, the older beside it."""
        return await self._answer(call, OperationName.AGENCIES_QD20, _agency_qd20)

    async def units(self, call: Call) -> web.StreamResponse:
        """getSynchronizeUnit: retired units too, marked as deleted."""
        return await self._answer(call, OperationName.UNITS, _unit)

    async def _answer(self, call: Call, name: OperationName, row: Row) -> web.StreamResponse:
        await small_body(call, self._transfers)
        made = await self._list(name, row)
        accepted = call.request.headers.get("Accept-Encoding", "").lower()
        if "gzip" in accepted:
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return web.Response(body=made.packed, content_type=CONTENT_TYPE, charset="utf-8", headers=headers)
        response = web.StreamResponse(headers={"Content-Type": f"{CONTENT_TYPE}; charset=utf-8"})
        response.content_length = made.size
        await response.prepare(call.request)
        for piece in _unpacked(made.packed):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _list(self, name: OperationName, row: Row) -> _Made:
        directory = await self._directory.current()
        async with self._uow.read() as query:
            key = (directory.snapshot_id, await today(query))
        made = self._made.get(name)
        if made is None or made.key != key:
            async with self._making:
                made = self._made.get(name)
                if made is None or made.key != key:
                    day = _Day(today=key[1], hub_code=self._hub_code, version=self._directory.version)
                    packed, size = await asyncio.to_thread(_pack, directory, row, day)
                    made = self._made[name] = _Made(key=key, packed=packed, size=size)
        return made


def _pack(directory: Directory, row: Row, day: _Day) -> tuple[bytes, int]:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    packed = bytearray()
    size = 0
    for piece in _written(tuple(directory), row, day):
        packed += packer.compress(piece)
        size += len(piece)
    packed += packer.flush()
    return bytes(packed), size


def _written(units: Sequence[Agency], row: Row, day: _Day) -> Iterator[bytes]:
    yield _HEAD
    first = True
    for start in range(0, len(units), PIECE):
        rows = [made for unit in units[start : start + PIECE] if (made := row(unit, day)) is not None]
        if rows:
            text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))[1:-1]
            yield (text if first else "," + text).encode("ascii")
            first = False
    yield _TAIL


def _unpacked(packed: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP)
    rest = packed
    while rest:
        yield unpacker.decompress(rest, OUT_BYTES)
        rest = unpacker.unconsumed_tail
    tail = unpacker.flush()
    if tail:
        yield tail


def _agency(unit: Agency, day: _Day) -> dict[str, object] | None:
    if unit.is_retired(day.today):
        return None
    code = _today(unit, day, None) or unit.unit_id
    other = next(
        (c.code for c in reversed(unit.codes) if c.code != code),
        "",
    )
    return {
        "id": unit.unit_id,
        "pid": unit.parent or "",
        "code": code,
        "name": unit.name,
        "mail": "",
        "oldCode": other,
    }


def _agency_qd20(unit: Agency, day: _Day) -> dict[str, object] | None:
    if unit.is_retired(day.today):
        return None
    old = _today(unit, day, CodeScheme.QCVN102)
    code = _today(unit, day, CodeScheme.QD20) or (unit.unit_id if old is None else old)
    return {
        "id": unit.unit_id,
        "code": code,
        "name": unit.name,
        "mail": "",
        "code102": old or "",
    }


def _unit(unit: Agency, day: _Day) -> dict[str, object]:
    return {
        "id": unit.unit_id,
        "pid": unit.parent or "",
        "code": _today(unit, day, None) or unit.unit_id,
        "name": unit.name,
        "mail": "",
        "version": day.version,
        "centerCode": day.hub_code,
        "deleted": unit.is_retired(day.today),
        "modifyDate": "" if unit.retired_on is None else f"{unit.retired_on:%d/%m/%Y}",
        "isAgency": unit.state is not UnitState.RETIRED,
    }


def _today(unit: Agency, day: _Day, scheme: CodeScheme | None) -> str | None:
    """Return the code by which a unit is addressed today, of one scheme or of any; its own before others."""
    valid = [
        c.code
        for c in unit.codes
        if (scheme is None or c.scheme is scheme)
        and (c.valid_from is None or c.valid_from <= day.today)
        and (c.valid_to is None or day.today <= c.valid_to)
    ]
    return unit.unit_id if unit.unit_id in valid else (valid[0] if valid else None)
