"""What was done with signing keys: who asked, with which key, over what, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from hub.ports.signing import SigningAction


class SigningResult(StrEnum):
    """How it ended. BEGUN: not known: the node died, or is still at it."""

    BEGUN = "begun"
    DONE = "done"
    DECLINED = "declined"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningBegun:
    """What is known before the key is touched; `files` are digests, in order."""

    id: UUID
    system_id: UUID
    system_name: str
    api_key: str
    action: SigningAction
    key_name: str
    files: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningEnded:
    """How it ended; `made` is the digest of what left the hub: the signed file, or what is to be signed."""

    result: SigningResult
    reason: str | None = None
    made: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRecord:
    """A row: both together, with their times. `ended` says BEGUN as long as nothing is known."""

    begun: SigningBegun
    begun_at: datetime
    ended: SigningEnded
    ended_at: datetime | None


class SigningRecordRepo(Protocol):
    """Rows that are written, ended once, and kept."""

    async def begin(self, record: SigningBegun) -> None:
        """Write a row, before the key is touched."""

    async def end(self, record_id: UUID, ended: SigningEnded) -> None:
        """Write how it ended."""

    async def newest(
        self, *, system_name: str | None, digest: bytes | None, limit: int
    ) -> Sequence[SigningRecord]:
        """Return rows, newest first: those of a system, those where this digest went in or came out."""
