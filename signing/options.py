"""What the caller may choose about a verification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from signing.algorithms import DEFAULT_ALGORITHMS, AlgorithmPolicy
from signing.online import OnlineSession, OnlineSource
from signing.trust import TrustStore


class MessageUnreadable(Exception):
    """Attachments cannot be taken out of a message; says why in a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePart:
    """One attachment of a message, decoded, for as long as the message is looked at."""

    name: str
    path: Path


MessageParts = Callable[[bytes], AbstractContextManager[Sequence[MessagePart]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """Defaults are those of `lienthong verify`.

    `no_trust` leaves out chain, revocation, validity periods, key usage and required level. Without a trust
    store and without `no_trust` every chain is untrusted. `at` is the moment for which the question is
    asked (default: `now`).

    `online` asks authorities over the network for what is not at hand; without it nothing is asked.
    `message_parts` takes the attachments out of an edXML message (raises `MessageUnreadable`); without it
    the message's own signature alone is verified; `is_older_message` knows messages that do not look like
    edXML. `existed_by` is a time by which the file is known to have existed, as by the hub's own receipt: a
    proof.
    """

    trust: TrustStore | None = None
    no_trust: bool = False
    at: datetime | None = None
    now: datetime | None = None
    content: tuple[Path, ...] = ()
    algorithms: AlgorithmPolicy = DEFAULT_ALGORITHMS
    require_revocation: bool = True
    compare_pages: bool = True
    max_bytes: int = 512 * 1024 * 1024
    render_seconds: float = 1.5
    online: OnlineSource | None = None
    existed_by: datetime | None = None
    message_parts: MessageParts | None = None
    is_older_message: Callable[[bytes], bool] | None = None
    # One document's share of the network, see `for_document`.
    session: OnlineSession | None = None

    def for_document(self) -> VerifyOptions:
        """The same for one document: what it may cost of the network is counted from here."""
        if self.online is None or self.no_trust or self.trust is None:
            return self
        return replace(self, session=self.online.session())
