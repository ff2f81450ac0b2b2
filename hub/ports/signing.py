"""Signing away from the event loop, in processes that hold the keys.

A `SigningOrder` says what is to be done with files that lie in a spool; the result is written beside them.
Secrets go to the processes at their start and never come back.

    SigningUndone         code
    ├── SigningDeclined   the document, key or order was refused: `reason` is the signing package's code
    └── SigningUnfinished the process died, was too slow, or the pool stops; nothing was made
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol


class SigningAction(StrEnum):
    """What is to be done."""

    SIGN = "sign"
    PREPARE = "prepare"
    FINISH = "finish"


class SigningUndone(Exception):
    """Root: nothing was made."""

    code: ClassVar[str] = "signing_undone"


class SigningDeclined(SigningUndone):
    """Refused. `of_key`: it is the key that cannot be used, not the document."""

    code: ClassVar[str] = "signing_declined"

    def __init__(self, reason: str, *, vi: str, en: str, of_key: bool) -> None:
        super().__init__(reason)
        self.reason, self.vi, self.en, self.of_key = reason, vi, en, of_key


class SigningUnfinished(SigningUndone):
    """The process died or was killed."""

    code: ClassVar[str] = "signing_unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookOrder:
    """How a signature in a PDF shows; all of it may be left out."""

    role: str | None = None
    text: str | None = None
    anchor: str | None = None
    box: str | None = None
    picture: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOrder:
    """One call. `files` are (name, path); several go into one container, as does one with `container`."""

    action: SigningAction
    files: tuple[tuple[str, Path], ...]
    out: Path
    key: str = ""
    level: str | None = None
    container: bool = False
    enveloping: bool = False
    look: LookOrder | None = None
    field: str | None = None
    reason: str | None = None
    location: str | None = None
    certificates: bytes = b""
    state: str = ""
    value: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made: for `prepare` what is to be signed and the state, else a file at the order's `out`."""

    media_type: str = ""
    findings: tuple[str, ...] = ()
    to_sign: bytes = b""
    algorithm: str = ""
    state: str = ""


class Signer(Protocol):
    """Something that signs."""

    async def sign(self, order: SigningOrder) -> Made:
        """Carry out an order. Raises `SigningUndone`."""
        ...
