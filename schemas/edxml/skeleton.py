"""The skeleton: the message without its attachments' content, as small nodes, built within bounds.

`SkeletonBuilder` is the target of the streaming parse. Text of a ContentTransferEncoded inside an Attachment
goes to the content hook instead of the skeleton; everything else is kept and counted. Bounds (depth,
elements, recipients, attachments, skeleton size) are checked at every event, so a message is refused at the
element that breaks one. Elements are known by local name, as all receivers know them; a foreign namespace is
remembered per node.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Final, Protocol

from schemas.limits import FormatLimits
from schemas.messages import refusal

QCVN_NAMESPACE: Final = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
_CONTENT: Final = "ContentTransferEncoded"
_ATTACHMENT: Final = "Attachment"
_CONTAINER: Final = "AttachmentEncoded"
_ROOTS: Final = frozenset({"edxml", "edxmlenvelope"})
_BROKEN_CONTENT: Final = "AttachmentData"


class Node:
    """An element: local name, namespace, text of its own, children. Immutable once the parse is over."""

    __slots__ = ("children", "content", "href", "name", "namespace", "text")

    def __init__(self, name: str, namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self.text = ""
        self.children: list[Node] = []
        self.content: int | None = None
        self.href = ""

    def all(self, name: str) -> Iterator[Node]:
        """The children of that name, in order."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Node | None:
        """The first child of that name."""
        return next(self.all(name), None)


class ContentHook(Protocol):
    """Receives attachment content."""

    def open_content(self) -> int:
        """A content element starts; returns its index."""

    def content(self, text: str) -> None:
        """A piece of its text."""

    def close_content(self) -> None:
        """The content element ends."""


class SkeletonBuilder:
    """Target of the parse; `root` is complete when the parser has closed without complaint."""

    def __init__(self, hook: ContentHook, limits: FormatLimits) -> None:
        self._hook = hook
        self._limits = limits
        self._open: list[Node] = []
        self._texts: list[StringIO] = []
        self._elements = 0
        self._attachments = 0
        self._recipients = 0
        self.root: Node | None = None
        self.text_bytes = 0
        self.in_content = False

    def start(self, tag: str, attrib: dict[str, str], _nsmap: dict[str, str]) -> None:
        """A start tag."""
        namespace, _, name = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
        node = Node(name, namespace)
        self._bound()
        if self.in_content:
            raise _shape(f"thẻ {name} nằm trong {_CONTENT}", f"element {name} inside {_CONTENT}")
        if self._open:
            self._place(self._open[-1], node)
            self._open[-1].children.append(node)
        else:
            _check_root(node)
            self.root = node
        for key, value in attrib.items():
            if key.rpartition("}")[2] == "href":
                node.href = value
        self._open.append(node)
        self._texts.append(StringIO())

    def end(self, _tag: str) -> None:
        """An end tag."""
        node = self._open.pop()
        text = self._texts.pop()
        if self.in_content:
            self.in_content = False
            self._hook.close_content()
        elif not node.children:
            node.text = text.getvalue()
        elif text.tell():
            # Only the white space of pretty printing is expected between elements; anything else is kept.
            node.text = text.getvalue().strip()

    def data(self, data: str) -> None:
        """A piece of text."""
        if self.in_content:
            self._hook.content(data)
            return
        # Counted as in UTF-8 at its widest for Vietnamese; exactness does not matter for a bound.
        self.text_bytes += len(data) if data.isascii() else 3 * len(data)
        if self.text_bytes > self._limits.skeleton_bytes:
            raise skeleton_too_large(self._limits.skeleton_bytes)
        if self._texts:
            self._texts[-1].write(data)

    def _bound(self) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise refusal("too_many_elements", limit=self._limits.elements)
        if len(self._open) >= self._limits.depth:
            raise refusal("too_deep", limit=self._limits.depth)

    def _place(self, parent: Node, node: Node) -> None:
        """Look at the few elements whose place matters while the bytes still arrive."""
        name = node.name
        if name == "To" and parent.name == "MessageHeader":
            self._recipients += 1
            if self._recipients > self._limits.recipients:
                raise refusal("too_many_recipients", "MessageHeader/To", limit=self._limits.recipients)
        elif name == _ATTACHMENT:
            self._attachments += 1
            if self._attachments > self._limits.attachments:
                raise refusal("too_many_attachments", "AttachmentEncoded", limit=self._limits.attachments)
            if any(ancestor.name == _ATTACHMENT for ancestor in self._open):
                raise _shape(f"{_ATTACHMENT} lồng nhau", f"nested {_ATTACHMENT}")
        elif name == _CONTENT:
            self._start_content(parent)
        elif name == _BROKEN_CONTENT and parent.name == _ATTACHMENT:
            raise _shape(f"dùng {_BROKEN_CONTENT}", f"it uses {_BROKEN_CONTENT}")

    def _is_container_place(self) -> bool:
        """The open Attachment is in an AttachmentEncoded that is a child of the root or of the envelope.

        Anywhere else receivers do not look, and the file would be checked here and missing there.
        """
        names = [node.name for node in self._open[1:-1]]
        return names == [_CONTAINER] or (
            len(names) == 2 and names[0].lower() == "edxmlenvelope" and names[1] == _CONTAINER
        )

    def _start_content(self, parent: Node) -> None:
        if parent.name != _ATTACHMENT or not self._is_container_place():
            raise _shape(f"{_CONTENT} nằm sai chỗ", f"{_CONTENT} in the wrong place")
        if parent.content is not None:
            raise _shape(f"hai {_CONTENT} trong một tệp", f"two {_CONTENT} in one file")
        parent.content = self._hook.open_content()
        self.in_content = True


def _check_root(node: Node) -> None:
    if node.namespace != QCVN_NAMESPACE or node.name.lower() not in _ROOTS:
        shown = f"{{{node.namespace}}}{node.name}" if node.namespace else node.name
        raise refusal("namespace_wrong", node.name, detail=(f"thẻ gốc là {shown}", f"the root is {shown}"))


def skeleton_too_large(limit: int) -> Exception:
    """The refusal for a message whose metadata is too large."""
    return refusal("skeleton_too_large", detail=(f"quá {limit} byte", f"over {limit} bytes"))


def _shape(vi: str, en: str) -> Exception:
    return refusal("attachment_shape_unknown", "AttachmentEncoded/Attachment", detail=(vi, en))
