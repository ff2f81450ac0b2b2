"""Identifiers: UUIDv7 made in the process, and agency codes in one spelling.

Every row is named by a UUIDv7 [RFC 9562 §5.7], so that a primary key is also a time and tables can be
partitioned by month on it. Within one process ids are strictly monotonic, even when the clock stands
still or steps back: the 74 random bits are then a counter raised by a random step [RFC 9562 §6.2,
method 2], and the last millisecond seen is kept until the clock has caught up.

Agency codes are opaque [QCVN 102; QĐ 20/2020]: real ones break every pattern. They are compared in one
spelling (``normalise_code``), because directories and messages carry zero-width spaces, byte-order
marks, no-break spaces and lower case.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

RANDOM_BYTES = 10
"""Bytes of chance that one id takes: 74 of their 80 bits are used."""

CODE_MAX = 50
"""Longest agency code; longer text is no code (QCVN 102 has 13 characters, QĐ 20 and odd ones more)."""

_RANDOM_BITS = 74
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
_STEP_BITS = 32
_MS_MAX = (1 << 48) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_BREAK_SPACES = frozenset("\u00a0\u2007\u202f")
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Cc", "Cs"})
"""Format and control characters; lone surrogates too, which neither UTF-8 nor a database can hold."""


def uuid7(unix_ms: int, rand: bytes) -> UUID:
    """The UUIDv7 of a millisecond and ten bytes of chance."""
    if len(rand) != RANDOM_BYTES:
        raise ValueError(f"uuid7 takes {RANDOM_BYTES} random bytes, not {len(rand)}")
    return _assemble(unix_ms, int.from_bytes(rand, "big") & _RANDOM_MASK)


def _assemble(unix_ms: int, random: int) -> UUID:
    if not 0 <= unix_ms <= _MS_MAX:
        raise ValueError("uuid7 time is out of range")
    rand_a, rand_b = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


class Uuid7Factory:
    """Makes ids, each greater than all it made before; safe to share between threads."""

    __slots__ = ("_last_ms", "_last_random", "_lock", "_now_ms", "_randbytes")

    def __init__(self, now_ms: Callable[[], int], randbytes: Callable[[int], bytes]) -> None:
        self._now_ms = now_ms
        self._randbytes = randbytes
        self._lock = threading.Lock()
        self._last_ms = -1
        self._last_random = 0

    def new(self) -> UUID:
        fresh = int.from_bytes(self._randbytes(RANDOM_BYTES), "big")
        with self._lock:
            now = self._now_ms()
            if now > self._last_ms:
                self._last_ms, self._last_random = now, fresh & _RANDOM_MASK
            else:
                self._last_random += 1 + (fresh & ((1 << _STEP_BITS) - 1))
                if self._last_random > _RANDOM_MASK:
                    self._last_ms += 1
                    self._last_random = fresh & _RANDOM_MASK
            return _assemble(self._last_ms, self._last_random)


def uuid7_time(identifier: UUID) -> datetime:
    """When the id was made (UTC, to the millisecond). Any id but a version 7 raises ValueError."""
    if identifier.version != 7:
        raise ValueError("not a UUIDv7")
    return _EPOCH + timedelta(milliseconds=identifier.int >> 80)


def month_bounds(year: int, month: int) -> tuple[UUID, UUID]:
    """Bounds of the partition of one UTC month: lower inclusive, upper exclusive.

    They are bounds, not ids: version and variant are zero, so every id of the month's first millisecond
    lies above the lower one, and neighbouring months meet without a gap.
    """
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return _bound(year, month), _bound(*following)


def _bound(year: int, month: int) -> UUID:
    milliseconds = (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    return UUID(int=milliseconds << 80)


def normalise_code(text: str) -> str:
    """An agency code in its one spelling: invisible characters gone, trimmed, NFC, upper case.

    Nothing else is changed and nothing is cut: two different codes never become one. Whether the result
    is a usable code at all is ``is_code``'s question.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    elif text.isprintable():
        return text.strip().upper()
    visible = (
        character
        for character in text
        if character not in _NO_BREAK_SPACES and unicodedata.category(character) not in _INVISIBLE_CATEGORIES
    )
    return unicodedata.normalize("NFC", "".join(visible).upper()).strip()


def is_code(code: str) -> bool:
    """Whether a normalised text can be an agency code: 1 to 50 characters without white space."""
    return 0 < len(code) <= CODE_MAX and not any(map(str.isspace, code))
