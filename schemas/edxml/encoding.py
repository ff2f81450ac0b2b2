"""From the sender's encoding to UTF-8, before any parsing: UTF-8, or UTF-16 with a byte order mark.

The bytes decide, not the declaration: exporters that write `encoding="utf-16"` over UTF-8 bytes are common
(the text was made by a string writer), so the declaration is compared later and only warns. UTF-16 without a
mark, UTF-32 and whatever else a declaration names are refused: nobody sends them, and each is one more way to
hide something from the next reader. UTF-8 passes untouched; the parser checks it.
"""

from __future__ import annotations

import codecs
from typing import Final

from schemas.messages import refusal

UTF8: Final = "utf-8"
# What a declaration may say, in lower case.
UTF8_NAMES: Final = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
UTF16_NAMES: Final = frozenset({"utf-16", "utf16", "utf-16le", "utf-16be", "unicode"})
_PROBE: Final = 4
_UTF32_MARKS: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_BARE_WIDE: Final = (b"<\x00", b"\x00<", b"\x00\x00")


class Transcoder:
    """Bytes in, UTF-8 without a mark out. Chunks may be cut anywhere."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self.encoding: str | None = None
        self.passed = b""

    def feed(self, chunk: bytes, *, final: bool = False) -> bytes:
        """The next bytes in UTF-8; `final` flushes, and refuses half a character.

        After a refusal `passed` is what could be read of this chunk.
        """
        if self.encoding is None:
            chunk = self._head + chunk
            if len(chunk) < _PROBE and not final:
                self._head = chunk
                return b""
            chunk = self._detect(chunk)
        if self._decoder is None:
            return chunk
        try:
            return self._decoder.decode(chunk, final).encode(UTF8)
        except UnicodeDecodeError as error:
            self.passed = error.object[: error.start].decode(error.encoding).encode(UTF8)
            raise refusal("not_xml", detail=("sai mã UTF-16", "broken UTF-16")) from None

    def _detect(self, head: bytes) -> bytes:
        if head.startswith(_UTF32_MARKS):
            raise refusal("encoding_unsupported", detail="UTF-32")
        if head.startswith(codecs.BOM_UTF8):
            self.encoding = UTF8
            return head[len(codecs.BOM_UTF8) :]
        for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if head.startswith(mark):
                self.encoding = name
                self._decoder = codecs.getincrementaldecoder(name)("strict")
                return head[len(mark) :]
        if head.startswith(_BARE_WIDE):
            raise refusal("encoding_unsupported", detail=("UTF-16 không có BOM", "UTF-16 without a BOM"))
        self.encoding = UTF8
        return head
