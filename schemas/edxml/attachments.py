"""Attachments of a split message: which manifest entry belongs to which content, what each file really is.

Identity is a tangle in real traffic [national SDK]: the manifest says `cid:X`, the attachment `cid:X`, `X` or
even `cid:cid:X`. All leading `cid:` are dropped; what still does not meet is matched by name, then by
position.

A single-entry archive made by the SDK (declared application/zip under another name, or carrying one entry
with the name's own extension) is undone once. Archives sent as such, and the office formats that are
archives, are left alone but looked into: what nobody should open is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.archive import ArchiveDamaged, ArchiveInfo, ArchiveUnsafe, inspect, undo
from schemas.edxml.content import RawContent
from schemas.edxml.model import normal_id
from schemas.edxml.skeleton import Node
from schemas.issues import Issue
from schemas.limits import FormatLimits
from schemas.media import HEAD_BYTES, ZIP_STARTS, agrees, is_zip_type, sniff
from schemas.messages import issue, refusal
from schemas.names import extension, is_plain, safe_name

_CID: Final = re.compile(r"(?i)^(?:cid:)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAttachment:
    """One attachment: what the message says about it and what it is.

    `needs_repair` marks a file that the national SDK would fail on, or unpack wrongly, as it was sent.
    """

    index: int
    content_id: str
    name: str
    description: str
    declared_type: str
    safe_name: str
    media_type: str
    size: int
    sha256: bytes
    path: Path
    was_zipped: bool
    needs_repair: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    content_id: str
    name: str
    content_type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The content after settling what it is."""

    path: Path
    size: int
    sha256: bytes
    media_type: str
    was_zipped: bool = False


def resolve_attachments(
    root: Node, contents: list[RawContent], new_file: Callable[[str], Path], limits: FormatLimits
) -> tuple[tuple[SplitAttachment, ...], list[Issue]]:
    """Match, sniff, unzip and name all attachments. Slow for large archives."""
    return _Resolver(root, contents, new_file, limits).run()


def strip_cid(text: str) -> str:
    """A content id without any `cid:` in front."""
    return _CID.sub("", normal_id(text)).strip("<> ")


class _Resolver:
    def __init__(
        self, root: Node, contents: list[RawContent], new_file: Callable[[str], Path], limits: FormatLimits
    ) -> None:
        self._nodes = list(_attachment_nodes(root))
        self._references = [_reference(node) for node in _manifest(root)]
        self._contents = contents
        self._new_file = new_file
        self._limits = limits
        self._budget = limits.unzipped_bytes
        self._issues: list[Issue] = []
        self._taken: set[str] = set()
        self._ids: set[str] = set()

    def run(self) -> tuple[tuple[SplitAttachment, ...], list[Issue]]:
        said = [_reference(node) for node in self._nodes]
        matches = self._match(said)
        found = [
            self._settle(index, node, said[index], matches.get(index))
            for index, node in enumerate(self._nodes)
        ]
        for number, reference in enumerate(self._references):
            if number not in {match for match, _ in matches.values()}:
                self._issues.append(
                    issue("attachment_missing", "edXMLManifest", value=reference.name or reference.content_id)
                )
        return tuple(found), self._issues

    def _match(self, said: list[_Reference]) -> dict[int, tuple[int, str]]:
        """Attachment index -> (manifest index, how it was found)."""
        matches: dict[int, tuple[int, str]] = {}
        free = dict(enumerate(self._references))
        rules: tuple[tuple[str, Callable[[int, _Reference, int, _Reference], bool]], ...] = (
            ("cid", lambda _a, a, _r, r: bool(a.content_id) and a.content_id == r.content_id),
            ("name", lambda _a, a, _r, r: bool(a.name) and a.name == r.name),
            ("position", lambda ai, _a, ri, _r: ai == ri and len(said) == len(self._references)),
        )
        for how, fits in rules:
            for index, each in enumerate(said):
                if index in matches:
                    continue
                number = next((n for n, reference in free.items() if fits(index, each, n, reference)), None)
                if number is not None:
                    matches[index] = (number, how)
                    del free[number]
        return matches

    def _settle(
        self, index: int, node: Node, said: _Reference, match: tuple[int, str] | None
    ) -> SplitAttachment:
        place = f"AttachmentEncoded/Attachment[{index + 1}]"
        if node.content is None:
            raise refusal(
                "attachment_shape_unknown",
                place,
                detail=("không có ContentTransferEncoded", "no ContentTransferEncoded"),
            )
        raw = self._contents[node.content]
        self._issues += raw.issues
        listed = self._references[match[0]] if match else None
        name = said.name or (listed.name if listed else "")
        declared = said.content_type or (listed.content_type if listed else "")
        file = self._open(raw, name, declared, place)
        safe = self._name(name, file.media_type, index, place)
        self._report(match, file, declared, safe, place)
        return SplitAttachment(
            index=index,
            content_id=self._content_id(said, listed, index, place),
            name=name,
            description=said.description or (listed.description if listed else ""),
            declared_type=declared,
            safe_name=safe,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
            path=file.path,
            was_zipped=file.was_zipped,
            needs_repair=_misleads(name, declared, file) or (bool(name) and not is_plain(name)),
        )

    def _open(self, raw: RawContent, name: str, declared: str, place: str) -> _File:
        head = _head(raw.path)
        kept = _File(path=raw.path, size=raw.size, sha256=raw.sha256, media_type=sniff(head, name))
        if not head.startswith(ZIP_STARTS):
            return kept
        asked = is_zip_type(declared) and not name.lower().endswith("zip")
        try:
            info = inspect(raw.path, self._limits)
            if info.media_type is not None:
                media_type = sniff(head, name, archive_type=info.media_type)
                return _File(path=raw.path, size=raw.size, sha256=raw.sha256, media_type=media_type)
            if not name.lower().endswith("zip") and self._is_wrapping(info, name, asked=asked):
                return self._undo(raw, name)
        except ArchiveDamaged as damage:
            if asked:
                raise refusal("archive_unsafe", place, detail=damage.reason) from None
            self._issues.append(issue("archive_kept", place, value=name, detail=damage.reason))
            return kept
        except ArchiveUnsafe as danger:
            raise refusal("archive_unsafe", place, detail=danger.reason) from None
        if not name.lower().endswith("zip"):
            several = (f"có {info.files} tệp bên trong", f"it holds {info.files} files")
            self._issues.append(issue("archive_kept", place, value=name, detail=several))
        return kept

    @staticmethod
    def _is_wrapping(info: ArchiveInfo, name: str, *, asked: bool) -> bool:
        return info.files == 1 and (asked or info.single_extension == extension(name) != "")

    def _undo(self, raw: RawContent, name: str) -> _File:
        target = self._new_file(raw.path.stem + ".unzipped")
        inflated = undo(raw.path, target, self._limits, budget=self._budget)
        self._budget -= inflated.size
        head = _head(target)
        archive_type = None
        if head.startswith(ZIP_STARTS):
            try:
                archive_type = inspect(target, self._limits).media_type
            except ArchiveDamaged:
                pass
        return _File(
            path=target,
            size=inflated.size,
            sha256=inflated.sha256,
            media_type=sniff(head, name, archive_type=archive_type),
            was_zipped=True,
        )

    def _name(self, name: str, media_type: str, index: int, place: str) -> str:
        fallback = f"tep-dinh-kem-{index + 1}" + (".pdf" if media_type == "application/pdf" else "")
        safe = safe_name(name, fallback=fallback, taken=self._taken)
        if not name:
            self._issues.append(issue("attachment_name_missing", place, value=safe))
        elif not is_plain(name):
            self._issues.append(issue("attachment_name_unsafe", place, value=safe))
        return safe

    def _content_id(self, said: _Reference, listed: _Reference | None, index: int, place: str) -> str:
        wanted = said.content_id or (listed.content_id if listed else "") or str(index + 1)
        chosen, number = wanted, 1
        while chosen in self._ids:
            number += 1
            chosen = f"{wanted}-{number}"
        if chosen != wanted:
            self._issues.append(issue("content_id_repeated", place, value=wanted, detail=chosen))
        self._ids.add(chosen)
        return chosen

    def _report(
        self,
        match: tuple[int, str] | None,
        file: _File,
        declared: str,
        safe: str,
        place: str,
    ) -> None:
        if match is None:
            self._issues.append(issue("attachment_unlisted", place, value=safe))
        elif match[1] != "cid":
            how = ("tên", "name") if match[1] == "name" else ("vị trí", "position")
            self._issues.append(issue("content_id_mismatch", place, value=safe, detail=how))
        if file.size == 0:
            self._issues.append(issue("attachment_empty", place, value=safe))
        elif (
            file.was_zipped != is_zip_type(declared)
            if file.was_zipped
            else not agrees(declared, file.media_type)
        ):
            limit: str | tuple[str, str] = file.media_type
            if file.was_zipped:
                limit = (f"tệp nén chứa {file.media_type}", f"an archive holding {file.media_type}")
            self._issues.append(
                issue("content_type_mismatch", place, value=safe, detail=declared, limit=limit)
            )


def _misleads(name: str, declared: str, file: _File) -> bool:
    """What the SDK's rule (unzip if declared application/zip and the name does not end in zip) gets wrong."""
    sdk_unzips = is_zip_type(declared) and not name.lower().endswith("zip")
    return sdk_unzips != file.was_zipped


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _reference(node: Node) -> _Reference:
    return _Reference(
        content_id=strip_cid(_text(node, "ContentId") or node.href),
        name=_text(node, "AttachmentName").strip(),
        content_type=_text(node, "ContentType").strip(),
        description=_text(node, "Description").strip(),
    )


def _text(node: Node, name: str) -> str:
    child = node.first(name)
    return child.text if child is not None else ""


def _attachment_nodes(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.name == "AttachmentEncoded":
            yield from child.all("Attachment")
        elif child.name in ("edXMLEnvelope", "EdXMLEnvelope"):
            yield from _attachment_nodes(child)


def _manifest(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.name == "edXMLManifest":
            yield from child.all("Reference")
        elif child.name in ("edXMLEnvelope", "EdXMLEnvelope", "edXMLBody"):
            yield from _manifest(child)
