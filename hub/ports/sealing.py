"""The hub's own seal: receipts and evidence as JWS (RFC 7515, ES256)."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Signs statements in the hub's name."""

    def seal(self, payload: bytes) -> str:
        """Return the compact JWS (ES256, `kid`) over canonical JSON bytes."""

    def public_keys(self) -> dict[str, object]:
        """Return the JWK set of the keys valid now (two at once during a change)."""
