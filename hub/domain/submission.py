"""Keys that make a submission happen once, however often it is sent.

*Submission key*: (system, kind, SHA-256 of the body, SHA-256 of the effective recipients). The same key gets
the stored receipt again, byte for byte.

*Document key*: (canonical From unit, document number, kind of change). The same key with another body is a
conflict. It exists for new, revoking and replacing documents; an update is never a conflict, it is the next
version of its document.

Both live in unpartitioned tables of the intake transaction, so that a race has one winner.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from hub.domain.ids import normalise_code

DOCUMENT_NO_MAX = 200
"""Longest document number kept as text; the canonical form needs some 70 [NĐ 30/2020 Phụ lục VI]."""

_DIGEST_BYTES = 32
_NO_DATE_BEFORE = date(1901, 1, 1)
"""Products fill an unknown date with 01/01/1900."""
_FILLERS = frozenset({"", "null", "none", "n/a", "na", "-"})
"""What products write where they have nothing to say."""


class MessageKind(StrEnum):
    DOCUMENT = "document"
    STATUS = "status"


class ChangeKind(StrEnum):
    """BussinessDocType by name: what a document message does."""

    NEW = "new"
    REVOKE = "revoke"
    UPDATE = "update"
    REPLACE = "replace"


_CHANGE_KINDS = (ChangeKind.NEW, ChangeKind.REVOKE, ChangeKind.UPDATE, ChangeKind.REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionKey:
    system_id: UUID
    kind: MessageKind
    sha256: bytes
    recipients_sha256: bytes

    def __post_init__(self) -> None:
        if len(self.sha256) != _DIGEST_BYTES or len(self.recipients_sha256) != _DIGEST_BYTES:
            raise ValueError("a SHA-256 has 32 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKey:
    unit_id: str
    document_no: str
    change_kind: ChangeKind


def change_kind(doc_type: int) -> ChangeKind:
    """The kind of change of a BussinessDocType 0–3."""
    if not 0 <= doc_type < len(_CHANGE_KINDS):
        raise ValueError("BussinessDocType is 0, 1, 2 or 3")
    return _CHANGE_KINDS[doc_type]


def document_key_for(doc_type: int, *, unit_id: str, document_no: str) -> DocumentKey | None:
    """The document key, or None for an update, which makes version n + 1 of its document."""
    kind = change_kind(doc_type)
    if kind is ChangeKind.UPDATE:
        return None
    return DocumentKey(unit_id=unit_id, document_no=document_no, change_kind=kind)


def recipients_digest(codes: Iterable[str]) -> bytes:
    """SHA-256 over the set of recipients: order and repetition do not count.

    Each normalised code is preceded by its length in UTF-8 (four bytes, big-endian), so that no two
    different sets give the same bytes.
    """
    digest = hashlib.sha256()
    for code in sorted({normalise_code(code) for code in codes}):
        encoded = code.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.digest()


def effective_document_no(
    *,
    document_id: str | None,
    organ_id: str,
    code_number: str | None,
    code_notation: str | None,
    promulgation_date: date | None,
    sha256: bytes,
) -> str:
    """The number by which a document is known to its sender, also when it carries no DocumentId.

    1. DocumentId, trimmed and NFC, if it says anything: it is opaque and unique per sender.
    2. Else the canonical form ``OrganId,yyyy/MM/dd,CodeNumber/CodeNotation`` if number, notation and a
       believable date are there [QĐ 28/2018 Đ.10].
    3. Else ``sha256:`` and the digest of the body: numbers begin again every year, so a number without a
       date would make next year's letter a conflict.

    A number longer than ``DOCUMENT_NO_MAX`` is replaced by ``sha256:`` and its own digest: still the same
    for the same number, and short enough for an index.
    """
    stated = _said(document_id)
    if stated:
        return _bounded(stated)
    number, notation = _said(code_number), _said(code_notation)
    if number and notation and promulgation_date is not None and promulgation_date >= _NO_DATE_BEFORE:
        day = f"{promulgation_date.year:04}/{promulgation_date.month:02}/{promulgation_date.day:02}"
        return _bounded(f"{normalise_code(organ_id)},{day},{number}/{notation}")
    return f"sha256:{sha256.hex()}"


def _said(text: str | None) -> str:
    """A field's text, or nothing where it is empty or filled with a placeholder."""
    cleaned = " ".join(_visible(unicodedata.normalize("NFC", text or "")).split())
    return "" if cleaned.casefold() in _FILLERS else cleaned


def _visible(text: str) -> str:
    return "".join(c for c in text if c.isspace() or unicodedata.category(c) not in {"Cf", "Cc", "Cs"})


def _bounded(document_no: str) -> str:
    if len(document_no) <= DOCUMENT_NO_MAX:
        return document_no
    return f"sha256:{hashlib.sha256(document_no.encode()).hexdigest()}"
