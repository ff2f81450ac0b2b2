"""Reads PDF objects and cross-reference tables in strides.

pyHanko reads a byte at a time, which for a letter's objects takes longer than all mathematics. The reader
here takes a token at a time out of the same bytes and makes the same objects; at whatever is not plain (an
escape, a comment, a duplicate key, an odd space) it gives up, and pyHanko's own reader starts over from the
same place. So it decides nothing: it can only be quicker, and what is refused or repaired stays pyHanko's.
Put in the library's place once, on import of `signing.pdf_structure`.

Of a number that one section lists at two places the library keeps the last, other readers the first; of an
entry that a dictionary has twice it keeps the first, others the last. That there was another is noted with
the section (`repeated_in`) and with the object (`has_doubled_entry`).
"""

from __future__ import annotations

import binascii
import functools
import io
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from pyhanko.pdf_utils import generic as library
from pyhanko.pdf_utils import reader as library_reader
from pyhanko.pdf_utils import xref
from pyhanko.pdf_utils.misc import PdfReadError

from signing.pdf_ranges import from_hex

# Its constructors are not typed.
generic: Any = library
reader: Any = library_reader
MAX_DEPTH: Final = 60
_DELIMITED: Final = rb"(?=[ \n\r\t\f\0()<>\[\]{}/%])"
_TOKEN = re.compile(
    rb"[ \n\r\t\f\0]*(?:"
    rb"/([!\"$&'*+,\-.0-;=?-Z\\^_`a-z|~]*)"
    + _DELIMITED
    + rb"|(\d{1,8})[ \n\r\t\f](\d{1,5})[ \n\r\t\f]R(?=[^a-zA-Z])"
    rb"|([+-]?(?:\d{1,30}(\.\d{0,30})?|(\.\d{1,30})))(?=[^+\-.0-9])"
    rb"|(<<|>>|\[|\])"
    rb"|\(([^()\\]*)\)"
    rb"|<([0-9A-Fa-f \n\r\t\f\0]*)>"
    rb"|(true|false|null)" + _DELIMITED + rb")"
)
_NAME, _NUMBER, _GENERATION, _FIGURE, _FRACTION, _ONLY_FRACTION, _MARK, _TEXT, _HEX, _WORD = range(1, 11)
_BLANK: Final = b" \n\r\t\f\0"
_SECTION = re.compile(rb"[ \n\r\t\f\0]*(\d{1,10}) (\d{1,7}) ?(?:\r\n|\n|\r)")
_LINES = re.compile(rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*")
_TRAILER = re.compile(rb"trailer[ \n\r\t\f\0]*(?=<)")
_LINE: Final = 20
_HEAD = re.compile(rb"(\d{1,10})[ \t\r\n](\d{1,5})[ \t\r\n]obj[ \t\r\n]*(?=[^ \t\r\n\0\f%])")

_original_object: Callable[..., Any] = generic.read_object
_original_dictionary: Callable[..., Any] = generic.DictionaryObject.read_from_stream
_original_table: Callable[..., Iterator[xref.XRefEntry]] = xref.parse_xref_table
_original_head: Callable[..., tuple[int, int]] = reader.read_object_header
_original_entries: Callable[..., int] = xref.XRefSectionData.process_entries


class _Odd(Exception):
    """Something that is not plain."""


class _Remarks(threading.local):
    """In the place of the library's log: hears that a dictionary has an entry twice."""

    doubled = 0

    def warning(self, message: object, *_: object, **__: object) -> None:
        """Count what matters; the rest is of no interest."""
        self.doubled += str(message).startswith("Multiple definitions in dictionary")

    debug = info = error = warning


_remarks: Final = _Remarks()


def _marked(read: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What `read` makes, marked if it has an entry twice, or something in it has."""
    before = _remarks.doubled
    made = read(*arguments, **more)
    if _remarks.doubled != before and isinstance(made, library.PdfObject):
        made.__dict__["has_doubled_entry"] = True
    return made


def read_dictionary(*arguments: Any, **more: Any) -> Any:
    """`DictionaryObject.read_from_stream`, by which trailers are read too."""
    return _marked(_original_dictionary, *arguments, **more)


def has_doubled_entry(made: Any) -> bool:
    """Whether an object, or what stands in it, has an entry twice."""
    return bool(getattr(made, "has_doubled_entry", False))


def read_object(
    stream: Any,
    container_ref: Any,
    as_metadata_stream: bool = False,
    in_content_stream: Any = library.ContentOpReading.NO,
) -> Any:
    """`pyhanko.pdf_utils.generic.read_object`, in strides where it can be."""
    if in_content_stream or as_metadata_stream or type(stream) is not io.BytesIO:
        return _original_object(stream, container_ref, as_metadata_stream, in_content_stream)
    start = stream.tell()
    try:
        made, end = _Reader(stream, container_ref).top(start)
    except (_Odd, binascii.Error):
        _refuse_endless_comment(stream.getvalue(), start)
        stream.seek(start)
        return _marked(_original_object, stream, container_ref)
    stream.seek(end)
    return made


def _refuse_endless_comment(data: bytes, start: int) -> None:
    """The library would read on for ever."""
    if data[start : start + 1] == b"%" and data.find(b"\n", start) < 0 and data.find(b"\r", start) < 0:
        raise PdfReadError("a comment without an end")


class _Reader:
    """One object out of the bytes behind a stream."""

    def __init__(self, stream: io.BytesIO, container_ref: Any) -> None:
        self._stream, self._data = stream, stream.getvalue()
        self._ref, self._handler = container_ref, container_ref.get_pdf_handler()

    def top(self, place: int) -> tuple[Any, int]:
        """The object at `place`, and where it ends; a stream with what it carries."""
        if self._data[place : place + 1] in _BLANKS:
            raise _Odd
        token = self._token(place)
        if token[_MARK] != b"<<":
            return self._value(token, 0)
        entries, end = self._entries(token.end(), 0)
        self._stream.seek(end)
        carried = generic._maybe_read_stream_payload(self._stream, entries, self._handler)  # noqa: SLF001
        end = self._stream.tell()
        made = (
            _dictionary(entries) if carried is None else generic.StreamObject(entries, encoded_data=carried)
        )
        made.container_ref = self._ref
        return made, end

    def _token(self, place: int) -> re.Match[bytes]:
        token = _TOKEN.match(self._data, place)
        if token is None:
            raise _Odd
        return token

    def _value(self, token: re.Match[bytes], depth: int) -> tuple[Any, int]:
        kind, end = token.lastindex, token.end()
        made: Any
        if kind == _NAME:
            made = generic.NameObject("/" + token[_NAME].decode("ascii"))
        elif kind == _GENERATION:
            made = self._reference(token)
        elif kind in {_FIGURE, _FRACTION, _ONLY_FRACTION}:
            made = self._number(token)
        elif kind == _MARK:
            made, end = self._container(token, depth)
        elif kind == _TEXT:
            made = generic.pdf_string(token[_TEXT])
        elif kind == _HEX:
            made = generic.pdf_string(from_hex(token[_HEX]))
        else:
            word = token[_WORD]
            made = generic.NullObject() if word == b"null" else generic.BooleanObject(word == b"true")
        made.container_ref = self._ref
        return made, end

    def _reference(self, token: re.Match[bytes]) -> Any:
        number = int(token[_NUMBER])
        if not number:
            raise _Odd
        return generic.IndirectObject(number, int(token[_GENERATION]), self._handler)

    def _number(self, token: re.Match[bytes]) -> Any:
        text = token[_FIGURE]
        if token[_FRACTION] is not None or token[_ONLY_FRACTION] is not None:
            return generic.FloatObject(text.decode("ascii"))
        start = token.start(_FIGURE)
        if generic.INDIRECT_PATTERN.match(self._data[start : start + 20]) is not None:
            raise _Odd
        return generic.NumberObject(text)

    def _container(self, token: re.Match[bytes], depth: int) -> tuple[Any, int]:
        if depth >= MAX_DEPTH:
            raise _Odd
        if token[_MARK] == b"[":
            return self._array(token.end(), depth + 1)
        if token[_MARK] != b"<<":
            raise _Odd
        entries, end = self._entries(token.end(), depth + 1)
        if self._data[end : end + 16].lstrip(_BLANK)[:1] in {b"s", b""}:
            raise _Odd
        return _dictionary(entries), end

    def _array(self, place: int, depth: int) -> tuple[Any, int]:
        made = generic.ArrayObject()
        while True:
            token = self._token(place)
            if token[_MARK] == b"]":
                return made, token.end()
            value, place = self._value(token, depth)
            made.append(value)

    def _entries(self, place: int, depth: int) -> tuple[dict[Any, Any], int]:
        found: dict[Any, Any] = {}
        while True:
            token = self._token(place)
            if token[_MARK] == b">>":
                return found, token.end()
            if token.lastindex != _NAME:
                raise _Odd
            key = _key(token[_NAME])
            if key in found:
                raise _Odd
            found[key], place = self._value(self._token(token.end()), depth)


_BLANKS: Final = frozenset(bytes((b,)) for b in _BLANK)


@functools.lru_cache(maxsize=2_000)
def _key(name: bytes) -> Any:
    return generic.NameObject("/" + name.decode("ascii"))


def _dictionary(entries: dict[Any, Any]) -> Any:
    made = generic.DictionaryObject()
    dict.update(made, entries)
    return made


def read_object_header(stream: Any, strict: bool) -> tuple[int, int]:
    """`pyhanko.pdf_utils.xref.read_object_header`, in one stride where nothing stands in the way."""
    if type(stream) is io.BytesIO:
        place = stream.tell()
        head = _HEAD.match(stream.getvalue(), place)
        if head is not None:
            stream.seek(head.end())
            return int(head[1]), int(head[2])
    found: tuple[int, int] = _original_head(stream, strict)
    return found


def parse_xref_table(stream: Any, strict: bool) -> Iterator[xref.XRefEntry]:
    """`pyhanko.pdf_utils.xref.parse_xref_table`, in strides where all its lines are as they should be."""
    start = stream.tell()
    entries = _plain_table(stream) if type(stream) is io.BytesIO else None
    if entries is None:
        stream.seek(start)
        return _original_table(stream, strict)
    return iter(entries)


def _plain_table(stream: io.BytesIO) -> list[xref.XRefEntry] | None:
    data, place = stream.getvalue(), stream.tell()
    found: list[xref.XRefEntry] = []
    while True:
        section = _SECTION.match(data, place)
        if section is None:
            return None
        first, count = int(section[1]), int(section[2])
        begin, end = section.end(), section.end() + count * _LINE
        if end > len(data) or _LINES.fullmatch(data, begin, end) is None:
            return None
        found += [_entry(data, begin + n * _LINE, first + n) for n in range(count)]
        trailer = _TRAILER.match(data, end)
        if trailer is not None:
            stream.seek(trailer.end())
            return found
        place = end


def _entry(data: bytes, place: int, number: int) -> xref.XRefEntry:
    generation = int(data[place + 11 : place + 16])
    if data[place + 17] == 0x66:
        return xref.XRefEntry(
            xref_type=xref.XRefType.FREE, location=None, idnum=number, generation=generation
        )
    return xref.XRefEntry(
        xref_type=xref.XRefType.STANDARD,
        location=int(data[place : place + 10]),
        idnum=number,
        generation=generation,
    )


def process_entries(section: xref.XRefSectionData, entries: Iterator[xref.XRefEntry], strict: bool) -> int:
    """`XRefSectionData.process_entries`, which also notes the numbers that stand at two places."""
    listed = list(entries)
    if len({e.idnum for e in listed}) < len(listed):
        section.__dict__["repeated"] = _repeated(listed)
    return _original_entries(section, iter(listed), strict)


def _repeated(listed: list[xref.XRefEntry]) -> frozenset[int]:
    places: dict[int, set[tuple[object, ...]]] = {}
    for entry in listed:
        places.setdefault(entry.idnum, set()).add((entry.xref_type, entry.location, entry.generation))
    return frozenset(n for n, found in places.items() if n and len(found) > 1)


def repeated_in(section: xref.XRefSectionData) -> frozenset[int]:
    """Object numbers that a section, or it and the stream beside it, list at several places."""
    found: frozenset[int] = section.__dict__.get("repeated", frozenset())
    if section.hybrid is None:
        return found
    beside = section.hybrid.xref_data
    both = frozenset(section.standard_xrefs) & {n for n, _ in beside.explicit_refs_in_revision}
    return found | both | repeated_in(beside)


def install() -> None:
    """Put the replacements in the library's place."""
    xref.XRefSectionData.process_entries = process_entries  # type: ignore[method-assign, assignment]
    generic.read_object = read_object
    generic.logger = _remarks
    generic.DictionaryObject.read_from_stream = staticmethod(read_dictionary)
    reader.read_object_header = read_object_header
    xref.parse_xref_table = parse_xref_table
