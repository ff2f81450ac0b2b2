"""Looks at the markup before the parser does: a small exact lexer over UTF-8 bytes, in front of libxml2.

XML markup is a regular language, so a scanner that jumps from `<` to `<` (memchr) can follow it across chunk
bounds at no measurable cost. It exists for what the parser cannot tell or do:

* junk before the document is trimmed, with a count, if a `<` comes soon enough; the XML declaration is read;
* DOCTYPE is refused where it starts, whatever follows;
* the prefixes `xlink` and `edXML` are declared on the root's start tag unless it does so: the first is used
  undeclared in real manifests, the second on an AttachmentEncoded outside the envelope that declares it; such
  use is noted;
* the literal prefix of every tag is noted: lxml does not report it, and receivers exist that insist on
  `edXML:`;
* the bytes of markup are counted, and a tag, comment or instruction that the parser would have to hold whole
  is refused above the limit, before libxml2 buffers it;
* a long CDATA section is handed on as several (`]]><![CDATA[` at a chunk's end), because libxml2 holds a
  section whole: without this a base64 attachment in CDATA would sit in memory.

Everything else goes through byte for byte; whether it is well-formed XML is the parser's business alone.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from schemas.edxml.encoding import UTF8_NAMES, UTF16_NAMES
from schemas.limits import FormatLimits
from schemas.messages import refusal

JUNK_WINDOW: Final = 1024
_DECLARATION_BYTES: Final = 1024
_NAME_BYTES: Final = 512
_MAX_NAMES: Final = 2_000
# Stands for the names that are no longer noted; no tag can be called so.
TOO_MANY_NAMES: Final = (b":", b"From")
# Used undeclared in real traffic, with what is meant by them.
REPAIRED_PREFIXES: Final = {
    b"xlink": b' xmlns:xlink="http://www.w3.org/1999/xlink"',
    b"edXML": b' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"',
}
_CDATA_OPEN: Final = b"<![CDATA["
_CDATA_CLOSE: Final = b"]]>"

_NAME: Final = re.compile(rb"<(/?)(?:([^\s:/><!?\"'=]*):)?([^\s/>!?\"'=<]+)(?=[\s/>])")
# A whole tag without attributes, which most are: no need to walk through it.
_PLAIN_TAG: Final = re.compile(rb"<(/?)(?:([^\s:/><!?\"'=]*):)?([^\s/>!?\"'=<]+)(/?)>")
_TAG_STOP: Final = re.compile(rb"[\"'>]")
_DECLARES: Final = re.compile(rb"\sxmlns:(xlink|edXML)\s*=")
_USES: Final = re.compile(rb"(?:</?|\s)(xlink|edXML):")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]*)[\"']")


class _State(Enum):
    PROLOG = "prolog"
    TEXT = "text"
    TAG = "tag"
    QUOTED = "quoted"
    COMMENT = "comment"
    INSTRUCTION = "instruction"
    CDATA = "cdata"


_ENDS: Final = {_State.COMMENT: b"-->", _State.INSTRUCTION: b"?>"}


class Lexer:
    """Feed it UTF-8; it returns what the parser is to get."""

    def __init__(self, limits: FormatLimits) -> None:
        self._limits = limits
        self._state = _State.PROLOG
        self._held = b""
        self._quote = b""
        self._tag_bytes = bytearray()
        self._depth = 0
        self._root_seen = False
        self._scopes: dict[bytes, list[int]] = {prefix: [] for prefix in REPAIRED_PREFIXES}
        self._in_markup = 0
        self.markup_bytes = 0
        self.junk_bytes = 0
        self.declared_encoding = ""
        self._text_of: bytes | None = None
        self.passed: list[bytes] = []
        self._names: set[tuple[bytes, bytes]] = set()
        self._undeclared: set[bytes] = set()

    def feed(self, chunk: bytes, *, final: bool = False) -> bytes:
        """The next bytes for the parser; a few may wait. After a refusal `passed` is what came before."""
        data = self._held + chunk
        self._held = b""
        out: list[bytes] = []
        self.passed = out
        position = 0
        if self._state is _State.PROLOG:
            start = self._prolog(data, final)
            if start is None:
                return b""
            position = start
        while position < len(data):
            following = self._step(data, position, out)
            if following is None:
                self._held = data[position:]
                break
            position = following
        if final:
            out += (bytes(self._tag_bytes), self._held)
            self._held = b""
        return b"".join(out)

    def names(self) -> frozenset[tuple[str, str]]:
        """The (prefix, local name) pairs of all start tags."""
        return frozenset((_text(prefix), _text(name)) for prefix, name in self._names)

    def undeclared(self) -> frozenset[str]:
        """The repaired prefixes that were used where the message does not declare them."""
        return frozenset(map(_text, self._undeclared))

    def is_in_text_of(self, name: bytes) -> bool:
        """The next byte is text or markup right inside an element of that local name, or just after it."""
        return self._state is _State.TEXT and self._text_of == name and not self._held

    def _prolog(self, data: bytes, final: bool) -> int | None:
        """Where the document starts; None while that cannot be told."""
        start = data.find(b"<")
        if start < 0 or start > JUNK_WINDOW:
            if start < 0 and len(data) <= JUNK_WINDOW and not final:
                self._held = data
                return None
            raise refusal("not_xml", detail=("đầu tệp không có thẻ XML", "no XML tag at the file's start"))
        declaration = data[start : start + 6]
        if b"<?xml ".startswith(declaration[:6]) and len(declaration) < 6 and not final:
            self._held = data
            return None
        if re.match(rb"<\?xml\s", declaration):
            end = data.find(b"?>", start, start + _DECLARATION_BYTES)
            if end < 0 and len(data) - start < _DECLARATION_BYTES and not final:
                self._held = data
                return None
            found = _ENCODING.search(data, start, max(end, start))
            self.declared_encoding = found[1].decode("ascii").lower() if found else ""
            if self.declared_encoding not in UTF8_NAMES | UTF16_NAMES:
                raise refusal("encoding_unsupported", detail=self.declared_encoding)
            self.junk_bytes = start
        elif data[:start].strip():
            self.junk_bytes = start
        self._state = _State.TEXT
        return start

    def _step(self, data: bytes, position: int, out: list[bytes]) -> int | None:
        """Handle one token from `position`; the position after it, or None to wait for more bytes."""
        state = self._state
        if state is _State.TEXT:
            found = data.find(b"<", position)
            if found != position:
                end = len(data) if found < 0 else found
                out.append(data[position:end])
                return end
            return self._open(data, position, out)
        if state is _State.CDATA:
            return self._cdata(data, position, out)
        if state is _State.TAG or state is _State.QUOTED:
            return self._tag(data, position, out)
        return self._until(_ENDS[state], data, position, out)

    def _open(self, data: bytes, position: int, out: list[bytes]) -> int | None:
        lead = data[position : position + len(_CDATA_OPEN)]
        self._in_markup = 0
        if lead.startswith(b"<?"):
            self._state = _State.INSTRUCTION
            return self._emit(data, position, position + 2, out)
        if lead.startswith(b"<!"):
            return self._declaration(lead, data, position, out)
        plain = _PLAIN_TAG.match(data, position) if self._root_seen else None
        if plain is not None and plain.end() - position <= _NAME_BYTES:
            return self._plain_tag(plain, out)
        name = _NAME.match(data, position)
        if (name.end() if name else len(data)) - position > _NAME_BYTES:
            raise refusal("not_xml", detail=("tên thẻ không hợp lệ", "not a tag name"))
        if name is None:
            return None
        self._note(name)
        self._state = _State.TAG
        return self._hold(data, position, name.end())

    def _declaration(self, lead: bytes, data: bytes, position: int, out: list[bytes]) -> int | None:
        if lead.startswith(b"<!--"):
            self._state = _State.COMMENT
            return self._emit(data, position, position + 4, out)
        if lead == _CDATA_OPEN:
            self._state = _State.CDATA
            return self._emit(data, position, position + len(_CDATA_OPEN), out)
        if lead.upper().startswith(b"<!D"):
            raise refusal("doctype_forbidden")
        if b"<!--".startswith(lead) or _CDATA_OPEN.startswith(lead):
            return None
        raise refusal("not_xml", detail=("khai báo không hợp lệ", "not a valid declaration"))

    def _note(self, name: re.Match[bytes]) -> None:
        if name[1]:
            self._text_of = None
            return
        self._text_of = name[3]
        self._names.add((name[2] or b"", name[3]) if len(self._names) < _MAX_NAMES else TOO_MANY_NAMES)

    def _plain_tag(self, tag: re.Match[bytes], out: list[bytes]) -> int:
        self._note(tag)
        text = tag[0]
        self._count(len(text))
        out.append(text)
        if tag[1]:
            self._leave()
            return tag.end()
        prefix = tag[2]
        if prefix in self._scopes and not self._scopes[prefix]:
            self._undeclared.add(prefix)
        if not tag[4]:
            self._depth += 1
        return tag.end()

    def _tag(self, data: bytes, position: int, out: list[bytes]) -> int:
        """Tags are held until they are complete: what they declare and use is looked at as a whole."""
        if self._state is _State.QUOTED:
            end = data.find(self._quote, position)
            if end < 0:
                return self._hold(data, position, len(data))
            self._state = _State.TAG
            return self._hold(data, position, end + 1)
        stop = _TAG_STOP.search(data, position)
        if stop is None:
            return self._hold(data, position, len(data))
        end = self._hold(data, position, stop.end())
        if stop[0] != b">":
            self._state, self._quote = _State.QUOTED, stop[0]
            return end
        self._state = _State.TEXT
        self._finish_tag(out)
        return end

    def _finish_tag(self, out: list[bytes]) -> None:
        tag = bytes(self._tag_bytes)
        self._tag_bytes.clear()
        if tag.startswith(b"</"):
            self._leave()
            out.append(tag)
            return
        declared = {found[1] for found in _DECLARES.finditer(tag)}
        for prefix in declared:
            self._scopes[prefix].append(self._depth)
        for found in _USES.finditer(tag):
            if not self._scopes[found[1]]:
                self._undeclared.add(found[1])
        self._depth += 1
        if not self._root_seen:
            self._root_seen = True
            name = _NAME.match(tag)
            at = name.end() if name else len(tag)
            out.append(tag[:at])
            out += [text for prefix, text in REPAIRED_PREFIXES.items() if prefix not in declared]
            tag = tag[at:]
        out.append(tag)
        if tag.endswith(b"/>"):
            self._leave()

    def _leave(self) -> None:
        self._depth -= 1
        for depths in self._scopes.values():
            while depths and depths[-1] >= self._depth:
                depths.pop()

    def _until(self, end_mark: bytes, data: bytes, position: int, out: list[bytes]) -> int | None:
        found = data.find(end_mark, position)
        if found >= 0:
            self._state = _State.TEXT
            return self._emit(data, position, found + len(end_mark), out)
        # The mark may be cut by the chunk's end: hold back what could be its beginning.
        safe = len(data) - len(end_mark) + 1
        if safe <= position:
            return None
        self._emit(data, position, safe, out)
        self._held = data[safe:]
        return len(data)

    def _cdata(self, data: bytes, position: int, out: list[bytes]) -> int | None:
        found = data.find(_CDATA_CLOSE, position)
        if found >= 0:
            self._state = _State.TEXT
            out.append(data[position : found + len(_CDATA_CLOSE)])
            self.markup_bytes += len(_CDATA_CLOSE)
            return found + len(_CDATA_CLOSE)
        safe = len(data) - len(_CDATA_CLOSE) + 1
        while safe > position and data[safe] & 0xC0 == 0x80:
            safe -= 1
        if safe <= position:
            return None
        out += (data[position:safe], _CDATA_CLOSE, _CDATA_OPEN)
        self._held = data[safe:]
        return len(data)

    def _hold(self, data: bytes, start: int, end: int) -> int:
        """Keep a part of a tag."""
        self._count(end - start)
        self._tag_bytes += data[start:end]
        return end

    def _emit(self, data: bytes, start: int, end: int, out: list[bytes]) -> int:
        """Pass markup on."""
        self._count(end - start)
        out.append(data[start:end])
        return end

    def _count(self, size: int) -> None:
        """Hold one piece of markup within its bounds."""
        self._in_markup += size
        self.markup_bytes += size
        if self._in_markup > self._limits.markup_bytes:
            limit = self._limits.markup_bytes
            raise refusal(
                "skeleton_too_large",
                detail=(f"một thẻ hoặc chú thích quá {limit} byte", f"a tag or comment over {limit} bytes"),
            )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
