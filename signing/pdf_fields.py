"""What a form's fields are, say and show before and after an update [ISO 32000-2 §12.7].

A field says something by its value, and shows something by the appearance of its widgets; which of the two a
reader shows depends on the reader, on /NeedAppearances and on where the mouse is. So an update that changes
one of them without the other is refused here, whatever the page looks like in one program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyhanko.pdf_utils import generic

from signing.pdf_versions import Versions

ACTIONS: Final = ("/A", "/AA")
OFF_SCREEN: Final = 32 | 256
"""Annotation flags NoView and ToggleNoView: printed, not shown [ISO 32000-2 §12.5.3]."""
MAX_ANCESTORS: Final = 16
MAX_NESTING, MAX_WIDGETS = 4, 500
_SAID: Final = ("/V", "/RV")
_DRAWN_BY: Final = ("/DA", "/MK", "/Q")
_UNDER_MOUSE: Final = ("/R", "/D")


class Fields:
    """Answers about the fields of one comparison of two revisions."""

    def __init__(self, versions: Versions, old: int, new: int) -> None:
        self._versions, self._old, self._new = versions, old, new

    def inherited(self, node: Any, key: str) -> Any:
        """An entry of a field, its own or an ancestor's, as it is now."""
        for _ in range(MAX_ANCESTORS):
            value = self._versions.entry(node, key, self._new)
            if value is not None:
                return value
            node = self._versions.entry(node, "/Parent", self._new)
        return None

    def inherited_raw(self, node: Any, key: str) -> Any:
        """An entry that a page or field had of its ancestors before the update, as it stood there."""
        for _ in range(MAX_ANCESTORS):
            node = self._versions.entry(node, "/Parent", self._old)
            if not isinstance(node, generic.DictionaryObject):
                return None
            if key in node:
                return node.raw_get(key)
        return None

    def full_name(self, node: Any) -> str:
        """The field's name, with those of its ancestors."""
        parts: list[str] = []
        for _ in range(MAX_ANCESTORS):
            part = self._versions.entry(node, "/T", self._new)
            if part is not None:
                parts.append(str(part))
            node = self._versions.entry(node, "/Parent", self._new)
            if node is None:
                break
        return ".".join(reversed(parts))

    def is_visible(self, node: Any) -> bool:
        """Whether a field, or a widget among its kids, has a place on a page."""
        for raw in [node, *self._versions.items(node, "/Kids", self._new)]:
            widget = self._versions.resolve(raw, self._new)
            corners = self._versions.items(widget, "/Rect", self._new)
            if len(corners) == 4:
                left, bottom, right, top = (float(self._versions.resolve(c, self._new)) for c in corners)
                if left != right and bottom != top:
                    return True
        return False

    def is_new(self, raw: Any) -> bool:
        """Whether a reference names an object that the update wrote."""
        return isinstance(raw, generic.IndirectObject) and (
            self._versions.version(raw.idnum, self._new) != self._versions.version(raw.idnum, self._old)
        )

    def added_problem(self, widget: Any) -> str | None:
        """What a new widget of a signature does that it may not: act by itself, show itself at times only."""
        if any(self._versions.entry(widget, key, self._new) is not None for key in ACTIONS):
            return "was added with an action"
        if self._flags(widget, self._new) & OFF_SCREEN and self.is_visible(widget):
            return "shows in print only"
        looks = self._versions.entry(widget, "/AP", self._new)
        if any(self._versions.entry(looks, key, self._new) is not None for key in _UNDER_MOUSE):
            return "shows something else under the mouse"
        colours = self._versions.entry(widget, "/MK", self._new)
        if looks is None and self._versions.entry(colours, "/BG", self._new) is not None:
            # Some readers paint the place of a signature that is not there yet.
            return "is coloured without a picture"
        return None

    def contradiction(self, before: Any, after: Any, *, is_signature: bool) -> str | None:
        """Why what an existing field says, shows and prints does not go together after the update."""
        if self._flags(after, self._new) & OFF_SCREEN & ~self._flags(before, self._old):
            return "shows in print only"
        if self._shows_more_under_mouse(before, after):
            return "shows something else under the mouse"
        if is_signature:
            return None
        if self._differ(before, after, _SAID):
            # The value is of all the field's widgets, however far below it they are.
            for old, new in self._widgets(before, after, 0):
                if self._contradicts(old, new):
                    return "has another value than it shows"
        if self._differ(before, after, _DRAWN_BY):
            for old, new in self._widgets(before, after, 0):
                if self._contradicts(old, new, drawn=True):
                    return "would be drawn otherwise than it shows"
        return None

    def form_problem(self, before: Any, after: Any) -> str | None:
        """Why the form's own entries may not change so: its fields would be drawn with other letters."""
        now = self._versions.entry(after, "/NeedAppearances", self._new)
        then = self._versions.entry(before, "/NeedAppearances", self._old)
        letters = self._versions.entry(before, "/DA", self._old)
        problem = None
        if now is not None and bool(now) and not (then is not None and bool(then)):
            problem = "fields are to be drawn anew"
        elif letters is not None and self._differ(before, after, ("/DA",)):
            problem = "fields would be drawn otherwise"
        if problem is None:
            return None
        fields = self._versions.items(before, "/Fields", self._old)
        return problem if any(self._says_something(f, 0) for f in fields) else None

    def _says_something(self, raw: Any, depth: int) -> bool:
        """Whether it is a field with a value that is shown, or holds one."""
        node = self._versions.resolve(raw, self._old)
        kind = self._versions.entry(node, "/FT", self._old)
        if kind is not None and kind != "/Sig" and self._versions.entry(node, "/V", self._old) is not None:
            return True
        kids = self._versions.items(node, "/Kids", self._old) if depth < MAX_NESTING else []
        return any(self._says_something(kid, depth + 1) for kid in kids[:MAX_WIDGETS])

    def _flags(self, widget: Any, revision: int) -> int:
        value = self._versions.entry(widget, "/F", revision)
        return int(value) if isinstance(value, generic.NumberObject) else 0

    def _widgets(self, before: Any, after: Any, depth: int) -> Iterator[tuple[Any, Any]]:
        """The field's widgets, as they were and as they are; those that were there before."""
        if name(after, "/Subtype") == "/Widget":
            yield before, after
        if depth >= MAX_NESTING:
            return
        for raw in self._versions.items(after, "/Kids", self._new)[:MAX_WIDGETS]:
            old, new = self._versions.resolve(raw, self._old), self._versions.resolve(raw, self._new)
            if isinstance(old, generic.DictionaryObject) and isinstance(new, generic.DictionaryObject):
                yield from self._widgets(old, new, depth + 1)

    def _contradicts(self, before: Any, after: Any, *, drawn: bool = False) -> bool:
        if name(after, "/Subtype") != "/Widget" or not self.is_visible(after):
            return False
        looks = (raw_entry(before, "/AP"), raw_entry(after, "/AP"))
        kind = self.inherited(after, "/FT")
        if None in looks:
            return False
        if kind == "/Btn" and not drawn:
            return self._is_otherwise_ticked(after)
        return kind in {"/Tx", "/Ch"} and self._is_untouched(*looks)

    def _is_otherwise_ticked(self, widget: Any) -> bool:
        """Whether a box or a radio button shows another state than its field's value."""
        value, state = self.inherited(widget, "/V"), self._versions.entry(widget, "/AS", self._new)
        if not isinstance(value, generic.NameObject) or not isinstance(state, generic.NameObject):
            return False
        looks = self._versions.entry(widget, "/AP", self._new)
        states = self._versions.entry(looks, "/N", self._new)
        has_it = isinstance(states, generic.DictionaryObject) and value in states
        return state != value if has_it else state not in {"/Off", value}

    def _is_untouched(self, before: Any, after: Any) -> bool:
        """Whether an appearance dictionary and the normal look in it are those of before."""
        if not same(before, after) or self.is_new(after):
            return False
        looks = self._versions.resolve(before, self._old), self._versions.resolve(after, self._new)
        normal = [raw_entry(d, "/N") if isinstance(d, generic.DictionaryObject) else None for d in looks]
        return same(*normal) and not self.is_new(normal[1])

    def _shows_more_under_mouse(self, before: Any, after: Any) -> bool:
        old = self._versions.entry(before, "/AP", self._old)
        new = self._versions.entry(after, "/AP", self._new)
        for key in _UNDER_MOUSE:
            value = raw_entry(new, key) if isinstance(new, generic.DictionaryObject) else None
            known = raw_entry(old, key) if isinstance(old, generic.DictionaryObject) else None
            if value is not None and (not same(known, value) or self.is_new(value)):
                return True
        return False

    def _differ(self, before: Any, after: Any, keys: tuple[str, ...]) -> bool:
        return any(
            not same(self._versions.entry(before, k, self._old), self._versions.entry(after, k, self._new))
            for k in keys
        )


def name(node: Any, key: str) -> str | None:
    """A direct entry that is a name."""
    value = raw_entry(node, key) if isinstance(node, generic.DictionaryObject) else None
    return str(value) if isinstance(value, generic.NameObject) else None


def raw_entry(node: Any, key: str) -> Any:
    """A dictionary's entry as it stands; None if it is absent."""
    return node.raw_get(key) if key in node else None


def same(old: Any, new: Any) -> bool:
    """Equality of values that hold no others; references are the same if they name the same number."""
    if isinstance(old, generic.IndirectObject) and isinstance(new, generic.IndirectObject):
        return bool(old.idnum == new.idnum and old.generation == new.generation)
    strings = (generic.TextStringObject, generic.ByteStringObject)
    if isinstance(old, strings) and isinstance(new, strings):
        return bool(old.original_bytes == new.original_bytes)
    return bool(old == new)
