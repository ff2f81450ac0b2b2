"""Finding the signatures of a PDF, however damaged the file.

First by the form's field tree, read leniently and each field by itself. What the tree does not yield,
because the file's cross-references are broken or a field cannot be read, is looked for as bytes: a
signature dictionary shows itself by its /ByteRange. A dictionary found only as bytes gets its integrity
judged and a finding; a field whose value cannot be read at all is listed as it is. None is left out.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import AuthStatus
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from signing import pdf_hex, pdf_tokens
from signing.pdf_ranges import raw_signatures

pdf_hex.install()
pdf_tokens.install()

# What pyHanko's lazy reader may raise on hostile files.
BROKEN_PDF = (
    PdfError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    OSError,
    zlib.error,
)
TAIL = 1024
LONGEST_HEAD = 24
"""Characters between an object's place and the word `obj`."""
MAX_FIELDS, MAX_DEPTH, MAX_SIGNATURES = 5_000, 32, 500
STARTXREF = re.compile(rb"startxref\s+(\d{1,12})\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfSignature:
    """One signature dictionary with its field, as found."""

    field: str | None
    byte_range: tuple[int, ...]
    contents: bytes
    subfilter: str | None
    type: str | None
    revision: int | None
    page: int | None = None
    rect: tuple[float, float, float, float] | None = None
    entries: dict[str, str] = made_by(default_factory=dict)
    docmdp: int | None = None
    locked: tuple[str, tuple[str, ...]] | None = None
    certificate: bytes | None = None
    from_bytes: bool = False

    @property
    def end(self) -> int:
        """Where the signed bytes end."""
        return self.byte_range[-2] + self.byte_range[-1] if len(self.byte_range) >= 2 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfFile:
    """The file with what could be read of it."""

    data: bytes
    reader: PdfFileReader | None
    signatures: tuple[PdfSignature, ...]
    problem: str | None = None
    encrypted: bool = False
    excess: int = 0
    """Signatures beyond the limit, which are not looked at."""


def open_pdf(data: bytes, *, reader: PdfFileReader | None = None) -> PdfFile:
    """Read what can be read; never raises for bad input. `reader` is one over the same bytes, if there is."""
    problem, encrypted = None, False
    found: list[PdfSignature] = []
    unreadable: dict[int, str] = {}
    if reader is None:
        reader, problem, encrypted = _reader(data)
    if reader is not None:
        try:
            found = list(_from_fields(reader, unreadable))
        except BROKEN_PDF as error:
            problem = " ".join(str(error).split())[:120] or type(error).__name__
    known = {s.byte_range for s in found}
    found += _from_bytes(data, reader, known, unreadable)
    found += [_unread(name) for name in unreadable.values()]
    if reader is not None:
        found = [_settled(reader, data, s) for s in found]
    found.sort(key=lambda s: (s.end, s.revision if s.revision is not None else 1 << 30))
    # Which ones are left out is not for the file to choose: all of them count as not judged.
    excess = max(0, len(found) - MAX_SIGNATURES)
    return PdfFile(
        data=data,
        reader=reader,
        signatures=tuple(found[:MAX_SIGNATURES]),
        problem=problem,
        encrypted=encrypted,
        excess=excess,
    )


def _reader(data: bytes) -> tuple[PdfFileReader | None, str | None, bool]:
    """A reader, or why there is none; and whether the file is encrypted."""
    encrypted = False
    try:
        reader = PdfFileReader(io.BytesIO(_readable(data)), strict=False)
        encrypted = bool(reader.encrypted)
        if encrypted and reader.decrypt("").status is AuthStatus.FAILED:
            return None, "password", True
    except BROKEN_PDF as error:
        return None, " ".join(str(error).split())[:120] or type(error).__name__, encrypted
    return reader, None, encrypted


def _readable(data: bytes) -> bytes:
    """The file without padding after its end; without an end marker it is not searched: that is quadratic."""
    place = data.rfind(b"%%EOF")
    if place < 0 or data.find(b"startxref", max(0, place - TAIL), place) < 0:
        raise PdfError("no end-of-file marker")
    if len(data) - place > TAIL:
        if data[place + 5 :].strip(b"\r\n\t \0"):
            raise PdfError("no end-of-file marker at the end")
        return data[: place + 5]
    return data


def _from_fields(reader: PdfFileReader, unreadable: dict[int, str]) -> Iterator[PdfSignature]:
    """Signatures that fields lead to; fields whose value is there and cannot be read, by where it stands."""
    seen: set[int] = set()
    for name, node in _fields(reader):
        try:
            if _entry(node, "/FT") not in {"/Sig", None}:
                continue
            value = _entry(node, "/V")
            if value is None:
                place = _unreadable_value(reader, node)
                if place is not None:
                    unreadable[place] = name
            if not isinstance(value, generic.DictionaryObject) or id(value) in seen:
                continue
            seen.add(id(value))
            if not _is_signature(value):
                continue
            yield _describe(reader, name, node, value)
        except BROKEN_PDF:
            # The raw search finds it by its /ByteRange.
            continue


def _unreadable_value(reader: PdfFileReader, node: generic.DictionaryObject) -> int | None:
    """Where a signature field's value stands that is no PDF object any more; None if it has no value."""
    raw = node.raw_get("/V") if "/V" in node and _entry(node, "/FT") == "/Sig" else None
    if not isinstance(raw, generic.IndirectObject):
        return None
    try:
        raw.get_object()  # type: ignore[no-untyped-call]
    except BROKEN_PDF:
        try:
            place = reader.xrefs[raw.reference]
        except BROKEN_PDF:
            return None  # a reference to nothing is null
        return place if isinstance(place, int) else -raw.idnum if place is not None else None
    return None


def _unread(name: str) -> PdfSignature:
    """Stands for a signature of which nothing can be read but that there is one."""
    return PdfSignature(
        field=name or None, byte_range=(), contents=b"", subfilter=None, type=None, revision=None
    )


def _is_signature(value: generic.DictionaryObject) -> bool:
    """Whether a field's value is a signature dictionary, be it stripped of what makes it one."""
    if any(key in value for key in ("/ByteRange", "/Contents", "/SubFilter")):
        return True
    return _name(value, "/Type") in {"Sig", "DocTimeStamp"}


def _byte_range(value: generic.DictionaryObject) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in _items(value, "/ByteRange"))
    except (TypeError, ValueError):
        return ()


def _fields(reader: PdfFileReader) -> Iterator[tuple[str, generic.DictionaryObject]]:
    """All nodes of the field tree with their full names; loops and excess end quietly."""
    form = _entry(_root(reader), "/AcroForm")
    if not isinstance(form, generic.DictionaryObject):
        return
    todo: list[tuple[str, Any, int]] = [("", k, 0) for k in reversed(_items(form, "/Fields"))]
    seen: set[tuple[int, int]] = set()
    visited = 0
    while todo and visited < MAX_FIELDS:
        prefix, raw, depth = todo.pop()
        visited += 1
        if isinstance(raw, generic.IndirectObject):
            mark = (raw.idnum, raw.generation)
            if mark in seen:
                continue
            seen.add(mark)
        node = _resolve(raw)
        if not isinstance(node, generic.DictionaryObject):
            continue
        part = _entry(node, "/T")
        name = prefix if part is None else f"{prefix}.{part}" if prefix else str(part)
        yield name, node
        if depth < MAX_DEPTH:
            todo.extend((name, kid, depth + 1) for kid in reversed(_items(node, "/Kids")))


def _root(reader: PdfFileReader) -> Any:
    try:
        return reader.root
    except BROKEN_PDF:
        return None


def _resolve(raw: Any) -> Any:
    try:
        return generic.IndirectObject.get_object(raw) if isinstance(raw, generic.IndirectObject) else raw  # type: ignore[no-untyped-call]
    except BROKEN_PDF:
        return None


def _entry(node: Any, key: str) -> Any:
    try:
        return node[key]
    except BROKEN_PDF:
        return None


def _items(node: Any, key: str) -> list[Any]:
    value = _entry(node, key)
    return list(value) if isinstance(value, generic.ArrayObject) else []


def _describe(
    reader: PdfFileReader, name: str, node: generic.DictionaryObject, value: generic.DictionaryObject
) -> PdfSignature:
    page, rect = _widget(reader, node)
    raw = value.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW) if "/Contents" in value else None
    texts = {k: str(_entry(value, k)) for k in ("/M", "/Reason", "/Location", "/Name") if _entry(value, k)}
    return PdfSignature(
        field=name or None,
        byte_range=_byte_range(value),
        contents=bytes(getattr(raw, "original_bytes", b"")),
        subfilter=_name(value, "/SubFilter"),
        type=_name(value, "/Type"),
        revision=_revision(reader, node, value),
        page=page,
        rect=rect,
        entries=texts,
        docmdp=_docmdp(node, value),
        locked=_lock(value),
        certificate=_certificate(value),
    )


def _name(node: Any, key: str) -> str | None:
    value = _entry(node, key)
    return str(value).removeprefix("/") if value is not None else None


def _certificate(value: generic.DictionaryObject) -> bytes | None:
    entry = _entry(value, "/Cert")
    if isinstance(entry, generic.ArrayObject) and entry:
        entry = _resolve(entry[0])
    raw = getattr(entry, "original_bytes", None)
    return bytes(raw) if raw is not None else None


def _revision(reader: PdfFileReader, node: Any, value: Any) -> int | None:
    """The revision in which the signature dictionary got its present form."""
    for thing in (value, node):
        reference = getattr(thing, "container_ref", None)
        if isinstance(reference, generic.Reference):
            try:
                return int(reader.xrefs.get_last_change(reference))
            except BROKEN_PDF:
                continue
    return None


def _transform(value: Any, method: str) -> Any:
    for reference in _items(value, "/Reference"):
        entry = _resolve(reference)
        if _entry(entry, "/TransformMethod") == method:
            return _entry(entry, "/TransformParams")
    return None


def _docmdp(node: Any, value: Any) -> int | None:
    parameters = _transform(value, "/DocMDP")
    if parameters is not None:
        level = _entry(parameters, "/P")
        return int(level) if level is not None else 2
    level = _entry(_entry(node, "/Lock"), "/P")
    return int(level) if level is not None else None


def _lock(value: Any) -> tuple[str, tuple[str, ...]] | None:
    parameters = _transform(value, "/FieldMDP")
    action = _name(parameters, "/Action")
    if action is None:
        return None
    return action, tuple(str(f) for f in _items(parameters, "/Fields"))


def _widget(reader: PdfFileReader, node: Any) -> tuple[int | None, tuple[float, float, float, float] | None]:
    """Page (counted from 1) and rectangle of the field's widget, if it is visible."""
    widgets = [node, *(_resolve(k) for k in _items(node, "/Kids"))]
    for widget in widgets:
        corners = [float(n) for n in _items(widget, "/Rect")]
        if len(corners) != 4:
            continue
        left, right = sorted((corners[0], corners[2]))
        bottom, top = sorted((corners[1], corners[3]))
        if right - left <= 0 or top - bottom <= 0:
            continue
        return _page_number(reader, widget), (left, bottom, right, top)
    return None, None


def _page_number(reader: PdfFileReader, widget: Any) -> int | None:
    try:
        wanted = widget.raw_get("/P")
    except BROKEN_PDF:
        wanted = None
    own = getattr(widget, "container_ref", None)
    for number, page in enumerate(_pages(reader), start=1):
        reference = getattr(page, "container_ref", None)
        if isinstance(wanted, generic.IndirectObject) and reference == wanted.reference:
            return number
        for annotation in _items(page, "/Annots") if wanted is None else ():
            if isinstance(annotation, generic.IndirectObject) and annotation.reference == own:
                return number
    return None


def _pages(reader: PdfFileReader) -> Iterator[Any]:
    todo = [_entry(_root(reader), "/Pages")]
    visited = 0
    while todo and visited < MAX_FIELDS:
        node = todo.pop()
        visited += 1
        kids = _items(node, "/Kids")
        if kids:
            todo.extend(_resolve(k) for k in reversed(kids))
        elif isinstance(node, generic.DictionaryObject):
            yield node


def page_objects(reader: PdfFileReader) -> list[int]:
    """Object numbers of the pages, in order."""
    return [int(getattr(getattr(p, "container_ref", None), "idnum", 0)) for p in _pages(reader)]


def _from_bytes(
    data: bytes, reader: PdfFileReader | None, known: set[tuple[int, ...]], unreadable: dict[int, str]
) -> Iterator[PdfSignature]:
    """Signature dictionaries that the fields do not lead to; what is found leaves `unreadable`."""
    for found in raw_signatures(data):
        if found.byte_range in known:
            continue
        try:
            contents = found.contents()
        except ValueError:
            continue
        (start, end), hole_end = found.dictionary, found.byte_range[2]
        at = next((p for p in unreadable if 0 <= start - p <= LONGEST_HEAD), None)
        name = unreadable.pop(at) if at is not None else None
        around = (
            data[start : found.byte_range[1]] + data[hole_end : end if end < len(data) else hole_end + 2048]
        )
        subfilter = re.search(rb"/SubFilter\s*/([A-Za-z0-9._#-]+)", around)
        yield PdfSignature(
            field=name or None,
            byte_range=found.byte_range,
            contents=contents,
            subfilter=subfilter.group(1).decode("latin-1") if subfilter else None,
            type=None,
            revision=_revision_at(reader, hole_end) if reader is not None else None,
            from_bytes=True,
        )


def _revision_at(reader: PdfFileReader, offset: int) -> int | None:
    try:
        for revision in range(reader.xrefs.total_revisions):
            if reader.xrefs.get_startxref_for_revision(revision) >= offset:
                return revision
    except BROKEN_PDF:
        return None
    return None


def _settled(reader: PdfFileReader, data: bytes, signature: PdfSignature) -> PdfSignature:
    """The signature with the revision that its bytes end with.

    In a linearised file the first two cross-reference sections are one revision: the signed one is then the
    later of them, not the one that lists the signature dictionary.
    """
    end, table = signature.end, reader.xrefs
    pointers = STARTXREF.findall(data, max(0, end - TAIL), end)
    if not pointers or signature.revision is None:
        return signature
    try:
        for revision in range(signature.revision, table.total_revisions):
            if table.get_startxref_for_revision(revision) == int(pointers[-1]):
                return replace(signature, revision=revision)
    except BROKEN_PDF:
        pass
    return signature
