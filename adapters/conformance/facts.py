"""What a recorded trial shows, whichever interface was used: what was sent, taken, said, looked up.

Each interface has a reader that makes this from a recording: `rest`, `vxp`, `bkav`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from adapters.conformance.exchange import Exchange
from schemas.validate import Summary


class Api(StrEnum):
    """The interfaces that a system may be judged by."""

    REST = "rest"
    VXP = "vxp"
    BKAV = "bkav"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was handed in. `document` is the id under which it was accepted."""

    sha256: str
    size: int
    said: Summary | None
    accepted: bool
    repeated: bool = False
    cut: bool = False
    conflict: bool = False
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A message for the system. `warnings`: what it was told of the signatures; None: nothing ever is."""

    delivery: str
    kind: str
    from_code: str
    status_code: str | None
    warnings: tuple[str, ...] | None = None


@dataclass(slots=True)
class Facts:
    """Facts of one trial.

    `offers` by delivery; `confirmed` in the order of confirming; `leases` tokens by delivery; `said` the
    codes of its statuses; `asked_back` that it wanted something back; `spoiled` the documents of which it
    looked up that they were not delivered for their signature, with what it saw.
    """

    sent: list[Sent] = field(default_factory=list)
    offers: dict[str, Offered] = field(default_factory=dict)
    leases: dict[str, set[int]] = field(default_factory=dict)
    confirmed: list[str] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    asked_back: bool = False
    spoiled: dict[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> list[Sent]:
        """Messages that were accepted as new and could be read."""
        return [each for each in self.sent if each.accepted and not each.repeated and each.said is not None]

    def documents(self, business_type: int) -> list[Summary]:
        """What accepted documents of a business type said."""
        return [
            each.said
            for each in self.accepted
            if each.said is not None
            and each.said.status_code is None
            and each.said.business_type == business_type
        ]

    def taken(self, kind: str) -> list[Offered]:
        """Offers of a kind that were confirmed, in that order."""
        found = [self.offers[each] for each in self.confirmed if each in self.offers]
        return [offer for offer in found if offer.kind == kind]

    def confirm(self, delivery: str) -> None:
        """Note a confirmation."""
        if delivery not in self.confirmed:
            self.confirmed.append(delivery)

    def note_statuses_sent(self) -> None:
        """Take what was said by messages into account."""
        self.said |= {each.said.status_code for each in self.accepted if each.said and each.said.status_code}
        self.asked_back |= "13" in self.said


class Dialect(Protocol):
    """How one interface is read."""

    @property
    def api(self) -> Api: ...

    def submits(self, method: str, path: str) -> bool:
        """Whether a call's body is a message."""
        ...

    def parameters(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return what the interface's own headers say."""
        ...

    def message_in(self, path: str, answer: Any, raw: bytes) -> bytes | None:
        """Return the message that an answer hands over, if it does."""
        ...

    def is_accepted(self, exchange: Exchange) -> bool:
        """Whether a message was accepted, now or before."""
        ...

    def facts(self, exchanges: Sequence[Exchange]) -> Facts:
        """Return what a recording shows."""
        ...

    def callers(self, exchanges: Sequence[Exchange]) -> set[str]:
        """Return as whom the calls were made that got through."""
        ...


def offered(delivery: str, carried: Summary) -> Offered:
    """Return the offer of a message that was seen itself, by an interface that lists ids alone."""
    kind = "document" if carried.status_code is None else "status"
    return Offered(
        delivery=delivery, kind=kind, from_code=carried.from_ or "", status_code=carried.status_code
    )


def same_document(one: Summary, other: Summary) -> bool:
    """Whether two messages claim to be the same document."""
    return one.status_code is None and (one.from_, one.document_id, one.business_type) == (
        other.from_,
        other.document_id,
        other.business_type,
    )
