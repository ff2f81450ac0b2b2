"""The quick reader of PDF objects makes what the library's own makes, or leaves it to it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic, xref

from signing import pdf_tokens


class _Handler:
    strict = False

    def get_object(self, _reference: object) -> Any:
        return generic.NumberObject(3)


def _read(read: Any, data: bytes) -> tuple[Any, int | None]:
    stream = io.BytesIO(data)
    try:
        made = read(stream, generic.Reference(7, 0, _Handler()))
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        return type(error).__name__, None
    return made, stream.tell()


def _shape(thing: Any) -> Any:
    """Value, type and container of an object and all in it, comparable."""
    own: tuple[object, ...] = (type(thing).__name__, getattr(thing.container_ref, "idnum", None))
    if isinstance(thing, generic.StreamObject):
        own += (thing.encoded_data,)
    if isinstance(thing, generic.DictionaryObject):
        return own, [(k, _shape(thing.raw_get(k))) for k in thing]
    if isinstance(thing, generic.ArrayObject):
        return own, [_shape(thing.raw_get(i)) for i in range(len(thing))]
    if isinstance(thing, generic.IndirectObject):
        return own, thing.idnum, thing.generation
    if isinstance(thing, generic.TextStringObject | generic.ByteStringObject):
        return own, thing.original_bytes
    return own, None if isinstance(thing, generic.NullObject) else repr(thing)


def _same(data: bytes) -> None:
    ours, end = _read(pdf_tokens.read_object, data)
    generic.read_object = pdf_tokens._original_object
    try:
        theirs, their_end = _read(pdf_tokens._original_object, data)
    finally:
        pdf_tokens.install()
    assert end == their_end
    assert ours == theirs if end is None else _shape(ours) == _shape(theirs)


@pytest.mark.parametrize(
    "text",
    [
        b"<< /A 1 /B [1 0 R 2.5 -.5 +3 (x) <4142> <414> true false null /N] >>\nendobj",
        b"<</A<</B<</C 1>>>>/D[[]<<>>]>> ",
        b"<</Length 3>>\nstream\nabc\nendstream endobj",
        b"<</Length 9 0 R>>stream\r\nabc\r\nendstream ",
        b"<</Length 5>>\nstream\nabc\nendstream endobj",
        b"<</A 1/A 2>>\n",
        b"<</A#20B 1>> ",
        b"<</A (x(y)\\)\\061) % comment\n /B 1>> ",
        b"[1  0  R 0 0 R 1 0 Rx 1 0 R]",
        b"[1 0\x00R]",
        b"[12 13 14 0 R]",
        b"[1-2]",
        b"[(\xfe\xff\x00A) (\xff\xfeA\x00) (\xef\xbb\xbfA) <feff0041>]",
        b"[/A/B/ /C(D)]",
        b"<</A<</B 1>> stream",
        b"<</A 1",
        b"[" * 80 + b"]" * 80 + b" ",
        b" /A ",
        b"nulle",
        b"123456789012 0 R ",
        b"1.2.3 ",
    ],
)
def test_an_object_is_read_alike(text: bytes) -> None:
    _same(text)


TOKENS = (
    *(b"<<", b">>", b"[", b"]", b"/A", b"/B#41", b" ", b"\n", b"1", b"0", b"R", b"-.5", b"(a", b")", b"\\"),
    *(b"<4", b">", b"true", b"null", b"%\n", b"stream", b"\0", b"."),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=25))
def test_any_tokens_are_read_alike(tokens: list[bytes]) -> None:
    _same(b"".join(tokens))


@pytest.mark.parametrize("text", [b"% no end", b"<</A % no end", b"[1 % no end"])
def test_a_comment_without_an_end_is_refused(text: bytes) -> None:
    assert _read(pdf_tokens.read_object, text)[0] in {"PdfReadError", "PdfStreamError"}


def _table(read: Any, data: bytes) -> tuple[list[xref.XRefEntry] | str, int | None]:
    stream = io.BytesIO(data)
    try:
        return list(read(stream, False)), stream.tell()
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        return type(error).__name__, None


_FREE, _USED = b"0000000000 65535 f \n", b"0000000017 00000 n \n"


@pytest.mark.parametrize(
    "table",
    [
        b"\n0 2\n" + _FREE + _USED + b"trailer\n<</Size 2>>",
        b"\r\n0 1\r\n" + _FREE.replace(b" \n", b"\r\n") + b"5 1\r\n" + _USED + b"trailer <<>>",
        b"\n0 2\n" + _FREE[:-2] + b"\n" + _USED[:-2] + b"\ntrailer<<>>",
        b"\n0 2\n" + _FREE + b"        17     0 n \ntrailer<<>>",
        b"\n0 3\n" + _FREE + _USED + b"trailer<<>>",
        b"\n0 0\ntrailer<<>>",
        b"\n0 1\n" + _FREE + b"\n\n3 1\n" + _USED + b"trailer % x\n<<>>",
    ],
)
def test_a_table_is_read_alike(table: bytes) -> None:
    assert _table(pdf_tokens.parse_xref_table, table) == _table(pdf_tokens._original_table, table)


def _head(read: Any, data: bytes) -> tuple[Any, int | None]:
    stream = io.BytesIO(data)
    try:
        return read(stream, False), stream.tell()
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        return type(error).__name__, None


@pytest.mark.parametrize(
    "head",
    [
        b"7 0 obj\n<<>>",
        b"7 0 obj<<>>",
        b"7 0 obj  \r\n\t[1]",
        b"  7 0 obj (x)",
        b"7  0 obj (x)",
        b"7\n3\robj\n5",
        b"7 0 obj % x\n<<>>",
        b"% x\n7 0 obj\n<<>>",
        b"7 0 obj\0<<>>",
        b"7 0obj<<>>",
        b"x 0 obj<<>>",
        b"-7 0 obj<<>>",
        b"7 0 obj\n",
        b"7",
        b"",
    ],
)
def test_an_objects_head_is_read_alike(head: bytes) -> None:
    assert _head(pdf_tokens.read_object_header, head) == _head(pdf_tokens._original_head, head)
