"""Writing the ZIP archive of an ASiC container, and adding entries to one [EN 319 162-1 Annex A].

Written here, for the standard wants what libraries do not promise: `mimetype` first, stored, without an extra
field; names in NFC with the UTF-8 flag. An entry is added behind the others: their bytes and their lines of
the central directory stay as they are, so that nothing in the archive changes for anybody who signed it.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from signing.asic_container import MAX_RATIO
from signing.errors import DocumentRefused

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_UTF_8, _STORED, _DEFLATED, _VERSION = 0x800, 0, 8, 20
_MADE_BY: Final = 3 << 8 | _VERSION
_REGULAR_FILE: Final = 0o100644 << 16
_WITHOUT_ZIP64, _MAX_ENTRIES = 0xFFFFFFFF, 0xFFFF
_MAX_COMMENT: Final = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of the archive; `stored` without compression."""

    name: str
    data: bytes
    stored: bool = False


def write(entries: list[Entry], *, now: datetime) -> bytes:
    """A new archive."""
    body, lines = bytearray(), bytearray()
    for entry in entries:
        _add(entry, len(body), body, lines, now)
    return bytes(body + lines + _end(len(entries), len(body), len(lines), b""))


def add(archive: bytes, entry: Entry, *, now: datetime) -> bytes:
    """The archive with one more entry. Raises `DocumentRefused` where nothing can be added safely."""
    count, size, offset, comment = _directory(archive)
    body, lines = bytearray(), bytearray()
    _add(entry, offset, body, lines, now)
    kept = archive[offset : offset + size]
    if offset + len(body) + size + len(lines) >= _WITHOUT_ZIP64 or count + 1 >= _MAX_ENTRIES:
        raise _refused("too large")
    end = _end(count + 1, offset + len(body), size + len(lines), comment)
    return b"".join((archive[:offset], body, kept, lines, end))


def _directory(archive: bytes) -> tuple[int, int, int, bytes]:
    """Count, size and place of the central directory, and the archive's comment."""
    place = archive.rfind(_END_MARK, max(0, len(archive) - _END.size - _MAX_COMMENT))
    if place < 0 or place + _END.size > len(archive):
        raise _refused("no end of the directory")
    _, disk, first_disk, here, count, size, offset, length = _END.unpack_from(archive, place)
    comment = archive[place + _END.size :]
    if disk or first_disk or here != count or len(comment) != length:
        raise _refused("several parts")
    if count in {0, _MAX_ENTRIES} or offset == _WITHOUT_ZIP64 or offset + size != place:
        raise _refused("an unusual directory")
    if archive[offset : offset + 4] != _CENTRAL_MARK or not archive.startswith(_LOCAL_MARK):
        raise _refused("an unusual directory")
    return count, size, offset, comment


def _refused(why: str) -> DocumentRefused:
    return DocumentRefused(f"the container cannot be added to: {why}", code="container_unsignable")


def _add(entry: Entry, offset: int, body: bytearray, lines: bytearray, now: datetime) -> None:
    name = unicodedata.normalize("NFC", entry.name).encode()
    method, packed = (_STORED, entry.data) if entry.stored else _packed(entry.data)
    day = (max(now.year - 1980, 0) << 9) | (now.month << 5) | now.day
    clock = (now.hour << 11) | (now.minute << 5) | (now.second // 2)
    flags = 0 if name.isascii() else _UTF_8
    common = (_VERSION, flags, method, clock, day, zlib.crc32(entry.data), len(packed), len(entry.data))
    body += _LOCAL.pack(_LOCAL_MARK, *common, len(name), 0) + name + packed
    more = (len(name), 0, 0, 0, 0, _REGULAR_FILE, offset)
    lines += _CENTRAL.pack(_CENTRAL_MARK, _MADE_BY, *common, *more) + name


def _packed(data: bytes) -> tuple[int, bytes]:
    """Deflated if that saves something, but never so much that it looks like a bomb."""
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = squeezer.compress(data) + squeezer.flush()
    if len(packed) >= len(data) or len(packed) * MAX_RATIO < len(data) * 2:
        return _STORED, data
    return _DEFLATED, packed


def _end(count: int, offset: int, size: int, comment: bytes) -> bytes:
    return _END.pack(_END_MARK, 0, 0, count, count, size, offset, len(comment)) + comment
