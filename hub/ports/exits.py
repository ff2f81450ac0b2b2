"""Exits: how a document leaves the hub for a system that is pushed to, one kind of adapter behind one port.

A system without an exit (`rest-pull`) fetches from its inbox. For every other adapter a push worker claims
the delivery, gives a `Parcel` to the system's exit and writes down what came of it. An exit never decides a
delivery's fate: it says what happened, in one of three words.

* `Delivered`: the peer has the document. `confirmed` says whether that is already the recipient's own word
  (a webhook's 2xx, a receipt file, the national exchange's DocId) or only a hand-over (AMQP's publisher
  confirm), after which the recipient confirms through the API.
* `Rejected`: the recipient says that it will never take this one. Ends the delivery; a person may resend.
* `Failed`: anything else. Tried again with back-off until the deadline; `peer_fault` counts for the breaker
  of the peer, a fault of this one document does not.

An exit repeats safely: the same delivery id goes out with every attempt, so that the peer can tell a repeat.
Exits raise nothing but `asyncio.CancelledError`; whatever a peer or a library does becomes `Failed`.
[design sections 2.10, 3, 4]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.ports.records import DocumentRecord, DocumentText, SystemRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelContent:
    """The bytes to hand over: the original, or the strict rendition for systems that cannot read it.

    `open` starts a new reading each time it is called; the reading ends in `BlobDamaged` instead of its last
    chunk where the stored bytes are not those that were accepted.
    """

    sha256: bytes
    size: int
    original_sha256: bytes
    is_rendition: bool
    open: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One hand-over: a document for one unit, or for all units behind an exit that groups recipients.

    `delivery_ids` and `unit_ids` run in parallel; `addressed_as` are the codes of the message for each unit.
    `token` is the lease under which the exit works; `attempt` counts from 1 within this series.
    """

    delivery_ids: tuple[UUID, ...]
    unit_ids: tuple[str, ...]
    addressed_as: tuple[tuple[str, ...], ...]
    document: DocumentRecord
    text: DocumentText
    content: ParcelContent
    token: int
    attempt: int
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The peer has the document; `reference` is the peer's own id of it, if it gives one."""

    confirmed: bool
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The recipient will never take this one: a stable code, and its words (at most 500 characters)."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Not handed over, or not known to be: to be tried again under the same id.

    `retry_after` is what the peer asks for; the longer of it and the back-off counts.
    """

    code: str
    text: str = ""
    peer_fault: bool = True
    retry_after: timedelta | None = None


Outcome = Delivered | Rejected | Failed


class Exit(Protocol):
    """The way to one system: built from its settings, kept open between parcels, closed at the end."""

    groups_recipients: bool
    """Whether one hand-over serves all units of the same document behind this system."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Hand a parcel over, within the time limit that the exit was built with."""

    async def probe(self) -> Failed | None:
        """Reach the peer without handing anything over, for `doctor` and `system test`; None: all is well."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingProblem:
    """What is wrong with one setting of an adapter, in words for the administrator."""

    name: str
    vi: str
    en: str


class ExitKind(Protocol):
    """One kind of adapter, as the registry knows it: `webhook`, `amqp-push`, `folder`, `sftp` …"""

    name: str
    secret_names: tuple[str, ...]
    """Names of settings that are secrets: kept sealed, never shown."""

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings (without secrets) before they are stored."""

    def open(
        self, system: SystemRecord, settings: Mapping[str, str], secrets: Mapping[str, tuple[bytes, ...]]
    ) -> Exit:
        """Build the exit of a system; `secrets` are opened, newest first, at most two of each name.

        Raises ValueError with the name of a setting that `check` would have refused.
        """
