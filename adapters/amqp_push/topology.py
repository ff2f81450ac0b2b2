"""Queues of recipients, as data.

    [prefix.out] ──queue name──► a recipient's queue      envelopes, until its system has taken them
                                       │ given back too often, or rejected
                                       ▼
                               [prefix.out-dead] ──► prefix.out-dead      alerts; the delivery is due again

A recipient's RabbitMQ user may read its own queue and nothing else. The queue is a quorum queue with a low
delivery limit, so that a consumer that gives back for ever meets an end after some rounds; the delivery does
not: it backs off and comes again. An envelope lives as long as the lease that it speaks of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.broker.topology import ExchangeSpec, QueueSpec

# How often a recipient's consumer may give an envelope back before the hub hears of it.
DELIVERY_LIMIT: Final = 5
QUEUE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutPlan:
    """What the adapter needs of a broker, under names that begin with `prefix`."""

    prefix: str

    @property
    def out(self) -> ExchangeSpec:
        """Where envelopes are published; the routing key is the queue's name."""
        return ExchangeSpec(name=f"{self.prefix}.out", kind="direct")

    @property
    def dead(self) -> ExchangeSpec:
        """Where envelopes go that nobody took."""
        return ExchangeSpec(name=f"{self.prefix}.out-dead", kind="fanout")

    @property
    def exchanges(self) -> tuple[ExchangeSpec, ...]:
        """Both exchanges."""
        return (self.dead, self.out)

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The queue of envelopes that nobody took."""
        return (self.dead_queue,)

    @property
    def dead_queue(self) -> QueueSpec:
        """The queue of envelopes that nobody took."""
        return QueueSpec(name=self.dead.name, exchange=self.dead.name, routing_key="", dead_letters_to=None)

    def default_queue(self, system_id: UUID) -> str:
        """Return the name of a recipient's queue where its settings give none."""
        return f"{self.prefix}.out.{system_id}"

    def may_be(self, name: str) -> bool:
        """Whether a recipient's queue may have this name: never one of the hub's own."""
        own = f"{self.prefix}."
        return bool(QUEUE_NAME.fullmatch(name)) and (
            not name.startswith(own) or name.startswith(f"{own}out.")
        )

    def queue(self, name: str) -> QueueSpec:
        """Return the queue of a recipient."""
        return QueueSpec(
            name=name,
            exchange=self.out.name,
            routing_key=name,
            dead_letters_to=self.dead.name,
            delivery_limit=DELIVERY_LIMIT,
        )
