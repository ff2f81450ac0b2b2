"""What the hub needs of RabbitMQ: exchanges and queues as data, without I/O.

    topic ──► [prefix.work] ──topic──► prefix.<topic>   hints, worked on by any node
                                            │ given back too often
                                            ▼
                                       [prefix.dead] ──► prefix.dead   alerts; the row is due again
              [prefix.events]          `<agency>.<event>`, for outsiders: they bind queues of their own

A topic is a lane of work: `verify.urgent`, `relay.normal`, `deliver.<system>.urgent`. Its queue has the same
arguments whichever it is, and hints alone lie in it, so a queue may be deleted at any time: it is declared
again and its rows are hinted at anew.

Written for RabbitMQ 3.10 to 4.x. The delivery limit is always set, for defaults differ (none before 4.0, then
20); no priorities, no global prefetch, nothing transient: quorum queues lack the first, 4.3 refuses the rest.
Dead-lettering is at least once, which needs `reject-publish`. There is no maximal length: the sum of all
topics passes through one outbox, and a full normal lane must not hold up the urgent one.
[design sections 3 and 4]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

# How often a hint may come back to its queue because the one who had it went away. Hints that were merely
# prefetched count too, so this is about restarts, never about attempts: those are counted in the row.
DELIVERY_LIMIT: Final = 20

LANES: Final = ("urgent", "normal")
DEAD: Final = "dead"
STANDING_TOPICS: Final = tuple(f"{kind}.{lane}" for kind in ("verify",) for lane in LANES)

_TOPIC: Final = re.compile(r"(?:verify|relay|deliver\.[A-Za-z0-9_-]{1,64})\.(?:urgent|normal)")
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")

Arguments = dict[str, str | int]


class UnknownTopic(ValueError):
    """No queue is made for a topic of this name."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"no lane has the name {topic!r}")
        self.topic = topic


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSpec:
    """A durable exchange."""

    name: str
    kind: Literal["direct", "fanout", "topic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A durable quorum queue and the one binding that it has."""

    name: str
    exchange: str
    routing_key: str
    dead_letters_to: str | None
    delivery_limit: int = DELIVERY_LIMIT

    @property
    def arguments(self) -> Arguments:
        """The arguments of its declaration."""
        common: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": self.delivery_limit}
        if self.dead_letters_to is None:
            return common
        return common | {
            "x-dead-letter-exchange": self.dead_letters_to,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


class Furniture(Protocol):
    """Exchanges and queues that are declared together, in this order."""

    @property
    def exchanges(self) -> Sequence[ExchangeSpec]: ...
    @property
    def queues(self) -> Sequence[QueueSpec]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that one hub needs of a broker, under names that begin with `prefix`."""

    prefix: str
    topics: tuple[str, ...]

    @property
    def work(self) -> ExchangeSpec:
        """Where hints are published; the routing key is the topic."""
        return ExchangeSpec(name=f"{self.prefix}.work", kind="direct")

    @property
    def dead(self) -> ExchangeSpec:
        """Where hints go that came back too often."""
        return ExchangeSpec(name=f"{self.prefix}.{DEAD}", kind="fanout")

    @property
    def events(self) -> ExchangeSpec:
        """Where outsiders listen, by `<agency>.<event>`."""
        return ExchangeSpec(name=f"{self.prefix}.events", kind="topic")

    @property
    def exchanges(self) -> tuple[ExchangeSpec, ...]:
        """All exchanges, those first that queues refer to."""
        return (self.dead, self.work, self.events)

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The queues that stand from the start; those of other topics are made when first used."""
        return (self.dead_queue, *map(self.queue, self.topics))

    @property
    def names(self) -> frozenset[str]:
        """The names of all that stands from the start; an exchange and a queue may share one."""
        return frozenset(e.name for e in self.exchanges) | frozenset(q.name for q in self.queues)

    @property
    def dead_queue(self) -> QueueSpec:
        """The queue of hints that came back too often."""
        return QueueSpec(
            name=f"{self.prefix}.{DEAD}", exchange=self.dead.name, routing_key="", dead_letters_to=None
        )

    def queue(self, topic: str) -> QueueSpec:
        """Return the queue of a topic.

        Raises:
            UnknownTopic: no lane has such a name.
        """
        if not _TOPIC.fullmatch(topic):
            raise UnknownTopic(topic)
        return QueueSpec(
            name=f"{self.prefix}.{topic}",
            exchange=self.work.name,
            routing_key=topic,
            dead_letters_to=self.dead.name,
        )


def make_plan(prefix: str, topics: tuple[str, ...] = STANDING_TOPICS) -> Plan:
    """Return the plan of a hub; hubs with different prefixes share a broker without meeting.

    Raises:
        ValueError: the prefix is empty, too long or has other characters than letters, digits, `-` and `_`.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"a prefix is letters, digits, - and _, at most 40: {prefix!r}")
    return Plan(prefix=prefix, topics=topics)
