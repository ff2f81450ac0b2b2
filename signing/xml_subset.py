"""Document subsets: what an XPath filter leaves of a document, node by node, and its canonical form.

A filter asks of every node by itself whether it stays, of texts, attributes and namespaces too [XMLDSig 1.1
§6.6.3], and canonical form is defined on such sets, where an attribute may outlive its element [C14N 1.0
§2.3, §4.6]. No application reads such a subset, so it never passes; but whether it was changed can be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from signing.xml_parse import XML_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The nodes that stay; texts by what they follow: an element's start (False) or its end (True)."""

    elements: frozenset[etree._Element]
    texts: frozenset[tuple[etree._Element, bool]]
    attributes: frozenset[tuple[etree._Element, str]]
    namespaces: Mapping[etree._Element, Mapping[str, str]]

    def both(self, other: Selected) -> Selected:
        """What stays after another filter too."""
        return Selected(
            elements=self.elements & other.elements,
            texts=self.texts & other.texts,
            attributes=self.attributes & other.attributes,
            namespaces={
                e: {p: u for p, u in found.items() if p in other.namespaces.get(e, {})}
                for e, found in self.namespaces.items()
            },
        )


def select(
    apex: etree._Element, expression: str, namespaces: Mapping[str, str], here: etree._Element
) -> Selected:
    """Ask the expression of every node below `apex`; raises `etree.XPathError`."""

    def compiled(path: str) -> etree.XPath:
        functions = {(None, "here"): lambda _context: [here]}
        return etree.XPath(
            f"{path}[boolean({expression})]", namespaces=dict(namespaces), extensions=functions, regexp=False
        )

    own = compiled("namespace::*")
    found = compiled("descendant-or-self::node()")(apex)
    attributes = compiled("descendant-or-self::*/attribute::*")(apex)
    texts = (t for t in found if not isinstance(t, etree._Element))  # noqa: SLF001
    return Selected(
        elements=frozenset(e for e in found if isinstance(e, etree._Element)),  # noqa: SLF001
        texts=frozenset((t.getparent(), bool(t.is_tail)) for t in texts),
        attributes=frozenset((a.getparent(), str(a.attrname)) for a in attributes),
        namespaces={e: {p or "": u for p, u in own(e) if p != "xml"} for e in apex.iter(etree.Element)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetWriter:
    """Canonical form of a subset, less whole subtrees; how names and values are written is the caller's."""

    selected: Selected
    without: frozenset[etree._Element]
    exclusive: bool
    prefixes: tuple[str, ...]
    comments: bool

    def write(self, apex: etree._Element) -> str:
        """Everything of the subset at and below `apex`."""
        out: list[str] = []
        self._element(apex, {}, out, parent_stays=False)
        return "".join(out)

    def _element(
        self, element: etree._Element, above: Mapping[str, str], out: list[str], *, parent_stays: bool
    ) -> None:
        if element in self.without:
            return
        stays = element in self.selected.elements
        wanted = self._wanted(element) if self.exclusive else None
        own = {
            p: u
            for p, u in self.selected.namespaces.get(element, {}).items()
            if wanted is None or p in wanted
        }
        named = f"{element.prefix}:" if element.prefix else ""
        name = named + etree.QName(element).localname
        bare = stays and "" not in own and bool(above.get("")) and (wanted is None or "" in wanted)
        start = ' xmlns=""' if bare else ""
        start += self._start(element, own, above, parent_stays=parent_stays)
        out.append(f"<{name}{start}>" if stays else start)
        # What the nearest element has that is written and, in exclusive form, makes use of the prefix.
        below = above
        if stays:
            below = {p: u for p, u in above.items() if wanted is not None and p not in wanted} | own
        self._text(element, element.text, out, is_tail=False)
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, below, out, parent_stays=stays)
            elif child in self.selected.elements:
                self._other(child, out)
            self._text(child, child.tail, out, is_tail=True)
        if stays:
            out.append(f"</{name}>")

    def _text(self, owner: etree._Element, text: str | None, out: list[str], *, is_tail: bool) -> None:
        if text and (owner, is_tail) in self.selected.texts:
            out.append(escaped_text(text))

    def _other(self, node: etree._Element, out: list[str]) -> None:
        written = etree.tostring(node, encoding="unicode", with_tail=False)
        if written.startswith("<?") or self.comments:
            out.append(written.replace("\r", "&#xD;"))

    def _wanted(self, element: etree._Element) -> frozenset[str]:
        """Prefixes that exclusive form writes here: those in use by what stays, and those that are listed."""
        listed = frozenset("" if p == "#default" else p for p in self.prefixes)
        if element not in self.selected.elements:
            return listed
        names = [
            n for n in map(str, element.attrib) if n[0] == "{" and (element, n) in self.selected.attributes
        ]
        used = {self._attribute_name(element, n).partition(":")[0] for n in names}
        return listed | used | {element.prefix or ""}

    def _start(
        self, element: etree._Element, own: Mapping[str, str], above: Mapping[str, str], *, parent_stays: bool
    ) -> str:
        made = [
            f' xmlns{":" + prefix if prefix else ""}="{escaped_attribute(uri)}"'
            for prefix, uri in sorted(own.items())
            if above.get(prefix, "") != uri
        ]
        values = {
            str(n): str(v) for n, v in element.attrib.items() if (element, str(n)) in self.selected.attributes
        }
        if element in self.selected.elements and not parent_stays and not self.exclusive:
            values = {**_imported(element), **values}
        made += [
            f' {self._attribute_name(element, name)}="{escaped_attribute(values[name])}"'
            for name in sorted(values, key=_order)
        ]
        return "".join(made)

    @staticmethod
    def _attribute_name(element: etree._Element, name: str) -> str:
        if name[0] != "{":
            return name
        uri, _, local = name[1:].partition("}")
        if uri == XML_NS:
            return f"xml:{local}"
        prefixes = sorted(p for p, u in element.nsmap.items() if u == uri and p)
        return f"{prefixes[0]}:{local}" if prefixes else local


def _order(name: str) -> tuple[str, str]:
    uri, _, local = name[1:].partition("}") if name[0] == "{" else ("", "", name)
    return uri, local


def _imported(element: etree._Element) -> dict[str, str]:
    """xml: attributes that an element has from its ancestors."""
    found: dict[str, str] = {}
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if str(name).startswith(f"{{{XML_NS}}}") and name not in element.attrib:
                found.setdefault(str(name), str(value))
    return found


def escaped_text(text: str) -> str:
    """A text as canonical form writes it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def escaped_attribute(text: str) -> str:
    """An attribute's value as canonical form writes it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
