"""The document inside getEdoc's JSON, decoded while it arrives.

`{"status":"OK",…,"data":"<base64>",…}`: a document of 100 MB is 133 MB of base64 in one string. The scanner
keeps what stands around the value of the top-level key `data` and decodes the value in pieces; what is around
it is JSON again (`rest`), to be judged at the end.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

AROUND_MOST: Final = 65_536
_OPENING: Final = re.compile(rb'"data"\s*:\s*"')
# base64 needs no escapes, but encoders write \/ and line ends as such.
_ESCAPED: Final = re.compile(rb"\\([/nrt])")
_QUARTET: Final = 4


class EmbeddedData:
    """Feed the answer's bytes; each call returns what could be decoded."""

    def __init__(self) -> None:
        self._before = b""
        self._after: bytearray | None = None
        self._pending: bytes | None = None
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether the value was there and had an end."""
        return self._after is not None

    def rest(self) -> bytes:
        """Return the answer with an empty string in place of the data."""
        return self._before + bytes(self._after or b"")

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes and return what they decode to.

        Raises:
            ValueError: no base64, or too much around it.
        """
        if self._after is not None:
            self._after += chunk
            self._bounded(self._after)
            return b""
        if self._pending is None:
            self._before += chunk
            opening = _OPENING.search(self._before)
            if opening is None:
                self._bounded(self._before)
                return b""
            chunk, self._before = self._before[opening.end() :], self._before[: opening.end()]
            self._pending = b""
        value = self._pending + chunk
        end = value.find(b'"')
        if end >= 0:
            self._after = bytearray(value[end:])
            return self._decoded(value[:end], last=True)
        return self._decoded(value, last=False)

    def _decoded(self, value: bytes, *, last: bool) -> bytes:
        # A backslash at the end waits for what it escapes.
        keep = b"\\" if value.endswith(b"\\") and not last else b""
        text = value[: len(value) - len(keep)]
        text = _ESCAPED.sub(lambda found: b"/" if found[1] == b"/" else b"", text)
        text = b"".join(text.split())
        whole = len(text) if last else len(text) - len(text) % _QUARTET
        self._pending = text[whole:] + keep
        try:
            return base64.b64decode(text[:whole], validate=True)
        except binascii.Error as error:
            raise ValueError("data is no base64") from error

    def _bounded(self, around: bytes | bytearray) -> None:
        if len(around) > AROUND_MOST:
            raise ValueError("too much around the data")
