"""The broker: carries hints, never truth (design section 3).

A hint says "look at row X". It may be lost, repeated, late or out of order: whoever gets it claims
the row by compare-and-set and drops the hint if the row is not due. Wiping the broker loses
nothing, because a sweeper re-publishes rows that stay due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from hub.ports.records import Hint

HintHandler = Callable[[UUID], Awaitable[None]]


class BrokerUnavailable(Exception):
    """Hints could not be published now; their outbox rows stay and are tried again."""


class Broker(Protocol):
    """Publishes hints and feeds them to consumers."""

    async def publish(self, hints: Sequence[Hint]) -> None:
        """Publish hints and return when all are confirmed; raises BrokerUnavailable otherwise."""

    async def consume(self, topic: str, handler: HintHandler, *, concurrency: int) -> None:
        """Feed hints of a topic to `handler`, at most `concurrency` at once, until cancelled."""

    async def waiting(self, topic: str) -> int:
        """Return how many hints of a topic wait to be taken; raises BrokerUnavailable.

        As long as some do, rows that nobody has taken are not forgotten but queued.
        """

    async def drop(self, topic: str) -> None:
        """Forget a topic that nobody works on any more, with the hints it holds; raises BrokerUnavailable.

        A hint published later makes it anew.
        """

    async def watch_dead_letters(self, make_due: HintHandler) -> None:
        """Alert about hints that were given back too often and make their rows due, until cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event as outsiders get it: JSON under a routing key; told again it has the same id."""

    event_id: UUID
    routing_key: str
    body: bytes


class EventTeller(Protocol):
    """Tells outsiders what has happened."""

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Publish notices in order and return when all are confirmed, whether or not anybody listens.

        Raises:
            BrokerUnavailable: at least one was not confirmed.
        """


class InboxObserver(Protocol):
    """Is told what the listening connection hears."""

    def listening(self, now: bool) -> None:
        """The connection stands, or has broken: then announcements may be lost."""

    def everybody(self) -> None:
        """Something may have come for anybody."""

    def announced(self, system_id: UUID) -> None:
        """Something has come for a system."""


class Wakeups(Protocol):
    """Wakes long-polls of a recipient system when something may have come for it."""

    def subscribe(self, system_id: UUID) -> Wakeup:
        """Return a wake-up to wait on; close it when done."""

    def wake_everybody(self) -> None:
        """Wake all who wait: this node stops."""


class Wakeup(Protocol):
    """One waiting long-poll."""

    async def wait(self, seconds: float) -> bool:
        """Wait until woken or so many seconds have passed; True if woken."""

    def rung(self) -> bool:
        """Say whether it was woken since it was last asked or waited on, without waiting."""

    def close(self) -> None:
        """Stop listening."""
