"""The strict schema of what we write, and the check against it.

`edxml-strict.xsd` is our own: none is published. libxml2 decides, because it is fast and independent of our
code; xmlschema then explains, because its paths and reasons can be read. Attachment content is left out of
the tree, so a message of any size can be checked; its alphabet is checked on the way. What no XSD can say,
the literal prefixes, is told by the lexer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lxml import etree

from schemas.archive import chunks
from schemas.edxml.dialect import Dialect, dialect_of
from schemas.edxml.lexer import Lexer
from schemas.edxml.skeleton import QCVN_NAMESPACE
from schemas.issues import EdxmlRefused, Issue
from schemas.limits import DEFAULT_LIMITS
from schemas.messages import issue
from schemas.safe_xml import parse_small

if TYPE_CHECKING:
    from elementpath.protocols import ElementProtocol
    from xmlschema import XMLSchema10

SCHEMA_FILE: Final = Path(__file__).with_name("edxml-strict.xsd")
_OPEN: Final = f'<edXML:ContentTransferEncoded xmlns:edXML="{QCVN_NAMESPACE}">'.encode("ascii")
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_EXPLAINED: Final = 10


def check_written(message: Path | bytes) -> tuple[Issue, ...]:
    """What is wrong with a message that we wrote; empty if nothing is."""
    shell = _Shell()
    try:
        body = shell.take(chunks(message) if isinstance(message, Path) else (message,))
        lexer = Lexer(DEFAULT_LIMITS)
        lexer.feed(body, final=True)
        root = parse_small(body)
    except EdxmlRefused as refused:
        return refused.issues
    found = [] if _schema().validate(root) else list(_explained(root))
    if shell.foreign:
        found.append(issue("schema_violation", "AttachmentEncoded", detail="base64"))
    dialect = dialect_of(lexer.names(), "edXML", foreign_namespaces=False)
    # The SDK's own prefixed ContentTransferEncoded is part of the strict dialect; the .NET marks are not.
    if dialect is not Dialect.PREFIXED:
        found.append(issue("schema_violation", "edXML", detail=("tiền tố", "prefixes")))
    return tuple(found)


class _Shell:
    """The message without attachment content."""

    def __init__(self) -> None:
        self.foreign = False
        self._inside = False

    def take(self, pieces: Iterable[bytes]) -> bytes:
        """Everything but the content between the marks that the writer writes."""
        kept = bytearray()
        held = b""
        for piece in pieces:
            data, held = held + piece, b""
            while data:
                data, held = self._step(data, kept)
        return bytes(kept + held)

    def _step(self, data: bytes, kept: bytearray) -> tuple[bytes, bytes]:
        """What is left to do of `data`, and what must wait for more."""
        if self._inside:
            end = data.find(b"<")
            content = data if end < 0 else data[:end]
            self.foreign = self.foreign or bool(content.translate(None, _BASE64))
            self._inside = end < 0
            return (b"" if end < 0 else data[end:]), b""
        start = data.find(_OPEN)
        if start < 0:
            cut = max(0, len(data) - len(_OPEN) + 1)
            kept += data[:cut]
            return b"", data[cut:]
        kept += data[: start + len(_OPEN)]
        self._inside = True
        return data[start + len(_OPEN) :], b""


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(parse_small(SCHEMA_FILE.read_bytes()))


@cache
def _explainer() -> XMLSchema10:
    # Half a second to import: only paid when there is something to explain.
    from xmlschema import XMLSchema10  # noqa: PLC0415

    return XMLSchema10(cast("ElementProtocol", parse_small(SCHEMA_FILE.read_bytes())))


def _explained(root: etree._Element) -> Iterator[Issue]:
    explained = False
    for error in islice(_explainer().iter_errors(cast("ElementProtocol", root)), _EXPLAINED):
        explained = True
        yield issue("schema_violation", error.path or "", detail=(error.reason or error.message).rstrip("."))
    if not explained:
        yield issue("schema_violation", "edXML", detail=str(_schema().error_log.last_error))
