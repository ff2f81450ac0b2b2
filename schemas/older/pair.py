"""The pair of files of the 512/BTTTT era: `*_header.xml` and `*_Attachment.xml` in one ZIP.

The archive is kept in the spool until it is complete, then looked into and taken apart within the same
bounds as any archive. The header is a SOAP envelope; the other file holds every attachment as base64 in
`attachment/value`, often wrapped once more in a ZIP, which is undone like the national SDK's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.archive import ArchiveUnsafe, extract, names
from schemas.edxml.content import ContentSink
from schemas.edxml.dialect import Dialect
from schemas.edxml.encoding import Transcoder
from schemas.edxml.split import SplitEdxml
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.messages import refusal
from schemas.older.files import Files
from schemas.older.soap import finish
from schemas.older.translate import Part, declare_prefix, parse_header, too_large
from schemas.safe_xml import FeedParser

_CHUNK: Final = 64 * 1024
_HEADER: Final = "_header.xml"
_ATTACHMENTS: Final = "_attachment.xml"
_FILE: Final = "attachment"


class PairSplitter:
    """Splits one message; the same life as `EdxmlSplitter`."""

    def __init__(self, *, spool: Path, limits: FormatLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._files = Files(spool, limits)
        self._archive = self._files.new("pair.zip")
        self._out = self._archive.open("xb")
        self._fed = 0

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the archive."""
        self._fed += len(chunk)
        if self._fed > self._limits.message_bytes:
            self.abort()
            raise refusal("message_too_large", limit=self._limits.message_bytes)
        self._out.write(chunk)

    def close(self) -> SplitEdxml:
        """The archive is complete. Slow: it is unpacked here."""
        self._out.close()
        try:
            return self._result()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Give up: close what is open, remove every file made."""
        self._out.close()
        self._files.remove()

    def _result(self) -> SplitEdxml:
        header, attached = self._unpack()
        envelope = parse_header(header.read_bytes(), self._limits)
        parts = [] if attached is None else _attachments(attached, self._files, self._limits)
        return finish(envelope, parts, self._files, self._limits, dialect=Dialect.PAIR_512)

    def _unpack(self) -> tuple[Path, Path | None]:
        try:
            found = names(self._archive)
            headers = [name for name in found if name.lower().endswith(_HEADER)]
            attached = [name for name in found if name.lower().endswith(_ATTACHMENTS)]
            if len(headers) != 1 or len(attached) > 1 or len(found) != len(headers) + len(attached):
                detail = (
                    "tệp ZIP không phải cặp *_header.xml và *_Attachment.xml",
                    "the ZIP is not a pair of *_header.xml and *_Attachment.xml",
                )
                raise refusal("message_kind_unknown", detail=detail)
            header = self._extract(headers[0], "pair-header.xml", self._limits.skeleton_bytes * 2)
            # Base64 of what may be attached, and a little for the tags around it.
            budget = self._limits.message_bytes * 2
            return header, self._extract(attached[0], "pair-attachment.xml", budget) if attached else None
        except ArchiveUnsafe as danger:
            raise refusal("archive_unsafe", detail=danger.reason) from None

    def _extract(self, name: str, as_name: str, budget: int) -> Path:
        target = self._files.new(as_name)
        extract(self._archive, name, target, self._limits, budget=budget)
        return target


def _attachments(path: Path, files: Files, limits: FormatLimits) -> list[Part]:
    target = _FilesTarget(files, limits)
    parser = FeedParser(target)
    try:
        for chunk in _utf8(path):
            parser.feed(chunk)
        parser.close()
    except BaseException:
        target.abort()
        raise
    return target.parts


def _utf8(path: Path) -> Iterator[bytes]:
    transcoder = Transcoder()
    with path.open("rb") as file:
        first = declare_prefix(transcoder.feed(file.read(_CHUNK)))
        yield first
        while chunk := file.read(_CHUNK):
            yield transcoder.feed(chunk)
        yield transcoder.feed(b"", final=True)


class _FilesTarget:
    """Target of the parse of `*_Attachment.xml`: names, and content straight into the spool."""

    def __init__(self, files: Files, limits: FormatLimits) -> None:
        self._files = files
        self._limits = limits
        self._path: list[str] = []
        self._sink: ContentSink | None = None
        self._text = ""
        self._name = ""
        self._type = ""
        self._content: int | None = None
        self._elements = 0
        self.parts: list[Part] = []

    def start(self, tag: str, attrib: dict[str, str], _nsmap: dict[str, str]) -> None:
        """A start tag."""
        self._elements += 1
        if self._elements > self._limits.elements:
            raise refusal("too_many_elements", limit=self._limits.elements)
        if len(self._path) >= self._limits.depth:
            raise refusal("too_deep", limit=self._limits.depth)
        name = tag.rpartition("}")[2].lower()
        if self._sink is not None:
            raise _shape(f"thẻ {name} nằm trong nội dung tệp", f"element {name} inside a file's content")
        self._path.append(name)
        self._text = ""
        if name == _FILE:
            self._name, self._content = "", None
            self._type = next((v for k, v in attrib.items() if k.rpartition("}")[2] == "Content-Type"), "")
        elif name == "value" and self._path[-2:-1] == [_FILE]:
            if self._content is not None:
                raise _shape("hai nội dung trong một tệp", "two contents in one file")
            self._sink = self._files.base64()

    def end(self, _tag: str) -> None:
        """An end tag."""
        name = self._path.pop()
        if self._sink is not None:
            self._content = self._files.keep(self._sink.finish())
            self._sink = None
        elif name == "name" and self._path[-1:] == [_FILE]:
            self._name = self._text.strip()
        elif name == _FILE:
            if self._content is None:
                raise _shape("tệp không có nội dung", "a file without content")
            self.parts.append(Part(content=self._content, name=self._name, content_type=self._type))

    def data(self, data: str) -> None:
        """A piece of text."""
        if self._sink is not None:
            self._sink.write(data)
        elif len(self._text) + len(data) > self._limits.skeleton_bytes:
            raise too_large(self._limits)
        else:
            self._text += data

    def abort(self) -> None:
        """Close what is open."""
        if self._sink is not None:
            self._sink.abort()


def _shape(vi: str, en: str) -> Exception:
    return refusal("attachment_shape_unknown", "attach/attachment", detail=(vi, en))
