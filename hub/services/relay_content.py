"""What a message says, apart from how it is written.

The exchange reads each message and writes it anew for each recipient: order, blanks, line ends, defaults and
the list of hops change, and so does every digest of the bytes. Two packages are the same message if sender,
number, kind and this digest are the same. Left out are hops, recipients (each package may name its own), the
organisations' addresses and all that exchanges fill in. [national format, 1.2 "Signature element", 3.5]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hub.domain.ids import normalise_code
from hub.services.receive import Received
from schemas.edxml.model import BUSINESS_NEW, DocumentMessage, StatusMessage


def content_digest(received: Received) -> bytes:
    """Return SHA-256 over what a message says."""
    message = received.message.message
    if isinstance(message, StatusMessage):
        parts = _of_status(message)
    else:
        parts = _of_document(message, [file.sha256.hex() for file in received.message.attachments])
    digest = hashlib.sha256()
    for part in parts:
        encoded = " ".join(part.split()).encode("utf-8", "surrogatepass")
        # Each with its length before it: no two different lists give the same bytes.
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()


def _of_status(m: StatusMessage) -> Iterator[str]:
    yield from ("status", m.status_code, m.description, m.timestamp.raw)
    yield from (normalise_code(m.response_for.organ_id), m.response_for.document_id)


def _of_document(m: DocumentMessage, files: list[str]) -> Iterator[str]:
    business = m.business
    yield from ("document", str(business.doc_type))
    if business.doc_type != BUSINESS_NEW:
        # Of a new document the exchange may have lost this part altogether.
        yield from (business.reason, business.document_id)
    yield from (m.code_number, m.code_notation, m.subject, m.content, m.promulgation_date.raw)
    for info in business.document_infos:
        yield from ("info", str(info.document_info), str(info.document_receiver))
        for receiver in info.receivers:
            yield from (normalise_code(receiver.organ_id), str(receiver.receiver_type))
    for replaced in business.replacements:
        yield from ("replaced", replaced.document_id)
    for reference in m.response_for:
        yield from ("for", reference.document_id, reference.code)
    yield from ("files", *files)
