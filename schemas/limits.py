"""Bounds on one edXML message: every one is enforced while the bytes arrive, as soon as it is exceeded.

They protect memory (skeleton, markup, elements, depth), disk (attachments, unzipped bytes, message) and the
database behind (recipients). Defaults are those of the hub's documented limits; a deployment may change them.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

MESSAGE_BYTES = 150 * MIB
ATTACHMENTS = 100
ATTACHMENT_BYTES = 100 * MIB
UNZIPPED_BYTES = 200 * MIB
UNZIP_RATIO = 100
SKELETON_BYTES = 2 * MIB
MARKUP_BYTES = 256 * KIB
DEPTH = 32
ELEMENTS = 50_000
RECIPIENTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatLimits:
    """What one message may cost. `unzipped_bytes` is a total over all attachments of the message.

    `skeleton_bytes` bounds everything that is not attachment content; `markup_bytes` bounds a single tag,
    comment or processing instruction, which a parser has to hold whole.
    """

    message_bytes: int = MESSAGE_BYTES
    attachments: int = ATTACHMENTS
    attachment_bytes: int = ATTACHMENT_BYTES
    unzipped_bytes: int = UNZIPPED_BYTES
    unzip_ratio: int = UNZIP_RATIO
    skeleton_bytes: int = SKELETON_BYTES
    markup_bytes: int = MARKUP_BYTES
    depth: int = DEPTH
    elements: int = ELEMENTS
    recipients: int = RECIPIENTS


DEFAULT_LIMITS = FormatLimits()
