"""Signature dictionaries found as bytes: by a /ByteRange whose hole holds a hex string; and their digests.

Needs no cross-references, so it works on damaged files and is quick; what a dictionary hides (escaped names,
object streams) it does not see.

Signatures that follow one another cover the same beginning, each a little more of it, so the digest of one
goes on from where that of the one before stopped; hashing stays linear in the file, not in file times
signatures.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from signing.algorithms import Hasher, hasher
from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.report import Severity

MAX_FOUND: Final = 5_000
MAX_HOLE, MAX_HOLES, AROUND = 16 * 1024 * 1024, 256 * 1024 * 1024, 1024 * 1024
"""Bytes: of one hole, of all of them, and of a dictionary on either side of its hole."""
MAX_HASHED: Final = 4 * 1024 * 1024 * 1024
_NAME: Final = b"/ByteRange"
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,12}(?:\s+\d{1,12}){3})\s*\]")
_HEX = re.compile(rb"[0-9A-Fa-f\s\0]*\Z")
_MAC = re.compile(rb"/MAC[ \t\r\n\0]*\Z")
_BLANK: Final = b" \r\n\t\0\x0c"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSignature:
    """A /ByteRange and its hole; `place` is where the entry stands, `dictionary` the object around it."""

    byte_range: tuple[int, int, int, int]
    place: int
    dictionary: tuple[int, int]
    hole: bytes

    @property
    def end(self) -> int:
        """Where the signed bytes end."""
        return self.byte_range[2] + self.byte_range[3]

    def contents(self) -> bytes:
        """The value in the hole; raises `binascii.Error` if it is not hex."""
        return from_hex(self.hole)


def from_hex(digits: bytes) -> bytes:
    """The bytes of a hex string [ISO 32000-2 §7.3.4.3]; raises `binascii.Error` if it is none."""
    try:
        return binascii.unhexlify(digits)
    except binascii.Error:
        # Blanks between digits, or an odd number of them: rare in the long reserved space of a signature.
        digits = digits.translate(None, _BLANK)
        return binascii.unhexlify(digits + b"0" if len(digits) % 2 else digits)


def raw_signatures(data: bytes) -> Iterator[RawSignature]:
    """All of them, in the order of the bytes."""
    left = MAX_HOLES
    for place in _places(data):
        match = _RANGE.match(data, place)
        found = _signature(data, match) if match is not None else None
        if found is not None:
            left -= len(found.hole)
            yield found
            if left <= 0:
                return


def _places(data: bytes) -> list[int]:
    """Where the name stands: the first ones, if they are more than are looked at.

    Searched from the end, which the interpreter does in half the time: next to one hash over the file the
    search is what costs most.
    """
    found: list[int] = []
    place = data.rfind(_NAME)
    while place >= 0 and len(found) <= MAX_FOUND:
        found.append(place)
        place = data.rfind(_NAME, 0, place)
    if len(found) <= MAX_FOUND:
        return found[::-1]
    found, place = [], data.find(_NAME)
    while len(found) < MAX_FOUND:
        found.append(place)
        place = data.find(_NAME, place + 1)
    return found


def ends_at(data: bytes, end: int) -> bool:
    """Whether nothing but blanks follows."""
    return len(data) - end <= MAX_HOLE and not data[end:].strip(_BLANK)


def _signature(data: bytes, match: re.Match[bytes]) -> RawSignature | None:
    first, before, second, length = (int(n) for n in match.group(1).split())
    if not 2 <= second - first - before <= MAX_HOLE or b"<" not in data[first + before : first + before + 16]:
        return None
    opening, closing = first + before, min(second, len(data)) - 1
    if data[opening : opening + 1] != b"<" or data[closing : closing + 1] != b">":
        hole = data[opening : closing + 1]
        opening += len(hole) - len(hole.lstrip(_BLANK))
        closing -= len(hole) - len(hole.rstrip(_BLANK))
        if data[opening : opening + 1] != b"<" or data[closing : closing + 1] != b">" or closing <= opening:
            return None
    inner = data[opening + 1 : closing]
    if not _HEX.match(inner[:64]):
        return None
    if _MAC.search(data, max(0, first + before - 16), first + before):
        return None  # a message authentication code of an encrypted file [ISO/TS 32004], no signature
    # The dictionary stands around its hole; a range copied into another object is not this one.
    start = data.rfind(b"obj", max(0, min(before, match.start()) - AROUND), before)
    end = data.find(b"endobj", second, second + AROUND)
    end = end if end >= 0 else len(data)
    if not start < match.start() < end:
        return None
    return RawSignature(
        byte_range=(first, before, second, length), place=match.start(), dictionary=(start, end), hole=inner
    )


class RangeDigests:
    """Digests of byte ranges of one file, each computed once."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self._known: dict[tuple[tuple[int, ...], str], bytes] = {}
        self._begun: dict[str, tuple[int, Hasher]] = {}
        self._hashed = 0

    def of(self, ranges: tuple[int, ...], name: str) -> bytes | None:
        """The digest of the ranges' bytes, None for an algorithm that is not computed.

        Ranges beyond the file end at its end. Raises `InputRefused` where ranges are so many and so large
        that a file's signatures would be hashed for minutes.
        """
        known = self._known.get((ranges, name))
        if known is not None:
            return known
        pairs = list(zip(ranges[::2], ranges[1::2], strict=False))
        from_start = bool(pairs) and pairs[0][0] == 0
        made = self._beginning(pairs.pop(0)[1], name) if from_start else hasher(name)
        if made is None:
            return None
        for start, length in pairs:
            self._update(made, start, start + length)
        self._known[(ranges, name)] = made.digest()
        return self._known[(ranges, name)]

    def _beginning(self, end: int, name: str) -> Hasher | None:
        """The hash over the file up to `end`, still open."""
        place, begun = self._begun.get(name, (0, None))
        if begun is None or place > end:
            place, begun = 0, hasher(name)
        if begun is None:
            return None
        self._update(begun, place, end)
        self._begun[name] = (end, begun)
        return begun.copy()

    def _update(self, made: Hasher, start: int, end: int) -> None:
        piece = self._view[start:end]
        self._hashed += len(piece)
        if self._hashed > MAX_HASHED:
            raise InputRefused(finding(Code.LIMIT_EXCEEDED, Severity.ERROR, detail="byte ranges"))
        made.update(piece)
