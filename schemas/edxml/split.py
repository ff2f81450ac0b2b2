"""The streaming splitter: one pass over the bytes of an edXML message, in constant memory.

    bytes -> Transcoder (UTF-16 to UTF-8) -> Lexer (repairs, markup bounds) -> hardened parser ->
    SkeletonBuilder \\-> ContentSink per attachment

`feed` takes chunks cut anywhere and raises `EdxmlRefused` as soon as the message cannot be accepted; it only
computes and appends to files, so it may run on an event loop with chunks of 64 KB. `close` checks the end,
looks into archives and may take long: call it in a thread. The verdict does not depend on the cuts; of
several faults close together either may be named. After a refusal, or `abort`, nothing stays open and no file
of ours is left. Writing to the spool may raise OSError (disk full); the caller then calls `abort`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.edxml.attachments import SplitAttachment, resolve_attachments
from schemas.edxml.content import ContentSink, RawContent
from schemas.edxml.dialect import PREFIX, Dialect
from schemas.edxml.encoding import UTF8, UTF16_NAMES, Transcoder
from schemas.edxml.lexer import Lexer
from schemas.edxml.skeleton import Node, SkeletonBuilder, skeleton_too_large
from schemas.issues import EdxmlRefused, Issue
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.messages import issue, refusal
from schemas.safe_xml import FeedParser

FEED_BYTES: Final = 64 * 1024
_CONTENT: Final = b"ContentTransferEncoded"
# Each character reference costs the parser one event; in base64 only line breaks are honest ones.
_REFERENCE_COST: Final = 4
_BREAK_REFERENCES: Final = (b"&#13;", b"&#xD;", b"&#xd;", b"&#10;", b"&#xA;", b"&#xa;")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEdxml:
    """A message taken apart: the skeleton, the attachments on disk, and what was seen on the way."""

    root: Node
    attachments: tuple[SplitAttachment, ...]
    names: frozenset[tuple[str, str]]
    repaired: bool
    issues: tuple[Issue, ...]
    limits: FormatLimits
    older: Dialect | None = None
    """The dialect from before QCVN 102 in which the message came; None: told from the tags."""


class EdxmlSplitter:
    """Splits one message. `spool` is a private folder; attachments become files in it."""

    def __init__(self, *, spool: Path, limits: FormatLimits = DEFAULT_LIMITS) -> None:
        self._spool = spool
        self._limits = limits
        self._transcoder = Transcoder()
        self._lexer = Lexer(limits)
        self._builder = SkeletonBuilder(self, limits)
        self._parser = FeedParser(self._builder)
        self._sink: ContentSink | None = None
        self._contents: list[RawContent] = []
        self._files: list[Path] = []
        self._fed = 0
        self._reference_bytes = 0
        self._dead = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the message, cut anywhere."""
        self._alive()
        try:
            self._count(chunk)
            for start in range(0, len(chunk), FEED_BYTES):
                self._pass(chunk[start : start + FEED_BYTES])
        except BaseException:
            self.abort()
            raise

    def close(self) -> SplitEdxml:
        """The message is complete. May be slow: archives are opened here."""
        self._alive()
        try:
            self._pass(b"", final=True)
            self._parser.close()
            return self._result()
        except BaseException:
            self.abort()
            raise
        finally:
            self._dead = True

    def abort(self) -> None:
        """Give up: close what is open, remove every file made. At any time, any number of times."""
        self._dead = True
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
        while self._files:
            self._files.pop().unlink(missing_ok=True)

    def open_content(self) -> int:
        """An attachment's content starts (called by the parse)."""
        index = len(self._contents)
        path = self.new_file(f"attachment-{index + 1:04d}.bin")
        self._sink = ContentSink(path, index=index, max_bytes=self._limits.attachment_bytes)
        return index

    def content(self, text: str) -> None:
        """A piece of an attachment's base64 (called by the parse)."""
        if self._sink is not None:
            self._sink.write(text)

    def close_content(self) -> None:
        """An attachment's content ends (called by the parse)."""
        if self._sink is not None:
            self._contents.append(self._sink.finish())
            self._sink = None

    def new_file(self, name: str) -> Path:
        """A file of this message in the spool, removed on refusal."""
        path = self._spool / name
        self._files.append(path)
        return path

    def _alive(self) -> None:
        if self._dead:
            raise RuntimeError("the splitter has ended")

    def _count(self, chunk: bytes) -> None:
        self._fed += len(chunk)
        if self._fed > self._limits.message_bytes:
            raise refusal("message_too_large", limit=self._limits.message_bytes)

    def _pass(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            data = self._transcoder.feed(chunk, final=final)
        except EdxmlRefused:
            # Whichever fault comes first in the message is the one to be told; so also below.
            self._parse(self._transcoder.passed, final=False)
            raise
        self._parse(data, final=final)

    def _parse(self, data: bytes, *, final: bool) -> None:
        if self._builder.in_content:
            data = self._lighten(data)
        data = self._lexed(data, final=final)
        if (
            self._lexer.markup_bytes + self._builder.text_bytes + self._reference_bytes
            > self._limits.skeleton_bytes
        ):
            raise skeleton_too_large(self._limits.skeleton_bytes)
        if data:
            self._parser.feed(data)

    def _lexed(self, data: bytes, *, final: bool) -> bytes:
        try:
            return self._lexer.feed(data, final=final)
        except EdxmlRefused:
            self._parser.feed(b"".join(self._lexer.passed))
            raise

    def _lighten(self, data: bytes) -> bytes:
        """Take line breaks out of pure base64: libxml2 makes one event of every line that ends in CR LF."""
        if b"<" not in data and self._lexer.is_in_text_of(_CONTENT):
            if b"&" in data:
                for reference in _BREAK_REFERENCES:
                    data = data.replace(reference, b"")
            if b"\r" in data:
                data = data.translate(None, b"\r\n")
        self._reference_bytes += _REFERENCE_COST * data.count(b"&")
        return data

    def _result(self) -> SplitEdxml:
        root = self._builder.root
        if root is None:
            raise refusal("not_xml", detail=("không có thẻ nào", "no element"))
        attachments, issues = resolve_attachments(root, self._contents, self.new_file, self._limits)
        kept = {attachment.path for attachment in attachments}
        for path in [path for path in self._files if path not in kept]:
            path.unlink(missing_ok=True)
            self._files.remove(path)
        seen = self._seen()
        return SplitEdxml(
            root=root,
            attachments=attachments,
            names=self._lexer.names(),
            repaired=bool(seen),
            issues=(*seen, *issues),
            limits=self._limits,
        )

    def _seen(self) -> list[Issue]:
        lexer = self._lexer
        found = []
        if lexer.junk_bytes:
            found.append(issue("junk_trimmed", detail=lexer.junk_bytes))
        found += [
            issue("prefix_bound" if prefix == PREFIX else "xlink_bound", value=prefix)
            for prefix in sorted(self._lexer.undeclared())
        ]
        actual = self._transcoder.encoding or UTF8
        declared = lexer.declared_encoding
        if (declared in UTF16_NAMES) != actual.startswith("utf-16") and declared:
            found.append(issue("encoding_mismatch", value=declared.upper(), detail=actual.upper()))
        return found
