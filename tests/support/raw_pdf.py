"""PDF revisions put together by hand, as attacks need them: any object number, generation, object stream."""

from __future__ import annotations

import io
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedPdf:
    """A PDF whose dictionaries all stand in one object stream."""

    data: bytes
    stream: int
    objects: int
    head: bytes
    body: bytes


def appended(pdf: bytes, objects: dict[tuple[int, int], bytes]) -> bytes:
    """The file with an update that writes these objects, by number and generation, behind a table."""
    size, root, previous = _trailer(pdf)
    out, table = pdf, b"xref\n"
    for (number, generation), body in objects.items():
        table += b"%d 1\n%010d %05d n \n" % (number, len(out), generation)
        out += b"%d %d obj\n%b\nendobj\n" % (number, generation, body)
    last = max(size, max(n for n, _ in objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\n" % (last, root, previous)
    return out + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(out)


def packed(pdf: bytes) -> PackedPdf:
    """The same document, written anew with cross-reference and object streams."""
    reader = PdfFileReader(io.BytesIO(pdf))
    size, root, _ = _trailer(pdf)
    out, offsets, inside = b"%PDF-1.7\n", dict[int, int](), dict[int, bytes]()
    for number in range(1, size):
        found = reader.get_object(generic.Reference(number, 0, reader))
        written = io.BytesIO()
        found.write_to_stream(written, None)
        if isinstance(found, generic.StreamObject):
            offsets[number] = len(out)
            out += b"%d 0 obj\n%b\nendobj\n" % (number, written.getvalue())
        elif not isinstance(found, generic.NullObject):
            inside[number] = written.getvalue()
    head, body = b"", b""
    for number, written_bytes in inside.items():
        head += b"%d %d " % (number, len(body))
        body += written_bytes + b"\n"
    offsets[size] = len(out)
    out += _object_stream(size, len(inside), head, body)
    offsets[size + 1] = len(out)
    places = {number: place for place, number in enumerate(inside)}
    rows = b"".join(_row(n, offsets, places, size) for n in range(size + 2))
    entries = b"/Size %d /W [1 4 2] /Root %d 0 R" % (size + 2, root)
    out += _table(size + 1, entries, rows) + b"startxref\n%d\n%%%%EOF\n" % len(out)
    return PackedPdf(data=out, stream=size, objects=len(inside), head=head, body=body)


def repacked(signed: bytes, pdf: PackedPdf, body: bytes) -> bytes:
    """An update that writes the object stream again with `body`, and says nothing of what is in it."""
    size, root, previous = _trailer(signed)
    start = len(signed)
    out = signed + _object_stream(pdf.stream, pdf.objects, pdf.head, body)
    offsets = {pdf.stream: start, size: len(out)}
    rows = b"".join(_row(n, offsets, {}, 0) for n in (pdf.stream, size))
    index = b"/Index [%d 1 %d 1] /Prev %d" % (pdf.stream, size, previous)
    entries = b"/Size %d /W [1 4 2] /Root %d 0 R %b" % (size + 1, root, index)
    return out + _table(size, entries, rows) + b"startxref\n%d\n%%%%EOF\n" % offsets[size]


def with_objects(*objects: bytes, root: int = 1) -> bytes:
    """A file of these objects, numbered from 1."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % p for p in places)
    out += b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start)
    return bytes(out)


def _object_stream(number: int, count: int, head: bytes, body: bytes) -> bytes:
    entries = b"/Type /ObjStm /N %d /First %d /Length %d" % (count, len(head), len(head + body))
    return b"%d 0 obj\n<< %b >>\nstream\n%b\nendstream\nendobj\n" % (number, entries, head + body)


def _table(number: int, entries: bytes, rows: bytes) -> bytes:
    entries += b" /Type /XRef /Length %d" % len(rows)
    return b"%d 0 obj\n<< %b >>\nstream\n%b\nendstream\nendobj\n" % (number, entries, rows)


def _row(number: int, offsets: dict[int, int], places: dict[int, int], stream: int) -> bytes:
    if number in offsets:
        return b"\1" + offsets[number].to_bytes(4, "big") + b"\0\0"
    if number in places:
        return b"\2" + stream.to_bytes(4, "big") + places[number].to_bytes(2, "big")
    return b"\0\0\0\0\0\xff\xff"


def _trailer(pdf: bytes) -> tuple[int, int, int]:
    """Size, number of the catalog, and where the newest cross-references are."""
    trailer = PdfFileReader(io.BytesIO(pdf), strict=False).trailer
    start = pdf.rindex(b"startxref") + len(b"startxref")
    return int(trailer["/Size"]), trailer.raw_get("/Root").idnum, int(pdf[start : pdf.rindex(b"%%EOF")])
