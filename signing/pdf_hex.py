"""Reads PDF hex strings in one go.

pyHanko reads them digit by digit, which for the reserved space of a signature value takes longer than
everything else together. The replacement accepts and refuses the same input; it is put in place once, on
import of `signing.pdf_structure`.
"""

from __future__ import annotations

import binascii
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfStreamError

from signing.pdf_ranges import from_hex

_CHUNK = 32 * 1024


def read_hex_string(stream: BinaryIO) -> object:
    """The string at the stream's position, which is at its `<`."""
    stream.read(1)
    start = stream.tell()
    pieces: list[bytes] = []
    while True:
        piece = stream.read(_CHUNK)
        end = piece.find(b">")
        if end >= 0:
            pieces.append(piece[:end])
            break
        if not piece:
            raise PdfStreamError("Stream has ended unexpectedly")
        pieces.append(piece)
    raw = b"".join(pieces)
    stream.seek(start + len(raw) + 1)
    try:
        return generic.pdf_string(from_hex(raw))
    except binascii.Error as error:
        raise PdfStreamError("Unexpected token in hex string") from error


def install() -> None:
    """Put the replacement in the library's place."""
    generic.read_hex_string_from_stream = read_hex_string  # type: ignore[assignment]
