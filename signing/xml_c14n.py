"""Canonical XML: libxml2 for whole documents, a writer of our own for everything else.

libxml2 canonicalises a whole document fast and rightly. Through lxml a subtree is another matter: it is
grafted onto a pretended root, and default namespaces of grandchildren come out wrong; xml: attributes of
ancestors are not imported [C14N 1.0 §2.4]; node sets made by XPath filters cannot be given at all. For
those the writer follows the specification node by node; the parts of a signature are small, and a large
attachment is one text.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from signing.xml_parse import XML_NS
from signing.xml_subset import Selected, SubsetWriter, escaped_attribute, escaped_text

_ALGORITHMS = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": (False, False, False),
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": (False, True, False),
    "http://www.w3.org/2006/12/xml-c14n11": (False, False, True),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": (False, True, True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": (True, False, False),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": (True, True, False),
}
# Texts cannot foresee it, and it never leaves the process.
_MARK = secrets.token_hex(24)
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One canonicalisation method with its parameters."""

    exclusive: bool = False
    comments: bool = False
    version_11: bool = False
    prefixes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class NodeSet:
    """A document or subtree, less whole subtrees, less what a filter hides."""

    apex: etree._Element
    whole_document: bool = False
    without: set[etree._Element] = field(default_factory=set)
    visible: Callable[[etree._Element], bool] | None = None
    comments: bool = False
    selected: Selected | None = None


def method(algorithm: str | None, prefixes: Iterable[str] = ()) -> Method | None:
    """The method of that URI; None if it is unknown."""
    known = _ALGORITHMS.get(algorithm or "")
    if known is None:
        return None
    exclusive, comments, version_11 = known
    return Method(exclusive=exclusive, comments=comments, version_11=version_11, prefixes=tuple(prefixes))


def is_method(algorithm: str) -> bool:
    """Whether the URI names a canonicalisation."""
    return algorithm in _ALGORITHMS


def canonical(element: etree._Element, how: Method) -> bytes:
    """Canonical form of one element with all that is in it."""
    return serialise(NodeSet(apex=element, comments=True), how)


def serialise(nodes: NodeSet, how: Method) -> bytes:
    """Canonical form of a node set."""
    comments = how.comments and nodes.comments
    if nodes.selected is not None:
        writer = SubsetWriter(
            selected=nodes.selected,
            without=frozenset(nodes.without),
            exclusive=how.exclusive,
            prefixes=how.prefixes,
            comments=comments,
        )
        return writer.write(nodes.apex).encode()
    if nodes.visible is not None or not nodes.whole_document:
        plain = _plain(nodes, how) if not comments else None
        return plain if plain is not None else _Writer(nodes, how, comments=comments).run()
    try:
        if nodes.without:
            return _without(nodes, how, comments=comments)
        return _by_library(nodes, how, comments=comments)
    except etree.C14NError:
        # libxml2 refuses relative namespace names; the specification does not.
        return _Writer(nodes, how, comments=comments).run()


def _by_library(nodes: NodeSet, how: Method, *, comments: bool) -> bytes:
    target = nodes.apex.getroottree()
    if how.exclusive:
        made: bytes = etree.tostring(
            target,
            method="c14n",
            exclusive=True,
            with_comments=comments,
            inclusive_ns_prefixes=list(how.prefixes) or None,
        )
        return made
    return etree.tostring(target, method="c14n", exclusive=False, with_comments=comments)


def _without(nodes: NodeSet, how: Method, *, comments: bool) -> bytes:
    """The document's canonical form less some subtrees.

    What is written of a document does not depend on what a left-out subtree holds, so the whole is written
    with a mark before and after each such subtree, and cut. The marks are texts that nobody can foresee;
    moving the subtrees out would make lxml rewrite their namespaces.
    """
    mark, root = _MARK, nodes.apex.getroottree().getroot()
    # The root itself stays: a signature over nothing but itself must not come out as one over nothing.
    inner = {e for e in nodes.without if e is not root and e.getroottree().getroot() is root}
    outer = [e for e in inner if not any(a in inner for a in e.iterancestors())]
    undo: list[Callable[[], None]] = []
    try:
        undo.extend(_mark(element, mark) for element in outer)
        whole = _by_library(nodes, how, comments=comments)
    finally:
        for step in reversed(undo):
            step()
    return _cut(whole, mark.encode(), len(outer))


def _cut(whole: bytes, mark: bytes, times: int) -> bytes:
    """The bytes less what stands between a first mark and a second, a third and a fourth, and so on."""
    view, kept, place = memoryview(whole), list[memoryview](), 0
    for _ in range(times):
        start = whole.index(mark, place)
        kept.append(view[place:start])
        place = whole.index(mark, start + len(mark)) + len(mark)
    return b"".join([*kept, view[place:]])


def _mark(element: etree._Element, mark: str) -> Callable[[], None]:
    """Put marks around an element; the answer takes them out again."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail
    assert parent is not None  # never the root
    holder, name = (parent, "text") if before is None else (before, "tail")
    text = getattr(holder, name)
    setattr(holder, name, (text or "") + mark)
    element.tail = mark + (tail or "")

    def undo() -> None:
        element.tail = tail
        setattr(holder, name, text)

    return undo


def _plain(nodes: NodeSet, how: Method) -> bytes | None:
    """The common case, the exclusive form of a subtree, in short; None where it is not so plain."""
    if not how.exclusive or how.prefixes or nodes.visible is not None or nodes.without:
        return None
    out: list[str] = []
    return "".join(out).encode() if _write_plain(nodes.apex, {}, out) else None


def _write_plain(element: etree._Element, rendered: Mapping[str, str], out: list[str]) -> bool:
    """Write an element whose only visibly used prefix is its own; False at the first that is otherwise."""
    name, prefix, tag = _name(element), element.prefix or "", str(element.tag)
    uri = tag[1:].partition("}")[0] if tag[0] == "{" else ""
    out.append(f"<{name}")
    if rendered.get(prefix, "") != uri:
        out.append(f' xmlns{":" + prefix if prefix else ""}="{escaped_attribute(uri)}"')
        rendered = {**rendered, prefix: uri}
    for key, value in sorted(element.attrib.items()):
        if key[0] == "{":
            return False
        out.append(f' {key}="{escaped_attribute(str(value))}"')
    out.append(f">{escaped_text(element.text)}" if element.text else ">")
    for child in element:
        if not isinstance(child.tag, str):
            if not isinstance(child, etree._Comment):  # noqa: SLF001
                return False
        elif not _write_plain(child, rendered, out):
            return False
        if child.tail:
            out.append(escaped_text(child.tail))
    out.append(f"</{name}>")
    return True


class _Writer:
    """Canonical XML of a node set, by the book."""

    def __init__(self, nodes: NodeSet, how: Method, *, comments: bool) -> None:
        self._nodes, self._how, self._comments = nodes, how, comments
        self._out: list[str] = []

    def run(self) -> bytes:
        """Write it all."""
        apex = self._nodes.apex
        if any(a in self._nodes.without for a in apex.iterancestors()):
            return b""
        if self._nodes.whole_document:
            self._around(reversed(list(apex.itersiblings(preceding=True))), before=True)
        self._element(apex, {}, inherited=True)
        if self._nodes.whole_document:
            self._around(apex.itersiblings(), before=False)
        return "".join(self._out).encode()

    def _around(self, siblings: Iterable[etree._Element], *, before: bool) -> None:
        for node in siblings:
            written = self._other(node)
            if written:
                self._out.append(written + "\n" if before else "\n" + written)

    def _shown(self, element: etree._Element) -> bool:
        return self._nodes.visible is None or self._nodes.visible(element)

    def _other(self, node: etree._Element) -> str:
        written = etree.tostring(node, encoding="unicode", with_tail=False)
        if written.startswith("<!--"):
            return written.replace("\r", "&#xD;") if self._comments else ""
        return written if written.startswith("<?") else ""

    def _element(self, element: etree._Element, rendered: dict[str, str], *, inherited: bool) -> None:
        if element in self._nodes.without:
            return
        shown = self._shown(element)
        inner = rendered
        if shown:
            inner = self._start(element, rendered, inherited=inherited)
            if element.text:
                self._out.append(escaped_text(element.text))
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, inner, inherited=inherited and not shown)
            elif shown:
                self._out.append(self._other(child))
            if shown and child.tail:
                self._out.append(escaped_text(child.tail))
        if shown:
            self._out.append(f"</{_name(element)}>")

    def _start(self, element: etree._Element, rendered: dict[str, str], *, inherited: bool) -> dict[str, str]:
        wanted = self._namespaces(element)
        now = dict(rendered)
        made = [f"<{_name(element)}"]
        for prefix in sorted(wanted):
            uri = wanted[prefix]
            if now.get(prefix, "") != uri:
                made.append(f' xmlns{":" + prefix if prefix else ""}="{escaped_attribute(uri)}"')
                now[prefix] = uri
        bare = not self._how.exclusive or not element.prefix or "#default" in self._how.prefixes
        if bare and not wanted.get("") and now.get("") and not element.nsmap.get(None):
            made.insert(1, ' xmlns=""')
            now[""] = ""
        attributes = [(etree.QName(n), v) for n, v in element.attrib.items()]
        if inherited:
            attributes += self._imported(element)
        for name, value in sorted(attributes, key=lambda pair: (pair[0].namespace or "", pair[0].localname)):
            made.append(f' {_qualified(element, name)}="{escaped_attribute(value)}"')
        self._out.append("".join(made) + ">")
        return now

    def _namespaces(self, element: etree._Element) -> dict[str, str]:
        scope = {p or "": u for p, u in element.nsmap.items() if p != "xml"}
        if not self._how.exclusive:
            return scope
        used = {element.prefix or ""}
        for name in element.attrib:
            uri = etree.QName(name).namespace
            if uri and uri != XML_NS:
                used.add(_qualified(element, etree.QName(name)).split(":")[0])
        used |= {"" if p == "#default" else p for p in self._how.prefixes}
        return {p: u for p, u in scope.items() if p in used}

    def _imported(self, element: etree._Element) -> list[tuple[etree.QName, str]]:
        """xml: attributes of ancestors that are not written themselves."""
        if self._how.exclusive:
            return []
        found: dict[str, str] = {}
        for ancestor in element.iterancestors():
            for name, value in ancestor.attrib.items():
                is_id = self._how.version_11 and name == f"{{{XML_NS}}}id"
                if name.startswith(f"{{{XML_NS}}}") and name not in element.attrib and not is_id:
                    found.setdefault(name, value)
        return [(etree.QName(n), v) for n, v in found.items()]


def _name(element: etree._Element) -> str:
    local = str(element.tag).rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _qualified(element: etree._Element, name: etree.QName) -> str:
    if not name.namespace:
        return name.localname
    if name.namespace == XML_NS:
        return f"xml:{name.localname}"
    prefixes = sorted(p for p, u in element.nsmap.items() if u == name.namespace and p)
    return f"{prefixes[0]}:{name.localname}" if prefixes else name.localname
