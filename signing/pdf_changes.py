"""What a revision changed in what a reader of the PDF can reach [ISO 32000-2 §12.8.2.2].

The two document trees, before and after, are walked side by side from the trailer; what no path reaches is
nobody's concern, so orphans and freed numbers that nothing uses vanish by themselves, and an object that is
shared cannot be changed in one place without showing in the other. Differences are allowed by the kind of
object they are in:

catalog      security store, extensions, version, metadata, structure tree (which draws nothing) form
new signature fields; a field's value and look where it is filled; defaults and flags page         widgets
of those fields among its annotations; any other new annotation is an annotation signature    nothing, once
it is there

Everything else is unexplained. Pairs of neighbouring revisions are compared once each, whatever the number
of signatures.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.pdf_fields import Fields, raw_entry, same
from signing.pdf_fields import name as name_of
from signing.pdf_structure import BROKEN_PDF
from signing.pdf_versions import Versions

# The library warns of every oddity of its input; ours become findings.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)

MAX_STEPS = 2_000_000
_CATALOG_FREE = frozenset(
    {"/DSS", "/Extensions", "/Version", "/Metadata", "/MarkInfo", "/StructTreeRoot", "/Perms"}
)
_PAGE_FREE = frozenset({"/Tabs", "/StructParents", "/LastModified", "/PieceInfo", "/Metadata"})
_FORM_FREE = frozenset({"/SigFlags", "/NeedAppearances", "/DR", "/DA"})
_FILLED = frozenset(
    {"/V", "/AP", "/AS", "/I", "/RV", "/MK", "/Ff", "/F", "/DA", "/M", "/StructParent", "/Lock", "/DV"}
)
_IDLE = frozenset({"/M", "/F", "/Ff", "/StructParent", "/DA"})
_INHERITABLE = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
_EMPTY = generic.DictionaryObject()  # type: ignore[no-untyped-call]
_TRAILER_KEYS = ("/Encrypt",)


class Level(IntEnum):
    """How far a change goes; compare with DocMDP's P."""

    NONE = 0
    ARCHIVAL = 1
    FORM_FILLING = 2
    ANNOTATIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSince:
    """Changes after one revision: `level` None means that the rules cannot explain them."""

    level: Level | None
    fields: frozenset[str] = frozenset()
    problem: str = ""
    freed_unused: bool = False
    pages: frozenset[int] | None = frozenset()
    """Object numbers of the pages on which something permitted may show; None: it may be any page."""


class _Unexplained(Exception):
    """A difference that no rule allows."""


class ChangeHistory:
    """The changes of a file, each pair of revisions compared at most once."""

    def __init__(self, reader: PdfFileReader) -> None:
        self._versions = Versions(reader)
        self._pair = functools.cache(self._compare)

    @property
    def last_revision(self) -> int:
        """Number of the newest revision, counted from 0."""
        return self._versions.total - 1

    def since(self, revision: int) -> ChangesSince:
        """The sum of all changes after `revision`."""
        pairs = [self._pair(r) for r in range(revision + 1, self.last_revision + 1)]
        bad = next((p for p in pairs if p.level is None), None)
        return ChangesSince(
            level=None if bad else max((p.level for p in pairs if p.level is not None), default=Level.NONE),
            fields=frozenset().union(*(p.fields for p in pairs)),
            problem=bad.problem if bad else "",
            freed_unused=any(p.freed_unused for p in pairs),
            pages=_together([p.pages for p in pairs]),
        )

    def _compare(self, revision: int) -> ChangesSince:
        walk = _Walk(self._versions, revision)
        try:
            walk.run()
        except _Unexplained as error:
            return ChangesSince(level=None, problem=f"revision {revision + 1}: {error}")
        except BROKEN_PDF as error:
            detail = " ".join(str(error).split())[:120] or type(error).__name__
            return ChangesSince(level=None, problem=f"revision {revision + 1}: {detail}")
        freed = self._versions.freed(revision)
        return ChangesSince(
            level=walk.level,
            fields=frozenset(walk.fields),
            freed_unused=freed,
            pages=None if walk.everywhere else frozenset(walk.pages),
        )


class _Walk:
    """One comparison of a revision with the one before it."""

    def __init__(self, versions: Versions, revision: int) -> None:
        self._versions = versions
        self._old, self._new = revision - 1, revision
        self._seen: set[tuple[int, int]] = set()
        self._todo: list[tuple[Any, Any, str]] = []
        self._form: Any = None
        self._steps = 0
        self._new_fields: set[int] = set()
        self._fields = Fields(versions, self._old, self._new)
        self.level = Level.NONE
        self.fields: set[str] = set()
        self.pages: set[int] = set()
        self.everywhere = False

    def run(self) -> None:
        """Compare everything that can be reached."""
        versions = self._versions
        repacked = versions.repacked(self._new)
        if repacked:
            raise _Unexplained(f"object stream {min(repacked)} was written anew")
        repeated = versions.repeated(self._new)
        if repeated:
            raise _Unexplained(f"object {min(repeated)} is listed at several places")
        missing = versions.missing(self._new)
        if missing is not None:
            raise _Unexplained(f"object {missing} is said not to be there")
        before, after = versions.trailer(self._old), versions.trailer(self._new)
        for key in _TRAILER_KEYS:
            self._push(before.get(key), after.get(key), key)
        old_root = versions.resolve(versions.root(self._old), self._old)
        new_root = versions.resolve(versions.root(self._new), self._new)
        self._catalog(old_root, new_root)
        while self._todo:
            self._step(*self._todo.pop())
        doubled = versions.doubled(self._new)
        if doubled is not None:
            raise _Unexplained(
                f"object {doubled} has an entry twice" if doubled else "the trailer has an entry twice"
            )

    def _allow(self, level: Level, field: str | None = None) -> None:
        self.level = max(self.level, level)
        if field is not None:
            self.fields.add(field)

    def _push(self, old: Any, new: Any, path: str) -> None:
        self._todo.append((old, new, path))

    def _step(self, old: Any, new: Any, path: str) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _Unexplained("too many objects")
        if isinstance(old, generic.IndirectObject) and isinstance(new, generic.IndirectObject):
            mark = (old.idnum, new.idnum)
            if mark in self._seen:
                return
            self._seen.add(mark)
        before, after = self._versions.resolve(old, self._old), self._versions.resolve(new, self._new)
        inside = self._versions.memo(before, _references) if before is after else None
        if inside is not None:
            # The very same object: only what it refers to can differ.
            for reference in inside:
                self._push(reference, reference, path)
        elif isinstance(before, generic.StreamObject) or isinstance(after, generic.StreamObject):
            self._streams(before, after, path)
        elif isinstance(before, generic.DictionaryObject) and isinstance(after, generic.DictionaryObject):
            self._dictionaries(before, after, path)
        elif isinstance(before, generic.ArrayObject) and isinstance(after, generic.ArrayObject):
            self._arrays(before, after, path)
        elif not same(before, after):
            raise _Unexplained(f"{path} changed")

    def _streams(self, before: Any, after: Any, path: str) -> None:
        if before is after:
            self._entries(before, after, path)
            return
        both = isinstance(before, generic.StreamObject) and isinstance(after, generic.StreamObject)
        if not both or before.encoded_data != after.encoded_data:
            raise _Unexplained(f"{path}: stream changed")
        self._entries(before, after, path, free=frozenset({"/Length"}))

    def _arrays(self, before: Any, after: Any, path: str) -> None:
        if len(before) != len(after):
            raise _Unexplained(f"{path}: {len(before)} elements became {len(after)}")
        for place in range(len(before)):
            self._push(before.raw_get(place), after.raw_get(place), f"{path}[{place}]")

    def _dictionaries(self, before: Any, after: Any, path: str) -> None:
        kind = name_of(before, "/Type")
        if before is after and kind not in {"/Page", "/Pages"} and not _is_field(before):
            self._entries(before, after, path)
        elif kind == "/Page" and name_of(after, "/Type") == "/Page":
            self._page(before, after, path)
        elif kind == "/Catalog":
            self._catalog(before, after)
        elif before is self._form:
            self._acroform(before, after)
        elif _is_field(before):
            self._field(before, after, path)
        else:
            self._entries(before, after, path)

    def _entries(self, before: Any, after: Any, path: str, *, free: frozenset[str] = frozenset()) -> None:
        """All entries must be the same, but for those that are free."""
        short = path[-60:]
        for key in before.keys() | after.keys():
            if key in free or (key == "/Parent" and _same_reference(before, after)):
                continue
            if key not in before or key not in after:
                present = self._versions.entry(before if key in before else after, key, self._new)
                if present is not None:
                    raise _Unexplained(f"{short}{key} was {'removed' if key in before else 'added'}")
                continue
            self._push(before.raw_get(key), after.raw_get(key), f"{short}{key}")

    def _catalog(self, before: Any, after: Any) -> None:
        if before is not after and any(
            not same(before.get(k), after.get(k)) for k in _CATALOG_FREE if k in before or k in after
        ):
            self._allow(Level.ARCHIVAL)
        old_form = self._versions.entry(before, "/AcroForm", self._old)
        new_form = self._versions.entry(after, "/AcroForm", self._new)
        self._form = old_form
        if isinstance(new_form, generic.DictionaryObject):
            self._acroform(old_form if old_form is not None else _EMPTY, new_form)
        elif old_form is not None:
            raise _Unexplained("/AcroForm was removed")
        self._entries(before, after, "", free=_CATALOG_FREE | {"/AcroForm"})

    def _acroform(self, before: Any, after: Any) -> None:
        if before is not after and any(not same(before.get(k), after.get(k)) for k in _FORM_FREE):
            self._allow(Level.ARCHIVAL)
        problem = self._fields.form_problem(before, after)
        if problem is not None:
            raise _Unexplained(problem)
        looks = ("/NeedAppearances", "/DR", "/DA")
        self.everywhere |= any(not same(raw_entry(before, k), raw_entry(after, k)) for k in looks)
        self._field_list(before, after, "/Fields", "")
        self._grown(before, after, "/DR", 2)
        self._entries(before, after, "/AcroForm", free=_FORM_FREE | {"/Fields"})

    def _grown(self, before: Any, after: Any, key: str, levels: int) -> None:
        """What was in a dictionary is in it still; more may be, in it and in those `levels` below it."""
        old, new = self._versions.entry(before, key, self._old), self._versions.entry(after, key, self._new)
        if not levels or not isinstance(old, generic.DictionaryObject):
            if old is not None:
                self._push(raw_entry(before, key), raw_entry(after, key), key)
            return
        if not isinstance(new, generic.DictionaryObject):
            raise _Unexplained(f"{key} was removed")
        for each in old:
            self._grown(old, new, each, levels - 1)

    def _field_list(self, before: Any, after: Any, key: str, prefix: str) -> None:
        """Fields of a list by identity; none may go, new ones must be for signatures."""
        old_list = self._versions.items(before, key, self._old)
        new_list = self._versions.items(after, key, self._new)
        kept = {_number(f): f for f in new_list}
        for field in old_list:
            number = _number(field)
            if number not in kept:
                raise _Unexplained(f"field {prefix}{number} was removed")
            self._push(field, kept[number], f"{prefix}{key}[{number}]")
        known = {_number(f) for f in old_list}
        for number, field in kept.items():
            if number not in known:
                self._added_field(field)

    def _added_field(self, raw: Any) -> None:
        node = self._versions.resolve(raw, self._new)
        name = str(self._versions.entry(node, "/T", self._new) or "")
        if self._fields.inherited(node, "/FT") != "/Sig":
            kids = self._versions.items(node, "/Kids", self._new)
            if not kids:
                raise _Unexplained(f"field {name} was added")
            for kid in kids:
                self._added_field(kid)
            return
        self._new_fields |= {
            _number(raw),
            *(_number(k) for k in self._versions.items(node, "/Kids", self._new)),
        }
        for raw_widget in (node, *self._versions.items(node, "/Kids", self._new)):
            problem = self._fields.added_problem(self._versions.resolve(raw_widget, self._new))
            if problem is not None:
                raise _Unexplained(f"field {name} {problem}")
        visible, level = self._fields.is_visible(node), self._signed_level(node)
        self._allow(Level.FORM_FILLING if visible else level, name if visible else None)

    def _signed_level(self, node: Any) -> Level:
        raw = raw_entry(node, "/V")
        if (
            isinstance(raw, generic.IndirectObject)
            and self._versions.version(raw.idnum, self._new) < self._new
        ):
            raise _Unexplained("a field shows a signature that was there before")
        value = self._versions.entry(node, "/V", self._new)
        return Level.ARCHIVAL if _is_timestamp(value) else Level.FORM_FILLING

    def _field(self, before: Any, after: Any, path: str) -> None:
        """An existing field or widget: what may change depends on whether it is, or becomes, signed."""
        self._field_list(before, after, "/Kids", path)
        if before is after:
            self._entries(before, after, path, free=frozenset({"/Kids", "/Parent"}))
            return
        name = self._fields.full_name(after)
        is_signature = self._fields.inherited(after, "/FT") == "/Sig"
        old_value = self._versions.entry(before, "/V", self._old)
        free = _FILLED
        if is_signature and old_value is not None:
            free = _IDLE
        changed = [k for k in free if k in before or k in after]
        if any(
            not same(raw_entry(before, k), raw_entry(after, k)) or self._fields.is_new(raw_entry(after, k))
            for k in changed
        ):
            problem = self._fields.contradiction(before, after, is_signature=is_signature)
            if problem is not None:
                raise _Unexplained(f"field {name} {problem}")
            level = self._signed_level(after) if is_signature and old_value is None else Level.FORM_FILLING
            self._allow(Level.FORM_FILLING if self._fields.is_visible(after) else level, name)
            self._touch(raw_entry(after, "/P"))
        self._entries(before, after, path, free=free | {"/Kids", "/Parent"})

    def _page(self, before: Any, after: Any, path: str) -> None:
        old_list = self._versions.items(before, "/Annots", self._old)
        new_list = self._versions.items(after, "/Annots", self._new)
        kept = {_number(a): a for a in new_list}
        for annotation in old_list:
            number = _number(annotation)
            if number not in kept:
                if self._versions.resolve(annotation, self._old) is not None and not isinstance(
                    self._versions.resolve(annotation, self._old), generic.NullObject
                ):
                    raise _Unexplained(f"annotation {number} was removed")
                continue
            self._push(annotation, kept[number], f"annotation {number}")
        known = {_number(a) for a in old_list}
        if [n for n in map(_number, new_list) if n in known] != [
            n for n in map(_number, old_list) if n in kept
        ]:
            # What lies above what has changed: whether it shows is for the eye.
            self._touch(getattr(after, "container_ref", None))
            self._allow(Level.FORM_FILLING)
        for number, annotation in kept.items():
            if number not in known:
                self._touch(getattr(after, "container_ref", None))
                self._added_annotation(annotation)
        written_out = self._inherited_entries(before, after)
        self._entries(before, after, path, free=_PAGE_FREE | written_out | {"/Annots"})

    def _inherited_entries(self, before: Any, after: Any) -> set[str]:
        """Entries that the page had of its ancestors and now has itself, as iText's append mode writes them.

        They must be what they were; the ancestors are compared for themselves.
        """
        found = set()
        for key in _INHERITABLE:
            inherited = (
                self._fields.inherited_raw(before, key) if key in after and key not in before else None
            )
            if inherited is not None:
                self._push(inherited, after.raw_get(key), key)
                found.add(key)
        return found

    def _touch(self, page: Any) -> None:
        number = getattr(page, "idnum", None)
        if number is None:
            self.everywhere = True
        else:
            self.pages.add(int(number))

    def _added_annotation(self, raw: Any) -> None:
        node = self._versions.resolve(raw, self._new)
        if name_of(node, "/Subtype") == "/Widget":
            if _number(raw) not in self._new_fields and self._fields.inherited(node, "/FT") != "/Sig":
                raise _Unexplained("a form widget was added")
            self._allow(Level.FORM_FILLING if self._fields.is_visible(node) else Level.ARCHIVAL)
            return
        self._allow(Level.ANNOTATIONS)


def _together(parts: list[frozenset[int] | None]) -> frozenset[int] | None:
    if any(p is None for p in parts):
        return None
    return frozenset().union(*(p for p in parts if p is not None))


def _number(raw: Any) -> int:
    return int(raw.idnum) if isinstance(raw, generic.IndirectObject) else id(raw)


def _references(node: Any) -> tuple[generic.IndirectObject, ...] | None:
    """All references in an object, however deep; None if rules for pages or fields apply inside it."""
    found: list[generic.IndirectObject] = []
    todo = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, generic.IndirectObject):
            found.append(each)
        elif isinstance(each, generic.ArrayObject):
            todo += [each.raw_get(i) for i in range(len(each))]
        elif isinstance(each, generic.DictionaryObject):
            if name_of(each, "/Type") in {"/Page", "/Pages", "/Catalog"} or _is_field(each):
                return None
            todo += [each.raw_get(k) for k in each if k != "/Parent"]
        elif isinstance(each, generic.DecryptedObjectProxy):
            return None
    return tuple(found)


def _is_field(node: Any) -> bool:
    """Whether a dictionary is a field or widget; actions, pages and others that only carry /FT are not."""
    if name_of(node, "/Subtype") == "/Widget":
        return True
    others = name_of(node, "/Type") not in {None, "/Annot"} or name_of(node, "/Subtype") is not None
    return "/FT" in node and not others and "/S" not in node


def _is_timestamp(value: Any) -> bool:
    return name_of(value, "/SubFilter") == "/ETSI.RFC3161" or name_of(value, "/Type") == "/DocTimeStamp"


def _same_reference(before: Any, after: Any) -> bool:
    return bool(same(raw_entry(before, "/Parent"), raw_entry(after, "/Parent")))
