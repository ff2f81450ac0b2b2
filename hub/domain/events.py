"""Events: what is on record for ever, in bytes that can be hashed and proved later.

An event holds ids, codes, digests, numbers, times and words of closed lists, and nothing that a person wrote:
names, subjects and reasons stand in rows that can be erased, and are referred to by a salted digest. So a log
of hashes may outlive the bodies and prove every step without keeping what must be forgotten.

The rule is held by construction: every field of ``FIELDS`` has a kind, each kind knows its spelling, and
whatever is not of it is refused before it is written. Only agency codes are treated more gently: the format
lets a sender write anything in OrganId, so what does not look like a code stands there by its digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

from hub.domain.ids import normalise_code
from hub.domain.jcs import Json, canonical_json
from hub.domain.times import rfc3339

EVENT_VERSION = 1

EventValue: TypeAlias = str | int | bool | bytes | UUID | datetime | tuple[str, ...]


class EventKind(StrEnum):
    """What can happen. The list is closed; a kind is never renamed, its meaning never changes."""

    DOCUMENT_ACCEPTED = "document_accepted"
    DOCUMENT_REFUSED = "document_refused"
    DOCUMENT_REPEATED = "document_repeated"
    DOCUMENT_CONFLICT = "document_conflict"
    SECRECY_REFUSED = "secrecy_refused"
    SECRECY_FOUND = "secrecy_found"
    RECIPIENT_UNDELIVERABLE = "recipient_undeliverable"
    VERIFICATION_STARTED = "verification_started"
    VERIFICATION_FINISHED = "verification_finished"
    VERIFICATION_FAILED = "verification_failed"
    VERIFICATION_CHANGED = "verification_changed"
    DELIVERY_QUEUED = "delivery_queued"
    DELIVERY_HELD = "delivery_held"
    DELIVERY_RELEASED = "delivery_released"
    DELIVERY_REFUSED = "delivery_refused"
    DELIVERY_LEASED = "delivery_leased"
    LEASE_RENEWED = "lease_renewed"
    LEASE_EXPIRED = "lease_expired"
    DELIVERY_HANDED_OVER = "delivery_handed_over"
    DELIVERY_ATTEMPT_FAILED = "delivery_attempt_failed"
    DELIVERY_CONFIRMED = "delivery_confirmed"
    DELIVERY_CONFIRMED_LATE = "delivery_confirmed_late"
    DELIVERY_REJECTED = "delivery_rejected"
    DELIVERY_UNDELIVERABLE = "delivery_undeliverable"
    DELIVERY_WITHDRAWN = "delivery_withdrawn"
    DELIVERY_RESENT = "delivery_resent"
    DELIVERY_REDIRECTED = "delivery_redirected"
    DELIVERY_REPLAYED = "delivery_replayed"
    DELIVERY_ADDED = "delivery_added"
    DELIVERY_FETCHED_OUTSIDE = "delivery_fetched_outside"
    DELIVERY_FAILED_OUTSIDE = "delivery_failed_outside"
    DEADLINE_ALERTED = "deadline_alerted"
    PEER_PAUSED = "peer_paused"
    PEER_RESUMED = "peer_resumed"
    TRANSITION_ILLEGAL = "transition_illegal"
    STATUS_ACCEPTED = "status_accepted"
    STATUS_APPLIED = "status_applied"
    STATUS_REPEATED = "status_repeated"
    STATUS_REGRESSION = "status_regression"
    STATUS_ILLEGAL = "status_illegal"
    STATUS_PARKED = "status_parked"
    STATUS_MATCHED = "status_matched"
    STATUS_QUARANTINED = "status_quarantined"
    CHANGE_REQUESTED = "change_requested"
    DOCUMENT_VERSIONED = "document_versioned"
    DOCUMENT_RELAYED = "document_relayed"
    BLOB_DELETED = "blob_deleted"
    BLOB_DAMAGED = "blob_damaged"
    SYSTEM_REGISTERED = "system_registered"
    SYSTEM_CHANGED = "system_changed"
    KEY_ISSUED = "key_issued"
    KEY_REVOKED = "key_revoked"
    DIRECTORY_CHANGED = "directory_changed"


class FieldKind(Enum):
    """The spellings that an event's field may have."""

    ID = "id"
    CODE = "code"
    CODES = "codes"
    DIGEST = "digest"
    WORD = "word"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"


_K = FieldKind

FIELDS: Mapping[str, FieldKind] = MappingProxyType(
    {
        **dict.fromkeys(("system", "actor", "receipt", "version_of", "status", "related", "blob"), _K.ID),
        **dict.fromkeys(("verification", "key", "redirected_to", "redirected_from"), _K.ID),
        **dict.fromkeys(("unit", "from_unit", "to_unit", "code"), _K.CODE),
        **dict.fromkeys(("codes", "addressed_as"), _K.CODES),
        **dict.fromkeys(("sha256", "original_sha256", "recipients_sha256", "receipt_sha256"), _K.DIGEST),
        **dict.fromkeys(
            ("reason_digest", "document_no_digest", "directory_snapshot", "report_sha256"), _K.DIGEST
        ),
        **dict.fromkeys(("state", "from_state", "to_state", "business_state", "transition"), _K.WORD),
        **dict.fromkeys(("decision", "verdict", "effect", "reason", "problem", "lane", "adapter"), _K.WORD),
        "earlier_verdict": _K.WORD,
        **dict.fromkeys(("status_code", "change", "kind", "mark", "field", "dialect", "result"), _K.WORD),
        **dict.fromkeys(
            ("attempt", "lease_token", "size", "priority", "version_no", "recipients"), _K.NUMBER
        ),
        **dict.fromkeys(("routed", "forwarded", "relayed", "undeliverable", "count"), _K.NUMBER),
        **dict.fromkeys(("repaired", "rendered"), _K.FLAG),
        **dict.fromkeys(("due_at", "until", "deadline", "alert_at", "accepted_at"), _K.TIME),
    }
)
"""Every field that an event may have."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+/\[\]-]{0,63}")
_CODE = re.compile(r"[0-9A-Z][0-9A-Z._/-]{0,49}")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = 32
_NUMBER_MAX = 2**53 - 1
_SALT_MIN = 16


class FreeTextRefused(ValueError):
    """A value that an event must not hold. Names the field, never the value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"event field {name!r} is unknown or not of its kind")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One event. ``event_id`` is a UUIDv7; order among events is the log's own number, given at commit."""

    event_id: UUID
    kind: EventKind
    at: datetime
    document_id: UUID | None = None
    delivery_id: UUID | None = None
    data: Mapping[str, EventValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.data.items():
            _spell(name, value)
        object.__setattr__(self, "data", MappingProxyType(dict(self.data)))


def canonical_body(event: EventRecord) -> bytes:
    """The bytes that are stored and hashed [RFC 8785]."""
    body: dict[str, Json] = {
        "version": EVENT_VERSION,
        "id": str(event.event_id),
        "kind": event.kind.value,
        "at": rfc3339(event.at),
        "data": {name: _spell(name, value) for name, value in event.data.items()},
    }
    if event.document_id is not None:
        body["document"] = str(event.document_id)
    if event.delivery_id is not None:
        body["delivery"] = str(event.delivery_id)
    return canonical_json(body)


def salted_digest(salt: bytes, text: str) -> str:
    """The stand-in for a text: without the salt, which is erased with the text, it tells nothing."""
    if len(salt) < _SALT_MIN:
        raise ValueError(f"a salt has at least {_SALT_MIN} bytes")
    return hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).hexdigest()


def code_or_digest(code: str) -> str:
    """An agency code as it stands in an event: itself if it is spelt like one, else its digest."""
    normalised = normalise_code(code)
    if _CODE.fullmatch(normalised):
        return normalised
    return f"sha256:{hashlib.sha256(normalised.encode()).hexdigest()}"


def _spell(name: str, value: EventValue) -> Json:
    """A field's value in JSON, or ``FreeTextRefused``."""
    kind = FIELDS.get(name)
    spelt = None if kind is None else _SPELLINGS[kind](value)
    if spelt is None:
        raise FreeTextRefused(name)
    return spelt


def _spell_id(value: EventValue) -> Json:
    return str(value) if isinstance(value, UUID) else None


def _spell_code(value: EventValue) -> Json:
    return code_or_digest(value) if isinstance(value, str) else None


def _spell_codes(value: EventValue) -> Json:
    return [code_or_digest(code) for code in value] if isinstance(value, tuple) else None


def _spell_digest(value: EventValue) -> Json:
    if isinstance(value, bytes):
        return value.hex() if len(value) == _DIGEST_BYTES else None
    return value if isinstance(value, str) and _HEX_DIGEST.fullmatch(value) else None


def _spell_word(value: EventValue) -> Json:
    # str() of a StrEnum member is its value, and canonical JSON takes plain text only.
    return str(value) if isinstance(value, str) and _WORD.fullmatch(value) else None


def _spell_number(value: EventValue) -> Json:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int) and abs(value) <= _NUMBER_MAX else None


def _spell_flag(value: EventValue) -> Json:
    return value if isinstance(value, bool) else None


def _spell_time(value: EventValue) -> Json:
    return rfc3339(value) if isinstance(value, datetime) and value.tzinfo is not None else None


_SPELLINGS: Mapping[FieldKind, Callable[[EventValue], Json]] = MappingProxyType(
    {
        FieldKind.ID: _spell_id,
        FieldKind.CODE: _spell_code,
        FieldKind.CODES: _spell_codes,
        FieldKind.DIGEST: _spell_digest,
        FieldKind.WORD: _spell_word,
        FieldKind.NUMBER: _spell_number,
        FieldKind.FLAG: _spell_flag,
        FieldKind.TIME: _spell_time,
    }
)
