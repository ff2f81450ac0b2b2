"""The hardened XML parser of this package, and finding elements by their identifiers.

A first pass with a parser target counts and refuses: DOCTYPE in any encoding, depth, number of elements.
Only then is a tree built, without entities, network or huge texts. [design: hostile input is normal input]
"""

from __future__ import annotations

from lxml import etree

from signing.errors import InputRefused
from signing.messages import Code, finding
from signing.report import Severity

MAX_DEPTH, MAX_ELEMENTS = 256, 500_000
FEED = 64 * 1024
DS = "http://www.w3.org/2000/09/xmldsig#"
XML_NS = "http://www.w3.org/XML/1998/namespace"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
ID_ATTRIBUTES = ("Id", "ID", "id", "AssertionID", f"{{{XML_NS}}}id", f"{{{WSU}}}Id")


class _Refusal(Exception):
    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class _Guard:
    """Parser target that counts and refuses."""

    def __init__(self) -> None:
        self._depth = self._elements = 0

    def doctype(self, *_: object) -> None:
        """Any DOCTYPE is refused."""
        raise _Refusal(Code.DOCTYPE_FORBIDDEN)

    def start(self, *_: object) -> None:
        """Count."""
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH:
            raise _Refusal(Code.LIMIT_EXCEEDED, f"XML depth > {MAX_DEPTH}")
        if self._elements > MAX_ELEMENTS:
            raise _Refusal(Code.LIMIT_EXCEEDED, f"XML elements > {MAX_ELEMENTS}")

    def end(self, *_: object) -> None:
        """Count back."""
        self._depth -= 1

    def data(self, *_: object) -> None:
        """Text is of no interest here."""

    def close(self) -> None:
        """Nothing is built."""


def parse(data: bytes) -> etree._ElementTree[etree._Element]:
    """The document's tree; raises `InputRefused` for anything that is not harmless, well-formed XML."""
    huge = len(data) > 8 * 1024 * 1024
    guard = etree.XMLParser(  # type: ignore[call-overload]
        target=_Guard(), resolve_entities=False, no_network=True, huge_tree=huge
    )
    try:
        for start in range(0, len(data), FEED):
            guard.feed(data[start : start + FEED])
        guard.close()
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=huge, collect_ids=False
        )
        root = etree.fromstring(data, parser)
    except _Refusal as refusal:
        code, detail = refusal.code, refusal.detail
        raise InputRefused(finding(code, Severity.ERROR, detail=detail)) from None
    except (etree.LxmlError, ValueError) as error:
        detail = " ".join(str(error).split())[:120]
        raise InputRefused(finding(Code.XML_BROKEN, Severity.ERROR, detail=detail)) from error
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None:
        raise InputRefused(finding(Code.DOCTYPE_FORBIDDEN, Severity.ERROR))
    return tree


class Identifiers:
    """Elements by identifier; a name that two elements carry names neither."""

    def __init__(self, root: etree._Element) -> None:
        self._found: dict[str, list[etree._Element]] = {}
        for element in root.iter(etree.Element):
            for name in ID_ATTRIBUTES:
                value = element.get(name)
                if value is not None:
                    self._found.setdefault(value, []).append(element)

    def get(self, name: str, *, within: etree._Element | None = None) -> etree._Element | None:
        """The one element of that name; of several, the one inside `within` if there is exactly one."""
        candidates = list(dict.fromkeys(self._found.get(name, [])))
        if len(candidates) > 1 and within is not None:
            candidates = [c for c in candidates if within in c.iterancestors() or c is within]
        return candidates[0] if len(candidates) == 1 else None

    def is_ambiguous(self, name: str) -> bool:
        """Whether several elements carry the name."""
        return len(set(self._found.get(name, []))) > 1
