"""The one hardened XML parser of the project: everything that ever parses XML goes through this module.

Set-up: libxml2 by lxml, no DTD loaded, no entity resolved, no network, no huge-tree mode (so libxml2's own
bounds on names, depth and buffers hold), encoding fixed to UTF-8 by the caller. A DOCTYPE raises in the
parser's `doctype` event, before anything in it is evaluated. lxml's target mode drops an undeclared namespace
prefix without a word (`<f:b/>` arrives as `b`); such errors are in the parser's log only, so `check()` reads
it after every feed and refuses. expat is not used: it is quadratic on long attributes.

`FeedParser` streams into a target; `parse_small` gives a tree of a small document with the same refusals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from lxml import etree

from schemas.issues import EdxmlRefused
from schemas.messages import refusal

_SMALL_BYTES: Final = 4 * 1024 * 1024


class Target(Protocol):
    """What receives the events of a streaming parse. Exceptions pass through the parser unchanged."""

    def start(self, tag: str, attrib: dict[str, str], nsmap: dict[str, str], /) -> None:
        """A start tag; `tag` is in Clark notation, `nsmap` what this tag declares."""

    def end(self, tag: str, /) -> None:
        """An end tag."""

    def data(self, data: str) -> None:
        """A piece of text; one text node may come in many pieces."""


class _Guard:
    """Forwards events to the target and refuses a DOCTYPE. Comments and instructions are not looked at.

    lxml calls `close` also after a failure, so it says nothing: `FeedParser.close` returning does.
    """

    __slots__ = ("data", "end", "start")

    def __init__(self, target: Target) -> None:
        self.start = target.start
        self.end = target.end
        self.data = target.data

    def doctype(self, *_: str | None) -> None:
        """Called when `<!DOCTYPE` is read."""
        raise refusal("doctype_forbidden")

    def close(self) -> None:
        """Required by lxml."""


class FeedParser:
    """A streaming parse of UTF-8 bytes. Every failure is an `EdxmlRefused`; after one the parser is dead.

    A prefix in `repairable` may be used undeclared: its elements and attributes then arrive without a
    namespace, and the prefix is in `undeclared`.
    """

    def __init__(self, target: Target) -> None:
        self._looked_at = 0
        # The stubs know only targets whose start takes two arguments.
        self._parser = etree.XMLParser(  # type: ignore[call-overload]
            target=_Guard(target),
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
        )

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            raise _translated(error) from None
        self._check()

    def close(self) -> None:
        """The bytes are at their end: the document must be complete."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            raise _translated(error) from None
        self._check()

    def _check(self) -> None:
        log = self._parser.feed_error_log
        if len(log) == self._looked_at:
            return
        # libxml2 stops reporting after a hundred errors: the first one must end it.
        for entry in log:
            if entry.level >= etree.ErrorLevels.ERROR:
                raise _not_xml(entry.message, entry.line)
        self._looked_at = len(log)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallLimits:
    """Bounds of a small document."""

    bytes: int = _SMALL_BYTES
    depth: int = 64
    elements: int = 50_000


class _TreeTarget:
    """Builds an lxml tree within bounds."""

    def __init__(self, limits: SmallLimits) -> None:
        self._builder = etree.TreeBuilder()
        self._limits = limits
        self._depth = 0
        self._elements = 0

    def start(self, tag: str, attrib: dict[str, str], nsmap: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > self._limits.depth:
            raise refusal("too_deep", limit=self._limits.depth)
        if self._elements > self._limits.elements:
            raise refusal("too_many_elements", limit=self._limits.elements)
        bound = {prefix or None: uri for prefix, uri in nsmap.items() if uri}
        self._builder.start(tag, attrib, bound)  # type: ignore[call-arg] # unknown to the stubs

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag)

    def data(self, data: str) -> None:
        self._builder.data(data)

    def root(self) -> etree._Element:
        """The tree, once the parser has closed without complaint."""
        return self._builder.close()


def parse_small(data: bytes, *, limits: SmallLimits | None = None) -> etree._Element:
    """The tree of a small UTF-8 document, with the refusals of the streaming parser."""
    limits = limits or SmallLimits()
    if len(data) > limits.bytes:
        raise refusal("message_too_large", limit=limits.bytes)
    target = _TreeTarget(limits)
    parser = FeedParser(target)
    parser.feed(data)
    parser.close()
    return target.root()


def _translated(error: etree.XMLSyntaxError) -> EdxmlRefused:
    return _not_xml(error.msg or "syntax error", error.lineno or 0)


def _not_xml(message: str, line: int) -> EdxmlRefused:
    text = message.split(", line ", maxsplit=1)[0].split("\n", maxsplit=1)[0]
    return refusal(
        "not_xml", f"line {line}" if line else "", detail=(f"dòng {line}: {text}", f"line {line}: {text}")
    )
