"""What of an XML document a signature really covers; against wrapping.

Core validity says nothing about the place where an application reads. A signature passes only if it takes
in the whole document (its own element and other signatures aside), or, where the root is the Signature
itself, every data Object [design §7, --no-trust rule 3].
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from signing.report import Coverage
from signing.xades import NAMESPACES
from signing.xml_parse import ID_ATTRIBUTES
from signing.xmldsig import Core, Outcome, Reference, ds

_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_LOCATIONS = frozenset({f"{_INSTANCE}schemaLocation", f"{_INSTANCE}noNamespaceSchemaLocation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The answer: how much, in words for the report, and what is missing."""

    covers: Coverage
    parts: tuple[str, ...]
    missing: str | None = None


def judge_scope(core: Core, root: etree._Element) -> Scope:
    """How much of the document the signature's references take in."""
    data = [r for r in core.references if not _is_properties(r)]
    parts = tuple(_label(r) for r in data)
    if any(is_filtered(r, core) for r in data):
        return Scope(covers=Coverage.UNCLEAR, parts=parts, missing="XPath")
    covered = {r.element for r in data if r.element is not None}
    if any(_takes_in(r, root) for r in data):
        # What the signature's own element holds is left out of what it signs.
        loose = _loose_object(core.signature, covered)
        whole = Coverage.WHOLE_FILE if loose is None else Coverage.PARTIAL
        return Scope(covers=whole, parts=parts, missing=loose)
    missing = _uncovered(core, root, data, covered)
    if missing is None:
        return Scope(covers=Coverage.WHOLE_FILE, parts=parts)
    return Scope(covers=Coverage.PARTIAL, parts=parts, missing=missing)


def is_filtered(reference: Reference, core: Core) -> bool:
    """Whether transforms leave out of the data what need not be a part of this signature."""
    return reference.filtered or (reference.external and bool(reference.without - {core.signature}))


def _is_properties(reference: Reference) -> bool:
    tag = reference.element.tag if reference.element is not None else None
    return tag in {f"{{{ns}}}SignedProperties" for ns in NAMESPACES}


def _label(reference: Reference) -> str:
    return reference.uri or ("/" if reference.uri == "" else "?")


def _takes_in(reference: Reference, root: etree._Element) -> bool:
    if reference.outcome not in {Outcome.GOOD, Outcome.CHANGED}:
        return False
    whole = reference.whole_document or (reference.element is root and not _has_instructions_around(root))
    return whole and all(e.tag == ds("Signature") for e in reference.without)


def _has_instructions_around(root: etree._Element) -> bool:
    """Whether processing instructions stand beside the root: a style sheet there decides what is seen."""
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    return any(isinstance(e, etree._ProcessingInstruction) for e in around)  # noqa: SLF001


def _uncovered(
    core: Core, root: etree._Element, data: list[Reference], covered: set[etree._Element]
) -> str | None:
    """The first thing in the document that is neither signed nor part of a signature."""
    if root is not core.signature:
        if _has_instructions_around(root):
            return "<?…?>"
        return _loose_part(root, covered, is_root=True) or _loose_object(core.signature, covered)
    objects = [o for o in root.findall(ds("Object")) if not _holds_properties(o)]
    if not objects and not any(r.element is not None or r.external for r in data):
        return "ds:Object"
    return _loose_object(root, covered)


def _loose_object(signature: etree._Element, covered: set[etree._Element]) -> str | None:
    """The first data object in a signature that is not signed: a place for what was signed elsewhere."""
    objects = [o for o in signature.findall(ds("Object")) if not _holds_properties(o)]
    loose = next((o for o in objects if not _object_covered(o, covered)), None)
    return f"ds:Object {loose.get('Id', '')}".strip() if loose is not None else None


def _holds_properties(holder: etree._Element) -> bool:
    children = [c for c in holder if isinstance(c.tag, str)]
    return bool(children) and all(
        c.tag in {ds("SignatureProperties"), *(f"{{{ns}}}QualifyingProperties" for ns in NAMESPACES)}
        for c in children
    )


def _object_covered(holder: etree._Element, covered: set[etree._Element]) -> bool:
    if holder in covered:
        return True
    children = [c for c in holder if isinstance(c.tag, str)]
    text = (holder.text or "") + "".join(c.tail or "" for c in holder)
    return bool(children) and not text.strip() and all(c in covered for c in children)


def _loose_part(root: etree._Element, covered: set[etree._Element], *, is_root: bool = False) -> str | None:
    """The root, and what holds nothing but signatures, may stay unsigned if they say nothing by themselves.

    Further down a wrapper is a statement: what is signed as an order is not signed as a cancelled one.
    """
    if root in covered or root.tag == ds("Signature"):
        return None
    children = [c for c in root if isinstance(c.tag, str)]
    text = (root.text or "") + "".join(c.tail or "" for c in root)
    attributes = [a for a in root.attrib if a not in ID_ATTRIBUTES and a not in _LOCATIONS]
    if text.strip() or attributes or not children:
        return etree.QName(root).localname
    if not is_root and any(c in covered for c in children):
        return etree.QName(root).localname
    for child in children:
        missing = _loose_part(child, covered) if child not in covered else None
        if missing is not None:
            return missing
    return None
