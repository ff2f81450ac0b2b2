"""Where in an XML document's bytes an enveloped signature goes: just before an end tag.

The signature is written into the bytes as received, so the place is one of bytes, in the document's own
encoding. Mostly a look at the bytes decides; where comments, CDATA or another encoding could deceive it,
expat reads the document once more.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from xml.parsers import expat

from lxml import etree

from signing.errors import DocumentRefused
from signing.xml_parse import has_ascii_markup

_EDXML, _EDXML_HEADER = "edXML", "edXMLHeader"
_HEADER_END = re.compile(rb"</(?:[^\s<>/:]{1,100}:)?edXMLHeader[ \t\r\n]*>")
MAX_PREFIX, MAX_NAMES = 120, 100
_UTF_16 = (
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A place in the bytes, and the encoding that what is written there must have."""

    place: int
    encoding: str = "ascii"

    def encoded(self, ascii_xml: bytes) -> bytes:
        """Markup in ASCII, as it must be written here."""
        return ascii_xml if self.encoding == "ascii" else ascii_xml.decode("ascii").encode(self.encoding)


def room_in(data: bytes, root: etree._Element) -> Room:
    """The end of the document's root, in an edXML document that of its header."""
    is_edxml = etree.QName(root).localname == _EDXML
    name = _EDXML_HEADER if is_edxml else etree.QName(root).localname
    if has_ascii_markup(data):
        place = _header_end(data, root) if is_edxml else _root_end(data, root)
        return Room(place=place if place is not None else _end_tag(data, name))
    encoding = next((e for mark, e in _UTF_16 if data.startswith(mark)), None)
    if encoding is None:
        return Room(place=_end_tag(data, name))
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentRefused(f"the XML cannot be read: {error}", code="xml_unsignable") from error
    in_utf8 = text.encode("utf-8", "surrogatepass")
    before = in_utf8[: _end_tag(in_utf8, name, encoding="utf-8")].decode("utf-8", "surrogatepass")
    return Room(place=len(before.encode(encoding, "surrogatepass")), encoding=encoding)


def _root_end(data: bytes, root: etree._Element) -> int | None:
    """The last tag of a document that ends with it is its root's, unless the root is empty."""
    end = data.rstrip(b" \t\r\n")
    place = end.rfind(b"</")
    if place < 0 or end.rfind(b">") != len(end) - 1 or root.getnext() is not None:
        return None
    return place if b">" not in end[place:-1] and b"<" not in end[place + 1 :] else None


def _header_end(data: bytes, root: etree._Element) -> int | None:
    """The only end tag of that name, where there is one such element, and not an empty one."""
    headers = list(root.iter(f"{{*}}{_EDXML_HEADER}"))
    if len(headers) != 1 or not len(headers[0]):
        return None
    name, places = _EDXML_HEADER.encode(), list[int]()
    place = data.find(name)
    while place >= 0 and len(places) < MAX_NAMES:
        places.append(place)
        place = data.find(name, place + 1)
    ends = [m.start() for p in places if (m := _tag_around(data, p)) is not None]
    return ends[0] if len(ends) == 1 and len(places) < MAX_NAMES else None


def _tag_around(data: bytes, place: int) -> re.Match[bytes] | None:
    """The end tag in which a name stands."""
    start = data.rfind(b"<", max(0, place - MAX_PREFIX), place)
    return _HEADER_END.match(data, start) if start >= 0 else None


def _end_tag(data: bytes, parent: str, *, encoding: str | None = None) -> int:
    """Where the last end tag of that local name begins."""
    place: list[int] = []
    parser = expat.ParserCreate(encoding)

    def ended(tag: str) -> None:
        if tag.rpartition(":")[2] == parent:
            place[:] = [parser.CurrentByteIndex]

    parser.EndElementHandler = ended
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DocumentRefused(f"the XML cannot be read: {error}", code="xml_unsignable") from error
    if not place or data[place[0] : place[0] + 2] != b"</":
        raise DocumentRefused(f"there is no room for a signature in {parent}", code="xml_unsignable")
    return place[0]
