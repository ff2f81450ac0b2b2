"""Which splitter a message needs, told by its first bytes alone.

    PK\3\4                 the pair of files of the 512 era
    --boundary             SOAP of the e-doc.vn exchange with attachments (multipart/related)
    <…Envelope …           the same without attachments
    anything else          edXML of QCVN 102, which also says what is wrong with what is none

Declared content types are not asked: the stored bytes must be readable again without them. Whoever mislabels
a message so that it takes another way is only refused there for other words.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Protocol

from schemas.edxml.split import EdxmlSplitter, SplitEdxml
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.older.mime import MimeSplitter
from schemas.older.pair import PairSplitter
from schemas.older.soap import SoapSplitter

_HEAD_BYTES: Final = 8 * 1024
_DIRECTORY_BYTES: Final = 64 * 1024
_ENVELOPE_BYTES: Final = 64 * 1024
_EDOC: Final = b"e-doc.vn/schema"
_ZIP: Final = b"PK\x03\x04"
_ROOT: Final = re.compile(rb"<(?![?!])(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_SOAP: Final = b"http://schemas.xmlsoap.org/soap/envelope/"


class Splitter(Protocol):
    """Takes one message apart; see `EdxmlSplitter` for the meaning of each call."""

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the message, cut anywhere."""

    def close(self) -> SplitEdxml:
        """The message is complete."""

    def abort(self) -> None:
        """Give up and leave nothing behind."""


def is_older(data: bytes) -> bool:
    """Whether this is a message of an older dialect, and not just any archive, form or SOAP.

    For callers that do not know that it is a message at all; the splitters say what is wrong with one.
    """
    kind = _kind_of(data[:_HEAD_BYTES])
    if kind is PairSplitter:
        return b"_header.xml" in data[-_DIRECTORY_BYTES:].lower()
    if kind is EdxmlSplitter:
        return False
    return _SOAP in data[:_ENVELOPE_BYTES] and _EDOC in data[:_ENVELOPE_BYTES].lower()


class MessageSplitter:
    """Splits one message of any dialect. `spool` is a private folder; attachments become files in it."""

    def __init__(self, *, spool: Path, limits: FormatLimits = DEFAULT_LIMITS) -> None:
        self._spool = spool
        self._limits = limits
        self._head = b""
        self._chosen: Splitter | None = None

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the message, cut anywhere; raises EdxmlRefused as soon as that is known."""
        if self._chosen is not None:
            self._chosen.feed(chunk)
            return
        self._head += chunk
        if len(self._head) >= _HEAD_BYTES or _is_told(self._head):
            self._begin().feed(self._head)
            self._head = b""

    def close(self) -> SplitEdxml:
        """The message is complete. May be slow: call it in a thread."""
        if self._chosen is None:
            self._begin().feed(self._head)
        return self._begin().close()

    def abort(self) -> None:
        """Give up: close what is open, remove every file made. At any time, any number of times."""
        if self._chosen is not None:
            self._chosen.abort()

    def _begin(self) -> Splitter:
        if self._chosen is None:
            self._chosen = _kind_of(self._head)(spool=self._spool, limits=self._limits)
        return self._chosen


def _root_tag(head: bytes) -> bytes | None:
    """The first start tag, as far as it lies within the head; None while it has not ended.

    Only positions decide, never how the bytes were cut.
    """
    start = _ROOT.search(head, 0, _HEAD_BYTES)
    if start is None:
        return None if len(head) < _HEAD_BYTES else b""
    end = head.find(b">", start.end(), _HEAD_BYTES)
    if end < 0:
        return None if len(head) < _HEAD_BYTES else head[start.start() : _HEAD_BYTES]
    return head[start.start() : end]


def _is_told(head: bytes) -> bool:
    bare = _bare(head)
    if len(bare) < len(_ZIP):
        return False
    return not bare.startswith(b"<") or _root_tag(head) is not None


def _kind_of(head: bytes) -> type[EdxmlSplitter | MimeSplitter | PairSplitter | SoapSplitter]:
    bare = _bare(head)
    if bare.startswith(_ZIP):
        return PairSplitter
    if bare.startswith(b"--"):
        return MimeSplitter
    tag = (_root_tag(head) or b"") if bare.startswith(b"<") else b""
    root = _ROOT.match(tag)
    if root is not None and root.group(1) == b"Envelope" and _SOAP in tag:
        return SoapSplitter
    return EdxmlSplitter


def _bare(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()
