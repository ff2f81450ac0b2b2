"""Secrets of systems that the hub must be able to use again: HMAC keys, passwords, client keys.

They lie in the database sealed under a key that is not there (`LIENTHONG_HOME/keys`, 0600): a copy of the
database tells nobody anything. The context (system and name) is bound into the seal, so that a row moved to
another system does not open.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol
from uuid import UUID


class SecretUnreadable(Exception):
    """A sealed secret does not open: another key, another context, or damaged."""


class SecretBox(Protocol):
    """Seals and opens secrets (authenticated encryption)."""

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return the sealed form, to be stored."""

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return the secret. Raises SecretUnreadable."""


class SecretRepo(Protocol):
    """Sealed secrets by system and name; two are valid at a time while one is being replaced."""

    async def put(self, system_id: UUID, name: str, sealed: bytes, *, grace: timedelta) -> None:
        """Store a new secret; the one before it stays valid for `grace`, any older one ends at once."""

    async def current(self, system_id: UUID, name: str) -> tuple[bytes, ...]:
        """Return the sealed secrets that are valid now, newest first."""

    async def all_named(self, name: str) -> tuple[tuple[UUID, bytes], ...]:
        """Return the valid sealed secrets of this name of all systems, each system's newest first."""

    async def mark(self, name: str) -> str:
        """Return a text that changes whenever `all_named` would, or a system with such a secret has."""

    async def names(self, system_id: UUID) -> tuple[str, ...]:
        """Return the names under which a system has secrets."""

    async def remove(self, system_id: UUID, name: str) -> None:
        """Forget a secret at once."""
