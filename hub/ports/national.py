"""The national exchange as the hub sees it: a peer that gives and takes packages, whatever its protocol.

A *package* is one message for one recipient, with an id of the exchange's own. It is listed until its
recipient says what became of it. Implementations are strict: an answer that is not the protocol's is an
error, never an empty list.

ExchangeError          code
├── ExchangeUnavailable   not reached, too slow, or an answer that is none: try again later
└── ExchangeRefused       the exchange has said no, with a code of its own
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ExchangeError(Exception):
    """A call to the exchange did not do what was asked; `code` is stable and safe to log."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text


class ExchangeUnavailable(ExchangeError):
    """Nothing is known: not reached, too slow, or what came back is no answer."""


class ExchangeRefused(ExchangeError):
    """The exchange has answered no; `code` is its own error code."""


class MessageType(StrEnum):
    """The two kinds of messages, each with lists of its own."""

    DOCUMENT = "edoc"
    STATUS = "status"


class Word(StrEnum):
    """What a recipient tells the exchange of a package."""

    PROCESSING = "processing"
    DONE = "done"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that waits for us; the codes are as the exchange writes them and may be empty."""

    package_id: str
    message_type: MessageType
    from_code: str
    to_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPackage:
    """How far one recipient is with what we have sent."""

    reference: str
    to_code: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAgency:
    """An agency in the exchange's directory; `other_codes` are former ones or those of the other scheme."""

    code: str
    name: str
    other_codes: tuple[str, ...]


class NationalExchange(Protocol):
    """One connection centre's session with the exchange. Every method may raise ExchangeError."""

    async def received(self, kind: MessageType, *, since: datetime | None) -> tuple[Package, ...]:
        """Return what waits for us; with `since`, only what came later, if the exchange can tell."""

    def download(self, package_id: str) -> AsyncIterator[bytes]:
        """Stream the message of a package, by the cheaper of the exchange's two ways."""

    def download_again(self, package_id: str) -> AsyncIterator[bytes]:
        """Stream it by the other way: a second opinion on what could not be read."""

    async def tell(self, package_id: str, word: Word, *, text: str = "") -> None:
        """Say what became of a package."""

    async def sent(self, kind: MessageType) -> tuple[SentPackage, ...]:
        """Return how far recipients are with what we have sent."""

    async def agencies(self) -> tuple[ListedAgency, ...]:
        """Return the exchange's directory, both schemes merged."""
