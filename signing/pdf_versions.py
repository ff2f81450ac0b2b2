"""The objects of a PDF as each revision had them, each version parsed once.

A reader asks for an object "as of revision r"; most objects never change, so the version that counts is the
one written by the last revision, not later than r, that mentions the object.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any, TypeVar

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.pdf_structure import BROKEN_PDF
from signing.pdf_tokens import has_doubled_entry, repeated_in

T = TypeVar("T")
MAX_OBJECTS = 30_000
"""Objects that are read of one file: a second's work, and ten times what five hundred pages of text have."""


class Versions:
    """Historical objects of one file."""

    def __init__(self, reader: PdfFileReader) -> None:
        self._reader = reader
        self.total = int(reader.xrefs.total_revisions)
        self._touched: list[frozenset[tuple[int, int]]] = []
        self._history: dict[int, list[int]] = {}
        self._gone: set[tuple[int, int]] = set()
        self._generations: dict[tuple[int, int], set[int]] = {}
        self._packed: list[frozenset[int]] = []
        for revision in range(self.total):
            table = reader.xrefs
            named: set[Reference] = table.explicit_refs_in_revision(revision)
            named |= table.refs_freed_in_revision(revision)
            freed = {int(n) for n in table.get_xref_data(revision).freed if n}
            of_freed = [r for r in named if r.idnum in freed]
            written = {r.idnum for r in of_freed if table.get_historical_ref(r, revision) is not None}
            self._gone |= {(n, revision) for n in freed - written}
            self._touched.append(frozenset((r.idnum, r.generation) for r in named))
            self._packed.append(_object_streams(reader, revision))
            for r in named:
                self._generations.setdefault((r.idnum, revision), set()).add(r.generation)
            for number in {r.idnum for r in named} | freed:
                self._history.setdefault(number, []).append(revision)
        self._objects: dict[tuple[int, int, int], Any] = {}
        self._doubled: dict[int, int] = {}
        self._memo: dict[int, tuple[Any, Any]] = {}

    def freed(self, revision: int) -> bool:
        """Whether the revision freed any number."""
        return bool(self._reader.xrefs.refs_freed_in_revision(revision))

    def repacked(self, revision: int) -> set[int]:
        """Object streams of earlier revisions that the revision wrote anew.

        What is in them has changed although no cross-reference to it has, and readers, the library's
        historical one among them, take the new one for all times.
        """
        used = frozenset().union(*self._packed[:revision])
        return {n for n, _ in self._touched[revision] if n in used and self.version(n, revision - 1) >= 0}

    def repeated(self, revision: int) -> frozenset[int]:
        """Object numbers that the revision lists at several places: readers differ in which one they take."""
        return repeated_in(self._reader.xrefs.get_xref_data(revision))

    def doubled(self, revision: int) -> int | None:
        """An object that the revision wrote and that was asked for, with an entry twice; 0 is its trailer."""
        newest_first = self._reader.trailer._trailer_revisions  # noqa: SLF001 - asked for nowhere else
        if has_doubled_entry(newest_first[len(newest_first) - 1 - revision]):
            return 0
        return self._doubled.get(revision)

    def missing(self, revision: int) -> int | None:
        """An object in use whose number is beyond what the revision says there are [ISO 32000-2 §7.5.5].

        Some readers take it for missing, others look.
        """
        size, before = (self.trailer(r).get("/Size") for r in (revision, revision - 1))
        if not isinstance(size, generic.NumberObject) or (before is not None and size >= before):
            return None
        for number in self._history:
            version = self.version(number, revision)
            if number >= size and version >= 0 and (number, version) not in self._gone:
                return number
        return None

    def version(self, number: int, revision: int) -> int:
        """The revision that wrote the object as `revision` sees it; -1 if none did."""
        written = self._history.get(number, [])
        place = bisect.bisect_right(written, revision)
        return written[place - 1] if place else -1

    def get(self, reference: generic.IndirectObject, revision: int) -> Any:
        """The object as of the revision; null where there is none or it cannot be read.

        Raises `PdfError` where more are asked for than are read.
        """
        version = self.version(reference.idnum, revision)
        # A freed number names nothing, whatever generation the entry says: readers differ here.
        if version < 0 or (reference.idnum, version) in self._gone:
            return generic.NullObject()
        key = (reference.idnum, reference.generation, version)
        if key not in self._objects:
            if len(self._objects) >= MAX_OBJECTS:
                raise PdfError("too many objects")
            written = self._generations.get((reference.idnum, version))
            if written and reference.generation not in written:
                # Some readers find the older object, others the newer one.
                self._objects[key] = _Unreadable(ValueError("generation"))
            else:
                made = self._objects[key] = self._read(reference, version)
                if has_doubled_entry(made):
                    self._doubled[version] = reference.idnum
        return self._objects[key]

    def _read(self, reference: generic.IndirectObject, version: int) -> Any:
        try:
            if version == self._history[reference.idnum][-1]:
                # The newest version is the one the reader has parsed already.
                newest = Reference(reference.idnum, reference.generation, pdf=self._reader)
                return self._reader.get_object(newest)  # type: ignore[no-untyped-call]
            resolver = self._reader.get_historical_resolver(version)
            return resolver(Reference(reference.idnum, reference.generation, pdf=resolver))
        except BROKEN_PDF as error:
            return _Unreadable(error)

    def memo(self, node: Any, compute: Callable[[Any], T]) -> T:
        """What `compute` says of an object of this file, asked once."""
        known: tuple[Any, Any] | None = self._memo.get(id(node))
        if known is None:
            # The node is kept with the answer, so that its identity stays its own.
            known = self._memo[id(node)] = (node, compute(node))
        answer: T = known[1]
        return answer

    def root(self, revision: int) -> Any:
        """The catalog's reference as of the revision."""
        return self.trailer(revision).raw_get("/Root")

    def trailer(self, revision: int) -> generic.DictionaryObject:
        """The trailer as of the revision."""
        return self._reader.trailer.flatten(revision)

    def resolve(self, value: Any, revision: int) -> Any:
        """Follow a reference, and a reference behind it, as of the revision."""
        for _ in range(8):
            if not isinstance(value, generic.IndirectObject):
                return value
            value = self.get(value, revision)
        return generic.NullObject()

    def entry(self, node: Any, key: str, revision: int) -> Any:
        """A dictionary's entry, resolved; None if absent or not a dictionary."""
        if not isinstance(node, generic.DictionaryObject) or key not in node:
            return None
        value = self.resolve(node.raw_get(key), revision)
        return None if isinstance(value, generic.NullObject) else value

    def items(self, node: Any, key: str, revision: int) -> list[Any]:
        """The raw elements of an array entry; nothing if there is none."""
        value = self.entry(node, key, revision)
        return [value.raw_get(i) for i in range(len(value))] if isinstance(value, generic.ArrayObject) else []


def _object_streams(reader: PdfFileReader, revision: int) -> frozenset[int]:
    data = reader.xrefs.get_xref_data(revision)
    hybrid = data.hybrid
    used = set(data.obj_streams_used) | (
        set(hybrid.xref_data.obj_streams_used) if hybrid is not None else set()
    )
    return frozenset(int(n) for n in used)


class _Unreadable:
    """Stands for an object that cannot be parsed; equal to nothing, so that a change of it shows."""

    def __init__(self, error: Exception) -> None:
        self.error = error
