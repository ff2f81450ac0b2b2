"""What makes an order given in fields the same order when it is given again.

A system that does not write edXML says what it wants in fields and files, and the hub writes the message. The
message carries names from the directory as it is then, so its bytes are no measure of sameness: the order is.
Its digest is SHA-256 over canonical JSON [RFC 8785] of the fields, with the files in order, each by name,
type and digest. Times count to the second, as they do in the message. [design section 2, invariant 3]
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from hub.domain.jcs import Json, canonical_json
from hub.domain.submission import MessageKind, SubmissionKey, recipients_digest

# Stands before the canonical bytes, so that no body of a message has the digest of an order.
_SCOPE: Final = b"lienthong order 1\x00"
# The recipients are part of the order itself.
_NO_RECIPIENTS: Final = recipients_digest(())


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """An order by its digest; `about` is the document that a status is about."""

    kind: MessageKind
    sha256: bytes
    about: UUID | None = None

    def of(self, system_id: UUID) -> SubmissionKey:
        """Return the key under which a system's order is taken in."""
        return SubmissionKey(
            system_id=system_id, kind=self.kind, sha256=self.sha256, recipients_sha256=_NO_RECIPIENTS
        )


def order_digest(kind: MessageKind, fields: Mapping[str, Json]) -> bytes:
    """Return the digest of an order's fields."""
    return hashlib.sha256(_SCOPE + canonical_json({"kind": kind.value, **fields})).digest()


def said_at(moment: datetime) -> str:
    """Return a time as it stands in an order: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
