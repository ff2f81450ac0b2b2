"""What the bytes of a PDF signature take in [ISO 32000-2 §12.8.1].

Right are two ranges from the file's first byte, with nothing between them but this signature's own /Contents,
ending where a revision ends. Ranges that overlap, leave other gaps or lie about the hole are UNCLEAR.
"""

from __future__ import annotations

import re

from signing.pdf_ranges import ends_at
from signing.pdf_structure import BROKEN_PDF, STARTXREF, TAIL, PdfFile, PdfSignature
from signing.report import Coverage

_END_OF_FILE = re.compile(rb"%%EOF[ \t\r\n\0]*\Z")
_HEX = re.compile(rb"[0-9A-Fa-f\s\0]*\Z")
_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")


def coverage(file: PdfFile, signature: PdfSignature) -> tuple[Coverage, str | None]:
    """How much the signature's ranges take in, and what is wrong with them."""
    ranges, data = signature.byte_range, file.data
    if len(ranges) != 4 or ranges[0] != 0:
        return Coverage.UNCLEAR, f"ByteRange {list(ranges)}"
    first, second, length = ranges[1], ranges[2], ranges[3]
    if second < first or second + length > len(data):
        return Coverage.UNCLEAR, f"ByteRange {list(ranges)}"
    hole = data[first:second]
    if hole[:1] != b"<" or hole[-1:] != b">" or not _HEX.match(hole[1:-1]):
        return Coverage.UNCLEAR, "the gap is not the /Contents value"
    digits = hole[1:-1].translate(None, b" \r\n\t\0")
    if len(digits) // 2 + len(digits) % 2 != len(signature.contents):
        return Coverage.UNCLEAR, "the gap holds another value"
    end = second + length
    if not data[end:].strip(b"\r\n\t \0"):
        return Coverage.WHOLE_FILE, None
    if not _END_OF_FILE.search(data[max(0, end - 64) : end]):
        return Coverage.PARTIAL, "the signed bytes do not end with a revision"
    problem = _revision_problem(file, signature, end)
    return (Coverage.REVISION, None) if problem is None else (Coverage.PARTIAL, problem)


def trailing_problem(file: PdfFile) -> str | None:
    """Whether the file ends with its newest revision; bytes after it belong to nobody."""
    if file.reader is None:
        return None
    if not _END_OF_FILE.search(file.data[-64:]):
        return "bytes follow the last revision"
    table = file.reader.xrefs
    try:
        pointers = STARTXREF.findall(file.data, max(0, len(file.data) - TAIL))
        last = table.get_startxref_for_revision(table.total_revisions - 1)
        if not pointers or int(pointers[-1]) != last:
            return "the last cross-reference pointer is wrong"
        tail = file.data[table.get_xref_container_info(table.total_revisions - 1).end_location :]
        # Objects to which no cross-reference leads: some readers find them all the same.
        followed = [s.end for s in file.signatures if not ends_at(file.data, s.end)]
        listed = last >= max(followed, default=0)
        lone = tail.count(b"startxref") == 1 and _OBJECT.search(tail) is None
        return None if listed and lone else "bytes follow the last revision"
    except BROKEN_PDF as error:
        return " ".join(str(error).split())[:100] or "cross-references"


def _revision_problem(file: PdfFile, signature: PdfSignature, end: int) -> str | None:
    """Whether the signed bytes end with the very revision in which the signature stands."""
    if file.reader is None or signature.revision is None:
        return None
    table = file.reader.xrefs
    try:
        pointers = STARTXREF.findall(file.data, max(0, end - TAIL), end)
        if not pointers or int(pointers[-1]) != table.get_startxref_for_revision(signature.revision):
            return "the signed bytes end with another revision"
        for revision in range(signature.revision + 1):
            if table.get_xref_container_info(revision).end_location > end:
                return "a cross-reference section lies outside the signed bytes"
    except BROKEN_PDF as error:
        return " ".join(str(error).split())[:100] or "cross-references"
    return None
