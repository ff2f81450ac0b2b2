"""API keys of systems: ``ltk_<id>_<secret>``, shown once, kept as a digest.

The id (16 bytes, 22 characters) finds the row, the secret (32 bytes, 43 characters) proves it; both are
base64url without padding [RFC 4648 §5], so they may hold ``_`` themselves and are cut by position. The prefix
lets scanners of repositories and logs find a leaked key. The secret has 256 bits of chance: one SHA-256 is
enough, no slow hash is needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

PREFIX = "ltk_"
ID_BYTES, SECRET_BYTES = 16, 32
ID_CHARS, SECRET_CHARS = 22, 43
KEY_CHARS = len(PREFIX) + ID_CHARS + 1 + SECRET_CHARS

_DIGEST_DOMAIN = b"lienthong api key\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key in its parts; the secret is kept out of representations and so out of logs."""

    key_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The whole key, to be shown once."""
        return f"{PREFIX}{self.key_id}_{self.secret}"


def make(id_bytes: bytes, secret_bytes: bytes) -> ApiKey:
    """A key from 16 bytes that name it and 32 bytes of chance."""
    if len(id_bytes) != ID_BYTES or len(secret_bytes) != SECRET_BYTES:
        raise ValueError(f"an API key takes {ID_BYTES} and {SECRET_BYTES} bytes")
    return ApiKey(key_id=_encode(id_bytes), secret=_encode(secret_bytes))


def parse(text: str) -> ApiKey | None:
    """The key in a text, or None. Only the one spelling that ``make`` gives is a key."""
    if len(text) != KEY_CHARS or not text.startswith(PREFIX) or not text.isascii():
        return None
    key_id, separator, secret = text[4:26], text[26], text[27:]
    if separator != "_" or not _is_encoded(key_id, ID_BYTES) or not _is_encoded(secret, SECRET_BYTES):
        return None
    return ApiKey(key_id=key_id, secret=secret)


def digest(key: ApiKey) -> bytes:
    """What is stored: SHA-256 over the whole key, apart from all other digests of the hub."""
    return hashlib.sha256(_DIGEST_DOMAIN + key.text.encode("ascii")).digest()


def matches(key: ApiKey, stored: bytes) -> bool:
    """Whether a key is the one stored, in constant time."""
    return hmac.compare_digest(digest(key), stored)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _is_encoded(text: str, size: int) -> bool:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) == size and _encode(raw) == text
