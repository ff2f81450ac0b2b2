"""A SOAP message of the e-doc.vn exchange that came as XML alone: no MIME, so without attachments.

Its manifest may name attachments all the same, which were sent apart: the reader warns of each.
"""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from schemas.edxml.attachments import resolve_attachments
from schemas.edxml.dialect import Dialect
from schemas.edxml.split import SplitEdxml
from schemas.limits import DEFAULT_LIMITS, FormatLimits
from schemas.messages import issue
from schemas.older.files import Files
from schemas.older.translate import Part, parse_header, to_skeleton, too_large


class SoapSplitter:
    """Splits one message; the same life as `EdxmlSplitter`."""

    def __init__(self, *, spool: Path, limits: FormatLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._files = Files(spool, limits)
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the message."""
        self._data += chunk
        if len(self._data) > self._limits.skeleton_bytes:
            raise too_large(self._limits)

    def close(self) -> SplitEdxml:
        """The message is complete."""
        return finish(parse_header(bytes(self._data), self._limits), [], self._files, self._limits)

    def abort(self) -> None:
        """Give up; there is nothing to remove."""
        self._files.remove()


def finish(
    envelope: etree._Element,
    parts: list[Part],
    files: Files,
    limits: FormatLimits,
    *,
    dialect: Dialect = Dialect.EDOC_SOAP,
) -> SplitEdxml:
    """Put header and files together as a message that was taken apart; removes what is not an attachment."""
    root = to_skeleton(envelope, parts, limits)
    attachments, issues = resolve_attachments(root, files.contents, files.new, limits)
    files.keep_only({attachment.path for attachment in attachments})
    return SplitEdxml(
        root=root,
        attachments=attachments,
        names=frozenset(),
        repaired=True,
        issues=(issue("dialect_older", value=str(dialect)), *issues),
        limits=limits,
        older=dialect,
    )
