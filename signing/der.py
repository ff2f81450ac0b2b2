"""Reading DER and BER by places in the bytes: where an element begins, where its contents are, where it ends.

The general library builds an object per element and is a hundred times slower than the key operation it
serves; what a verification needs of a CMS structure is a dozen slices. Indefinite lengths are followed
[X.690 §8.1.3.6], depth is bounded, anything that does not fit is a `ValueError`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, NamedTuple

from asn1crypto import core

from signing.known import ByBytes

MAX_NESTING: Final = 16
INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONSTRUCTED_OCTETS: Final = 0x24
_CONSTRUCTED: Final = 0x20


class Element(NamedTuple):
    """One element: its identifier octet and four places in the bytes it was read from."""

    tag: int
    start: int
    inside: int
    inside_end: int
    end: int


# As `Element(…)` does, without the Python frame that its constructor is.
_made: Callable[[tuple[int, int, int, int, int]], Element] = functools.partial(tuple.__new__, Element)


def element(data: bytes, start: int, limit: int, depth: int = 0) -> Element:
    """The element at `start`; it must end before `limit`."""
    try:
        tag, place = data[start], start + 1
        if tag & 0x1F == 0x1F:
            while data[place] & 0x80:
                place += 1
            place += 1
        length = data[place]
    except IndexError:
        raise ValueError("cut short") from None
    place += 1
    if length == 0x80:
        return _indefinite(data, start, place, limit, depth)
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[place : place + octets], "big")
        place += octets
    end = place + length
    if end > limit:
        raise ValueError("longer than what holds it")
    return _made((tag, start, place, end, end))


def _indefinite(data: bytes, start: int, inside: int, limit: int, depth: int) -> Element:
    if not data[start] & _CONSTRUCTED or depth >= MAX_NESTING:
        raise ValueError("length")
    place = inside
    while data[place : place + 2] != b"\0\0":
        place = element(data, place, limit, depth + 1).end
    if place + 2 > limit:
        raise ValueError("cut short")
    return Element(data[start], start, inside, place, place + 2)


def children(data: bytes, parent: Element) -> list[Element]:
    """The elements inside an element."""
    return _following(data, parent.inside, parent.inside_end)


def following(data: bytes) -> list[Element]:
    """The elements that follow one another in `data`."""
    return _following(data, 0, len(data))


def elements(data: bytes) -> list[bytes]:
    """The elements that follow one another in `data`, each whole."""
    return [data[found.start : found.end] for found in following(data)]


def _following(data: bytes, place: int, limit: int) -> list[Element]:
    """Lengths of one, two and three octets are nearly all there are, and are read without a call for each."""
    found: list[Element] = []
    try:
        while place < limit:
            tag, length = data[place], data[place + 1]
            if tag & 0x1F == 0x1F or length > 0x82 or length == 0x80:
                each = element(data, place, limit)
                found.append(each)
                place = each.end
                continue
            inside = place + 2
            if length == 0x82:
                length, inside = data[place + 2] << 8 | data[place + 3], place + 4
            elif length == 0x81:
                length, inside = data[place + 2], place + 3
            end = inside + length
            if end > limit:
                raise ValueError("longer than what holds it")
            found.append(_made((tag, place, inside, end, end)))
            place = end
    except IndexError:
        raise ValueError("cut short") from None
    return found


def octets(data: bytes, found: Element, depth: int = 0) -> bytes:
    """An OCTET STRING's value, its pieces put together where it is constructed [X.690 §8.7]."""
    if not found.tag & _CONSTRUCTED or depth >= MAX_NESTING:
        return data[found.inside : found.inside_end]
    return b"".join(octets(data, piece, depth + 1) for piece in children(data, found))


@ByBytes
def dotted(der: bytes) -> str:
    """An object identifier as text."""
    return str(core.ObjectIdentifier.load(der).dotted)
