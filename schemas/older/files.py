"""The files of one message while it is taken apart: made in the spool, removed on refusal.

`RawSink` takes bytes that are not encoded (a MIME part in binary); base64 goes to `ContentSink`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final

from schemas.edxml.content import ContentSink, RawContent
from schemas.limits import FormatLimits
from schemas.messages import refusal

_BUFFER: Final = 256 * 1024


class Files:
    """Names, makes and removes the files of one message."""

    def __init__(self, spool: Path, limits: FormatLimits) -> None:
        self._spool = spool
        self._limits = limits
        self._made: list[Path] = []
        self.contents: list[RawContent] = []

    def new(self, name: str) -> Path:
        """A file of this message in the spool."""
        path = self._spool / name
        self._made.append(path)
        return path

    def base64(self) -> ContentSink:
        """Where the base64 of the next attachment goes; `keep` what its `finish` gives."""
        return ContentSink(self._next(), index=len(self.contents), max_bytes=self._limits.attachment_bytes)

    def raw(self) -> RawSink:
        """Where the bytes of the next attachment go."""
        return RawSink(self._next(), index=len(self.contents), max_bytes=self._limits.attachment_bytes)

    def keep(self, content: RawContent) -> int:
        """Note a finished attachment and return its index."""
        self.contents.append(content)
        return content.index

    def keep_only(self, wanted: set[Path]) -> None:
        """Remove every file but these."""
        for path in [path for path in self._made if path not in wanted]:
            path.unlink(missing_ok=True)
            self._made.remove(path)

    def remove(self) -> None:
        """Remove every file; any number of times."""
        self.keep_only(set())

    def _next(self) -> Path:
        number = len(self.contents) + 1
        if number > self._limits.attachments:
            raise refusal("too_many_attachments", "AttachmentEncoded", limit=self._limits.attachments)
        return self.new(f"attachment-{number:04d}.bin")


class RawSink:
    """Writes one attachment as it comes; `finish()`, or at any time `abort()`, ends it."""

    def __init__(self, path: Path, *, index: int, max_bytes: int) -> None:
        self._path = path
        self._index = index
        self._max_bytes = max_bytes
        self._size = 0
        self._hash = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file: BinaryIO = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=_BUFFER)

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self._size += len(data)
        if self._size > self._max_bytes:
            place = f"AttachmentEncoded/Attachment[{self._index + 1}]"
            raise refusal("attachment_too_large", place, limit=self._max_bytes)
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> RawContent:
        """Close and describe the file."""
        self._file.close()
        return RawContent(
            index=self._index, path=self._path, size=self._size, sha256=self._hash.digest(), issues=()
        )

    def abort(self) -> None:
        """Close the file; whoever made the name removes it."""
        self._file.close()
