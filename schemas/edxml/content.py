"""Attachment content: base64 text in, decoded bytes in a spool file out, hashed on the way.

What is tolerated follows the national SDK, which ignores characters outside the alphabet: white space
silently, others with a warning, as well as missing or surplus `=` at the end. Refused is what has no single
reading: a length that no bytes encode to, text after the padding (decoders disagree: stop, fail, or go on),
and the URL-safe characters `-` and `_` (one decoder drops them, another takes them for `+` and `/`).
"""

from __future__ import annotations

import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from schemas.issues import Issue
from schemas.messages import issue, refusal

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE: Final = b" \t\r\n"
_NOT_BASE64: Final = bytes(sorted(set(range(256)) - set(_ALPHABET + b"=")))
_BUFFER: Final = 256 * 1024
_MAX_PADDING: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RawContent:
    """The decoded content of one attachment, as it was embedded."""

    index: int
    path: Path
    size: int
    sha256: bytes
    issues: tuple[Issue, ...]


class ContentSink:
    """Decodes one attachment into a new file `path`; `finish()`, or at any time `abort()`, ends it."""

    def __init__(self, path: Path, *, index: int, max_bytes: int) -> None:
        self._path = path
        self._index = index
        self._max_bytes = max_bytes
        self._file: BinaryIO = os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600),
            "wb",
            buffering=_BUFFER,
        )
        self._hash = hashlib.sha256()
        self._pending = b""
        self._padding = 0
        self._illegal = 0
        self._size = 0

    def write(self, text: str) -> None:
        """The next characters."""
        raw = text.encode("ascii", "replace") if not text.isascii() else text.encode("ascii")
        digits = raw.translate(None, _NOT_BASE64)
        if len(digits) != len(raw):
            self._judge(raw, len(digits))
        if not digits:
            return
        if self._padding or b"=" in digits:
            digits = self._until_padding(digits)
        data = self._pending + digits
        whole = len(data) & ~3
        self._pending = data[whole:]
        if whole:
            self._store(binascii.a2b_base64(data[:whole]))

    def finish(self) -> RawContent:
        """The text is complete: flush, close and describe the file."""
        rest = len(self._pending)
        if rest == 1:
            raise self._refused("độ dài không hợp lệ", "impossible length")
        if rest:
            self._store(binascii.a2b_base64(self._pending + b"=" * (4 - rest)))
        self._file.close()
        issues = []
        if self._illegal:
            issues.append(issue("base64_dirty", self._place(), detail=self._illegal))
        if self._padding != (4 - rest) % 4:
            issues.append(issue("base64_padding", self._place()))
        return RawContent(
            index=self._index,
            path=self._path,
            size=self._size,
            sha256=self._hash.digest(),
            issues=tuple(issues),
        )

    def abort(self) -> None:
        """Close without a word; the file is the caller's to remove."""
        try:
            self._file.close()
        except OSError:
            pass  # a full disk fails again on flushing; the descriptor is closed all the same

    def _judge(self, raw: bytes, digits: int) -> None:
        foreign = raw.translate(None, _SPACE)
        illegal = len(foreign) - digits
        if not illegal:
            return
        if b"-" in foreign or b"_" in foreign:
            raise self._refused("có ký tự “-” hoặc “_”", "it has the characters “-” or “_”")
        self._illegal += illegal

    def _until_padding(self, digits: bytes) -> bytes:
        data, mark, tail = digits.partition(b"=")
        if (self._padding and data) or tail.strip(b"="):
            raise self._refused("có dữ liệu sau dấu “=”", "data follows the “=”")
        self._padding += len(mark) + len(tail)
        if self._padding > _MAX_PADDING:
            self._padding = _MAX_PADDING + 1
        return data

    def _store(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise refusal("attachment_too_large", self._place(), limit=self._max_bytes)
        self._hash.update(data)
        self._file.write(data)

    def _refused(self, vi: str, en: str) -> Exception:
        return refusal("base64_invalid", self._place(), detail=(vi, en))

    def _place(self) -> str:
        return f"AttachmentEncoded/Attachment[{self._index + 1}]"
