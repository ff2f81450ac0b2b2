"""The envelope: what a delivery is about, where to fetch it, and the token to say that one has it.

No body, no words of people: a queue is read by more eyes than an inbox.

    {"version": 1, "delivery_id": "…", "lease_token": 7, "attempt": 1, "unit": "000.00.02.H09",
     "addressed_as": ["000.00.02.H09"], "expires_at": "2026-11-22T09:00:00Z",
     "document": {"id": "…", "kind": "document", "document_no": "…", "doc_type": 0, "status_code": null,
                  "version_no": 1, "priority": 0, "from": "000.00.01.H09", "accepted_at": "…",
                  "size": 12345, "sha256": "…", "original_sha256": "…", "rendition": "original"},
     "fetch": "https://hub/api/v1/inbox/…/content?lease_token=7",
     "confirm": "https://hub/api/v1/inbox/…/confirm", "reject": "https://hub/api/v1/inbox/…/reject"}

Addresses are paths where the hub does not know under which name others reach it (`public_url`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from aio_pika import DeliveryMode, Message

from hub.domain.jcs import Json, canonical_json
from hub.domain.times import rfc3339
from hub.ports.exits import Parcel

VERSION: Final = 1
TYPE: Final = "lienthong.delivery"
DELIVERY_HEADER: Final = "delivery_id"
TOKEN_HEADER: Final = "lease_token"  # noqa: S105 (a number that counts leases)


def envelope(parcel: Parcel, *, hub_url: str, now: datetime, lasts: timedelta) -> Message:
    """Return the message for a parcel's (only) delivery; it ends when its lease does."""
    delivery_id = parcel.delivery_ids[0]
    inbox = f"{hub_url}/api/v1/inbox/{delivery_id}"
    document, content = parcel.document, parcel.content
    body: dict[str, Json] = {
        "version": VERSION,
        "delivery_id": str(delivery_id),
        "lease_token": parcel.token,
        "attempt": parcel.attempt,
        "unit": parcel.unit_ids[0],
        "addressed_as": list(parcel.addressed_as[0]),
        "expires_at": rfc3339(now + lasts),
        "document": {
            "id": str(document.id),
            "kind": str(document.kind.value),
            "document_no": document.document_no,
            "doc_type": document.doc_type,
            "status_code": document.status_code,
            "version_no": document.version_no,
            "priority": document.priority,
            "from": document.from_code,
            "accepted_at": rfc3339(document.accepted_at),
            "size": content.size,
            "sha256": content.sha256.hex(),
            "original_sha256": content.original_sha256.hex(),
            "rendition": "strict" if content.is_rendition else "original",
        },
        "fetch": f"{inbox}/content?lease_token={parcel.token}",
        "confirm": f"{inbox}/confirm",
        "reject": f"{inbox}/reject",
    }
    return Message(
        canonical_json(body),
        # New with every attempt: the client library tells returned messages apart by it.
        message_id=f"{delivery_id}/{parcel.token}",
        correlation_id=str(delivery_id),
        type=TYPE,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        expiration=lasts,
        headers={DELIVERY_HEADER: str(delivery_id), TOKEN_HEADER: parcel.token},
    )


def read_headers(headers: object) -> tuple[UUID, int] | None:
    """Return delivery and token out of a message's headers; None if they are not ours."""
    if not isinstance(headers, dict):
        return None
    delivery, token = headers.get(DELIVERY_HEADER), headers.get(TOKEN_HEADER)
    if isinstance(delivery, bytes):
        delivery = delivery.decode("ascii", "replace")
    if not isinstance(delivery, str) or not isinstance(token, int):
        return None
    try:
        return UUID(delivery), token
    except ValueError:
        return None
