"""State that leaves this process and comes back: sealed, so that a change is told at once.

The hub seals with a key of its own (`hub.storage.secret_box`): what comes back opens only if the hub made it.
On one's own desk there is nobody to keep a key from, so there a digest stands guard against damage; what a
signature is over is guarded by the signature itself in both cases.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Final, Protocol

from signing.errors import DocumentRefused

MARK: Final = b"LTS1"
MAX_STATE: Final = 64 * 1024 * 1024
_DIGEST_BYTES: Final = 32


class Seal(Protocol):
    """Authenticated or at least checked wrapping of bytes. `open` raises `DocumentRefused`."""

    def close(self, plain: bytes) -> bytes:
        """Wrap."""

    def open(self, sealed: bytes) -> bytes:
        """Unwrap."""


class Checked:
    """A digest in front."""

    def close(self, plain: bytes) -> bytes:
        """Wrap."""
        return hashlib.sha256(plain).digest() + plain

    def open(self, sealed: bytes) -> bytes:
        """Unwrap."""
        digest, plain = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
        if hashlib.sha256(plain).digest() != digest:
            raise damaged("digest")
        return plain


def damaged(why: str) -> DocumentRefused:
    """What every state is answered with that is not as it was given out."""
    return DocumentRefused(f"the state of the prepared signature is damaged: {why}", code="state_damaged")


def write_state(fields: dict[str, object], seal: Seal) -> str:
    """Fields as one opaque text."""
    plain = json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(MARK + seal.close(plain)).decode("ascii")


def read_state(text: str, seal: Seal) -> dict[str, object]:
    """The fields again. Raises `DocumentRefused` for anything that was not given out."""
    if len(text) > MAX_STATE:
        raise damaged("size")
    try:
        blob = base64.b64decode("".join(text.split()), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise damaged("base64") from error
    if not blob.startswith(MARK):
        raise damaged("mark")
    plain = seal.open(blob[len(MARK) :])
    try:
        fields = json.loads(plain)
    except (ValueError, RecursionError) as error:
        raise damaged("content") from error
    if not isinstance(fields, dict):
        raise damaged("content")
    return fields
