"""A message of the e-doc.vn exchange as it came over HTTP: multipart/related, in constant memory.

The first part is the SOAP envelope, every other one an attachment, known by its Content-ID. The boundary is
taken from the body's first line, so that the stored bytes can be read again without the headers of the
call that brought them. Lines may end in LF alone. Parts are binary or base64; whatever else would have to
be guessed is refused. [RFC 2046 §5.1, RFC 2387]
"""

from __future__ import annotations

import binascii
import re
from email.message import Message
from email.parser import BytesHeaderParser
from enum import Enum, auto
from pathlib import Path
from typing import Final

from schemas.edxml.content import ContentSink
from schemas.edxml.split import SplitEdxml
from schemas.issues import EdxmlRefused
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.messages import refusal
from schemas.older.files import Files, RawSink
from schemas.older.soap import finish
from schemas.older.translate import Part, parse_header, too_large

_FIRST_LINE: Final = re.compile(rb"\A\s*--([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])[ \t]*\r?\n")
_FIRST_LINE_BYTES: Final = 4096
# What may stand between a boundary and the end of its line.
_PADDING_BYTES: Final = 200
_CR: Final = 0x0D
_HEAD_BYTES: Final = 16 * 1024
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_BINARY: Final = frozenset({"", "binary", "8bit", "7bit"})


class _At(Enum):
    START = auto()
    HEAD = auto()
    BODY = auto()
    END = auto()


class MimeSplitter:
    """Splits one message; the same life as `EdxmlSplitter`."""

    def __init__(self, *, spool: Path, limits: FormatLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._files = Files(spool, limits)
        self._at = _At.START
        self._buffer = b""
        self._delimiter = b""
        self._envelope = bytearray()
        self._envelope_base64 = False
        self._sink: ContentSink | RawSink | None = None
        self._head: Message = Message()
        self._parts: list[Part] = []
        self._seen = 0
        self._fed = 0
        self._skip_one = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the message, cut anywhere."""
        try:
            self._count(chunk)
            self._buffer += chunk
            while self._step():
                pass
        except BaseException:
            self.abort()
            raise

    def close(self) -> SplitEdxml:
        """The message is complete."""
        try:
            return self._result()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Give up: close what is open, remove every file made."""
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
        self._files.remove()

    def _count(self, chunk: bytes) -> None:
        self._fed += len(chunk)
        if self._fed > self._limits.message_bytes:
            raise refusal("message_too_large", limit=self._limits.message_bytes)

    def _result(self) -> SplitEdxml:
        if self._at is _At.START:
            raise _broken("không có dòng phân cách", "no boundary line")
        if self._at is not _At.END:
            raise _broken("bị cắt ngang", "it was cut")
        envelope = parse_header(self._envelope_bytes(), self._limits)
        return finish(envelope, self._parts, self._files, self._limits)

    def _step(self) -> bool:
        # Each does what the buffer allows and says whether there may be more to do.
        if self._at is _At.START:
            return self._start()
        if self._at is _At.HEAD:
            return self._read_head()
        if self._at is _At.BODY:
            return self._read_body()
        self._buffer = b""
        return False

    def _start(self) -> bool:
        found = _FIRST_LINE.match(self._buffer)
        if found is None:
            if len(self._buffer) > _FIRST_LINE_BYTES:
                raise _broken("không có dòng phân cách", "no boundary line")
            return False
        self._delimiter = b"\n--" + found.group(1)
        self._buffer = self._buffer[found.end() :]
        self._at = _At.HEAD
        return True

    def _read_head(self) -> bool:
        # A part without headers begins with the empty line itself.
        if self._buffer.startswith((b"\r\n", b"\n")):
            head, self._buffer = b"", self._buffer.partition(b"\n")[2]
        else:
            found = _HEAD_END.search(self._buffer[:_HEAD_BYTES])
            if found is None:
                if len(self._buffer) > _HEAD_BYTES:
                    raise _broken("phần đầu quá dài", "the head of a part is too long")
                return False
            head, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
        self._head = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
        self._open_part()
        # The delimiter begins with the line break before it, which an empty part shares with its head.
        self._buffer = b"\n" + self._buffer
        self._skip_one = True
        self._at = _At.BODY
        return True

    def _open_part(self) -> None:
        encoding = str(self._head.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding not in _BINARY and encoding != "base64":
            raise _broken(f"mã hóa {encoding}", f"the encoding {encoding}")
        self._seen += 1
        if self._seen == 1:
            self._envelope_base64 = encoding == "base64"
            return
        self._sink = self._files.base64() if encoding == "base64" else self._files.raw()

    def _read_body(self) -> bool:
        start = 0
        while True:
            at = self._buffer.find(self._delimiter, start)
            if at < 0:
                self._pass_all_but(len(self._delimiter) + 2)
                return False
            after = at + len(self._delimiter)
            line_end = self._buffer.find(b"\n", after, after + _PADDING_BYTES)
            if line_end < 0 and len(self._buffer) < after + _PADDING_BYTES and not self._closes(after):
                # Nobody can tell yet whether this is the line or only begins like it.
                self._pass_before(at)
                return False
            if self._closes(after):
                break
            if line_end >= 0 and not self._buffer[after:line_end].strip(b" \t\r"):
                break
            start = at + 1
        self._write(self._buffer[: at - 1 if at and self._buffer[at - 1] == _CR else at])
        self._end_part()
        ended = self._closes(after)
        self._buffer = b"" if ended else self._buffer[line_end + 1 :]
        self._at = _At.END if ended else _At.HEAD
        return True

    def _closes(self, after: int) -> bool:
        return self._buffer[after : after + 2] == b"--"

    def _pass_before(self, at: int) -> None:
        kept = at - 1 if at else 0  # a carriage return before it may belong to it
        self._write(self._buffer[:kept])
        self._buffer = self._buffer[kept:]

    def _pass_all_but(self, kept: int) -> None:
        if len(self._buffer) > kept:
            self._write(self._buffer[:-kept])
            self._buffer = self._buffer[-kept:]

    def _write(self, data: bytes) -> None:
        if self._skip_one and data:
            data, self._skip_one = data[1:], False
        if not data:
            return
        if isinstance(self._sink, ContentSink):
            self._sink.write(data.decode("latin-1"))
        elif self._sink is not None:
            self._sink.write(data)
        else:
            self._envelope += data
            if len(self._envelope) > 2 * self._limits.skeleton_bytes:
                raise too_large(self._limits)

    def _end_part(self) -> None:
        if self._sink is None:
            return
        index = self._files.keep(self._sink.finish())
        self._sink = None
        self._parts.append(
            Part(
                content=index,
                content_id=str(self._head.get("Content-ID", "")).strip(),
                name=_name(self._head),
                content_type=self._head.get_content_type() if "Content-Type" in self._head else "",
            )
        )

    def _envelope_bytes(self) -> bytes:
        if not self._envelope_base64:
            return bytes(self._envelope)
        try:
            return binascii.a2b_base64(bytes(self._envelope))
        except binascii.Error:
            raise _broken("Base64 hỏng", "broken Base64") from None


def _name(head: Message) -> str:
    # An undecodable name is no name: the manifest has another.
    try:
        return head.get_filename("") or ""
    except (LookupError, ValueError, UnicodeError):
        return ""


def _broken(vi: str, en: str) -> EdxmlRefused:
    return refusal("not_xml", detail=(f"thông điệp MIME: {vi}", f"MIME message: {en}"))
