"""How a webhook call proves that it is the hub's, and that it is a fresh one.

    X-Timestamp: 1795000000
    X-Signature: v1=<hex>[,v1=<hex>]

Each signature is HMAC-SHA256 over the ASCII text `<delivery id>.<timestamp>.<hex SHA-256 of the body>` under
one secret. While a secret is being replaced both are valid, and both signatures are sent: a receiver that
knows either accepts. The digest stands for the body, so that the hub can send the header before it streams a
body of any size; the receiver computes it while it reads.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

VERSION: Final = "v1"


def sign(secrets: tuple[bytes, ...], *, delivery_id: str, timestamp: int, body_sha256: bytes) -> str:
    """Return the value of `X-Signature`, newest secret first."""
    text = f"{delivery_id}.{timestamp}.{body_sha256.hex()}".encode()
    return ",".join(f"{VERSION}={hmac.new(s, text, hashlib.sha256).hexdigest()}" for s in secrets)
