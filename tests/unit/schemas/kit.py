"""What the tests of the format share: a message to change, and a bench that splits and reads it."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.edxml.model import StatusMessage
from schemas.edxml.read import ReadEdxml, read
from schemas.edxml.split import EdxmlSplitter, SplitEdxml
from schemas.edxml.write import write_document, write_status
from schemas.issues import EdxmlRefused
from schemas.limits import DEFAULT_LIMITS, FormatLimits

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "edxml"
NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DOCUMENT = (ASSETS / "doc_0_new.edxml").read_text(encoding="utf-8")
STATUS = (ASSETS / "status_13.edxml").read_text(encoding="utf-8")
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
CONTENT_OPEN = f'<edXML:ContentTransferEncoded xmlns:edXML="{NAMESPACE}">'
CONTENT_CLOSE = "</edXML:ContentTransferEncoded>"


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with each change made; a change that finds nothing is a broken test."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def without(text: str, *elements: str) -> str:
    """The text without the first element of each name, whatever it holds."""
    for name in elements:
        start = text.index(f"<edXML:{name}>")
        end = text.index(f"</edXML:{name}>") + len(f"</edXML:{name}>")
        text = text[:start] + text[end:]
    return text


def with_content(encoded: str, *, document: str = DOCUMENT) -> str:
    """The document with this text as its only attachment's content."""
    start = document.index(CONTENT_OPEN) + len(CONTENT_OPEN)
    return document[:start] + encoded + document[document.index(CONTENT_CLOSE) :]


def attachment(name: str, content: bytes, *, declared: str = "application/pdf", cid: str = "cid:1") -> str:
    """One attachment in the strict dialect."""
    return (
        f"<Attachment><ContentId>{cid}</ContentId><AttachmentName>{name}</AttachmentName>"
        f"<ContentType>{declared}</ContentType>"
        f"{CONTENT_OPEN}{base64.b64encode(content).decode()}{CONTENT_CLOSE}</Attachment>"
    )


def reference(name: str, *, declared: str = "application/pdf", cid: str = "cid:1") -> str:
    """One manifest entry in the strict dialect."""
    return (
        f"<edXML:Reference><edXML:ContentId>{cid}</edXML:ContentId>"
        f"<edXML:ContentType>{declared}</edXML:ContentType>"
        f"<edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Reference>"
    )


def with_files(references: Iterable[str], attachments: Iterable[str]) -> str:
    """The document with this manifest and these attachments."""
    text = DOCUMENT
    for opening, closing, parts in (
        ('<edXML:edXMLManifest version="1.0">', "</edXML:edXMLManifest>", references),
        ("<AttachmentEncoded>", "</AttachmentEncoded>", attachments),
    ):
        start = text.index(opening) + len(opening)
        text = text[:start] + "".join(parts) + text[text.index(closing) :]
    return text


def with_file(name: str, content: bytes, *, declared: str = "application/pdf") -> str:
    """The document with one file, listed as it should be."""
    return with_files([reference(name, declared=declared)], [attachment(name, content, declared=declared)])


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


class Bench:
    """Splits and reads messages, each in a spool folder of its own, and looks after what is left there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def spool(self) -> Path:
        """A fresh folder."""
        self._count += 1
        path = self._folder / f"spool-{self._count}"
        path.mkdir()
        return path

    def split(
        self, message: str | bytes, *, limits: FormatLimits = DEFAULT_LIMITS, cuts: Sequence[int] = ()
    ) -> SplitEdxml:
        """Split a message fed in pieces cut at these places; on a refusal the spool must be empty."""
        data = message.encode("utf-8") if isinstance(message, str) else message
        spool = self.spool()
        splitter = EdxmlSplitter(spool=spool, limits=limits)
        bounds = [0, *sorted(cut for cut in cuts if 0 <= cut <= len(data)), len(data)]
        try:
            for start, end in pairwise(bounds):
                splitter.feed(data[start:end])
            return splitter.close()
        except EdxmlRefused:
            assert not list(spool.iterdir()), "files are left after a refusal"
            raise

    def read(self, message: str | bytes, *, limits: FormatLimits = DEFAULT_LIMITS) -> ReadEdxml:
        """Split and read."""
        return read(self.split(message, limits=limits))

    def warnings(self, message: str | bytes) -> list[str]:
        """The codes of the warnings."""
        return [each.code for each in self.read(message).warnings]

    def refused(self, message: str | bytes, *, limits: FormatLimits = DEFAULT_LIMITS) -> EdxmlRefused:
        """The refusal of a message that must be refused."""
        with pytest.raises(EdxmlRefused) as caught:
            self.read(message, limits=limits)
        return caught.value

    def written(self, result: ReadEdxml) -> bytes:
        """A message read, written again."""
        if isinstance(result.message, StatusMessage):
            return write_status(result.message)
        return b"".join(write_document(result.message, [each.path for each in result.attachments]))
