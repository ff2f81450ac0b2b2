"""The hardened XML parser of this package, and finding elements by their identifiers.

A DOCTYPE can only stand before the root element: in an encoding whose markup is ASCII the bytes before the
root say whether there is one, and libxml2 itself bounds depth. In any other encoding a first pass with a
parser target looks. Either way nothing is built of a document that has one, or is too deep or too large; the
tree is made without entities, network or huge texts. [design: hostile input is normal input]

Looking an identifier up must find every element that carries it, for two of them are an attack. In a
document without character references an attribute's value stands in the bytes as it is, so that counting
quoted occurrences replaces a walk over all elements.
"""

from __future__ import annotations

import functools
import re

from lxml import etree

from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.report import Severity

MAX_DEPTH, MAX_ELEMENTS = 256, 500_000
FEED = 64 * 1024
DS = "http://www.w3.org/2000/09/xmldsig#"
XML_NS = "http://www.w3.org/XML/1998/namespace"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
HUGE = 8 * 1024 * 1024
"""Above this, texts may be longer than libxml2 allows by default; it then no longer bounds the depth."""
MAX_AMPERSANDS, MAX_STRIDES = 2_000, 2_000
SHORTEST_ELEMENT = len("<a/>")
_HEAD = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["'][^>]{0,60}\?>)?"""
)
_ASCII_MARKUP = re.compile(rb"(?i)(?:utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d)\Z")
_BEFORE_ROOT = re.compile(rb"(?:[ \t\r\n]+|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}\Z")
_TOO_DEEP = "boolean(" + "/*" * (MAX_DEPTH + 1) + ")"
ID_ATTRIBUTES = ("Id", "ID", "id", "AssertionID", f"{{{XML_NS}}}id", f"{{{WSU}}}Id")


class _Refusal(Exception):
    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class _Guard:
    """Parser target that counts and refuses."""

    def __init__(self) -> None:
        self._depth = self._elements = 0

    def doctype(self, *_: object) -> None:
        """Any DOCTYPE is refused."""
        raise _Refusal(Code.DOCTYPE_FORBIDDEN)

    def start(self, *_: object) -> None:
        """Count."""
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH:
            raise _Refusal(Code.LIMIT_EXCEEDED, f"XML depth > {MAX_DEPTH}")
        if self._elements > MAX_ELEMENTS:
            raise _Refusal(Code.LIMIT_EXCEEDED, f"XML elements > {MAX_ELEMENTS}")

    def end(self, *_: object) -> None:
        """Count back."""
        self._depth -= 1

    def data(self, *_: object) -> None:
        """Text is of no interest here."""

    def close(self) -> None:
        """Nothing is built."""


def parse(data: bytes) -> etree._ElementTree[etree._Element]:
    """The document's tree; raises `InputRefused` for anything that is not harmless, well-formed XML."""
    huge = len(data) > HUGE
    try:
        if not _is_harmless(data):
            _guard(data, huge=huge)
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=huge, collect_ids=False
        )
        root = etree.fromstring(data, parser)
        if huge:
            _refuse_depth(root)
    except _Refusal as refusal:
        code, detail = refusal.code, refusal.detail
        raise InputRefused(finding(code, Severity.ERROR, detail=detail)) from None
    except (etree.LxmlError, ValueError) as error:
        detail = " ".join(str(error).split())[:120]
        raise InputRefused(finding(Code.XML_BROKEN, Severity.ERROR, detail=detail)) from error
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise InputRefused(finding(Code.DOCTYPE_FORBIDDEN, Severity.ERROR))
    return tree


def _refuse_depth(root: etree._Element) -> None:
    if root.xpath(_TOO_DEEP):
        raise _Refusal(Code.LIMIT_EXCEEDED, f"XML depth > {MAX_DEPTH}")


def has_ascii_markup(data: bytes) -> bool:
    """Whether markup and ASCII names stand in the bytes as themselves, by the encoding that is declared."""
    head = _HEAD.match(data)
    if head is None or data[:4].count(0) or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x4c\x6f\xa7\x94")):
        return False
    if head.group(1) is not None:
        return _ASCII_MARKUP.match(head.group(1)) is not None
    # Without a declaration it is UTF-8; a declaration that could not be read decides nothing.
    return b"encoding" not in data[: data.find(b">") + 1]


def _is_harmless(data: bytes) -> bool:
    """Whether it is plain from the bytes that there is no DOCTYPE and that elements are not too many."""
    if not has_ascii_markup(data):
        return False
    start = _BEFORE_ROOT.match(data, 3 if data.startswith(b"\xef\xbb\xbf") else 0)
    after = data[start.end() : start.end() + 2] if start is not None else b""
    if after[:1] != b"<" or after[1:] in {b"!", b"?", b""}:
        return False
    return len(data) < MAX_ELEMENTS * SHORTEST_ELEMENT or _has_few_tags(data)


def _has_few_tags(data: bytes) -> bool:
    """Whether tags are fewer than elements may be.

    A message is a few hundred tags around texts of megabytes: going from one tag to the next is then ten
    times as quick as looking at every byte.
    """
    place = data.find(b"<")
    for _ in range(MAX_STRIDES):
        if place < 0:
            return True
        place = data.find(b"<", place + 1)
    return data.count(b"<") < MAX_ELEMENTS


def _guard(data: bytes, *, huge: bool) -> None:
    guard = etree.XMLParser(  # type: ignore[call-overload]
        target=_Guard(), resolve_entities=False, no_network=True, huge_tree=huge
    )
    for start in range(0, len(data), FEED):
        guard.feed(data[start : start + FEED])
    guard.close()


class Identifiers:
    """Elements by identifier; a name that two elements carry names neither.

    `data` are the bytes that `root` was parsed from, if it is the root of the whole document.
    """

    def __init__(self, root: etree._Element, data: bytes | None = None) -> None:
        self._root = root
        self._data = data if data is not None and has_ascii_markup(data) else None

    def get(self, name: str, *, within: etree._Element | None = None) -> etree._Element | None:
        """The one element of that name; of several, the one inside `within` if there is exactly one."""
        if within is not None and self._stands_once(name):
            inside = _carriers(within).get(name, [])
            if len(inside) == 1:
                return inside[0]
        candidates = list(dict.fromkeys(self._found.get(name, [])))
        if len(candidates) > 1 and within is not None:
            candidates = [c for c in candidates if within in c.iterancestors() or c is within]
        return candidates[0] if len(candidates) == 1 else None

    def is_ambiguous(self, name: str) -> bool:
        """Whether several elements carry the name."""
        return len(set(self._found.get(name, []))) > 1

    def _stands_once(self, name: str) -> bool:
        """Whether the name is at most one attribute's value, by the bytes of the document."""
        if self._data is None or not _PLAIN_NAME.match(name):
            return False
        if _has_character_references(self._data):
            self._data = None
            return False
        raw, seen, place = name.encode(), 0, len(self._data)
        # From the end, for speed: see `signing.pdf_ranges`. A name does not overlap its own quotes.
        while (place := self._data.rfind(raw, 0, place)) > 0 and seen < 2:
            quote = self._data[place - 1 : place]
            seen += quote in {b'"', b"'"} and self._data.startswith(quote, place + len(raw))
        return seen == 1

    @functools.cached_property
    def _found(self) -> dict[str, list[etree._Element]]:
        return _carriers(self._root)


def _has_character_references(data: bytes) -> bool:
    place = data.find(b"&")
    for _ in range(MAX_AMPERSANDS):
        if place < 0:
            return False
        if data[place + 1 : place + 2] == b"#":
            return True
        place = data.find(b"&", place + 1)
    return True  # many escapes: looking at the elements is as quick


def _carriers(root: etree._Element) -> dict[str, list[etree._Element]]:
    found: dict[str, list[etree._Element]] = {}
    for element in root.iter(etree.Element):
        if not element.attrib:
            continue
        for name in ID_ATTRIBUTES:
            value = element.get(name)
            if value is not None:
                found.setdefault(value, []).append(element)
    return found
