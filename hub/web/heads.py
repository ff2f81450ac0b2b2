"""Looking at the head of a request before the HTTP library does.

The library answers what it cannot parse in plain text of its own, knows nothing of the path by then, and
limits single lines but not the whole. Here a head is gathered until it is complete and judged as bytes: how
long it is, how many lines, how long each, no control characters. What passes goes on to the library as it
came; what does not is told with the path it asked for. [RFC 9112 §2.2, §5]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HEAD_MAX: Final = 1_048_576
LINE_MAX: Final = 262_144
LINES_MAX: Final = 256
HEADS_KEPT_MAX: Final = 64 * HEAD_MAX
_END: Final = b"\r\n\r\n"
_NAKED: Final = b"\n\n"
# In a head: no control characters but the tab and the line ends.
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REQUEST_LINE: Final = re.compile(rb"[A-Za-z]{1,16} ([!-~]{1,8192})(?: |\r|\n|$)")


class HeadFault(IntEnum):
    """Why a head is not read, as an HTTP status."""

    MALFORMED = 400
    TOO_SLOW = 408
    TOO_LARGE = 431
    TOO_MANY = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class BadHead:
    """A head that is not read, and the path that it asked for, if that much is clear."""

    fault: HeadFault
    path: str | None


class HeadGuard:
    """Gathers one head. Feed it until it gives the bytes back, or says what is wrong."""

    __slots__ = ("_gathered", "_looked")

    def __init__(self) -> None:
        self._gathered = bytearray()
        self._looked = 0

    @property
    def begun(self) -> bool:
        """Whether some of a head has come."""
        return bool(self._gathered)

    def feed(self, data: bytes) -> bytes | BadHead | None:
        """Take what came.

        Returns:
            All that was gathered, once the head is complete; what is wrong with it; or None: more is to come.
        """
        if not self._gathered:
            # Nearly every head comes in one piece: nothing need be gathered, nothing copied.
            end = data.find(_END)
            short = 0 <= end <= LINE_MAX and data.count(b"\n", 0, end) < LINES_MAX
            if short and _FORBIDDEN.search(data, 0, end) is None:
                return data
        self._gathered += data
        end = self._gathered.find(_END, max(0, self._looked - len(_END)))
        if end < 0 and self._gathered.find(_NAKED, max(0, self._looked - len(_NAKED))) >= 0:
            # Lines that end in LF alone: the library says so in its own way; it has no end to wait for.
            end = len(self._gathered)
        self._looked = len(self._gathered)
        size = self._looked if end < 0 else end
        if size > HEAD_MAX:
            return self._bad(HeadFault.TOO_LARGE)
        if end < 0:
            return None
        fault = _fault_of(bytes(self._gathered[:end]))
        if fault is not None:
            return self._bad(fault)
        whole = bytes(self._gathered)
        self._gathered.clear()
        self._looked = 0
        return whole

    @property
    def size(self) -> int:
        """How much of a head that is not whole is kept."""
        return len(self._gathered)

    def given_up(self, fault: HeadFault) -> BadHead:
        """Keep no more of a head that will not be whole, and return what is said of it."""
        return self._bad(fault)

    def _bad(self, fault: HeadFault) -> BadHead:
        bad = BadHead(fault=fault, path=path_in(bytes(self._gathered[:16_384])))
        self._gathered.clear()  # the connection lives on for a while
        return bad


class HeadsKept:
    """What all connections together keep of heads that are not whole: bounded, however many there are."""

    def __init__(self, most: int = HEADS_KEPT_MAX) -> None:
        self._most = most
        self._of: dict[object, int] = {}
        self.total = 0

    def keep(self, who: object, size: int) -> bool:
        """Note what a connection keeps now; False if there is no room for it, and it must let go."""
        self.total += size - self._of.get(who, 0)
        self._of[who] = size
        return self.total <= self._most

    def let_go(self, who: object) -> None:
        """Note that a connection keeps nothing."""
        self.total -= self._of.pop(who, 0)


def path_in(head: bytes) -> str | None:
    """Return the path that a head asks for, or None if it does not begin with a request line."""
    found = _REQUEST_LINE.match(head.lstrip(b"\r\n"))
    return None if found is None else found.group(1).decode("ascii")


def _fault_of(head: bytes) -> HeadFault | None:
    if _FORBIDDEN.search(head) is not None:
        return HeadFault.MALFORMED
    if len(head) <= LINE_MAX and head.count(b"\n") < LINES_MAX:
        return None
    lines = head.split(b"\n")
    too_large = len(lines) > LINES_MAX or any(len(line) > LINE_MAX for line in lines)
    return HeadFault.TOO_LARGE if too_large else None
