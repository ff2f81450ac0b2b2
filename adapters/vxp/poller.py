"""Polling the national exchange: when, by which node, and what a failure means for the next time.

One node polls an exchange at a time: it holds the exchange's row under a lease that it renews, and a node
that dies lets another take over when the lease ends. Between good rounds there is the interval with jitter;
after a failure the wait doubles, up to a limit. The breaker is the one of the push worker: what either of
them learns of the exchange's health the other knows. [design sections 2.10, 3; national format, 3.5]

An exchange that cannot be opened (a setting, a secret) is a failed round with its reason in `relay status`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Protocol

import structlog

from adapters.vxp.national import NationalExit
from hub.domain.retry import DEFAULT_BREAKER, Breaker, BreakerPolicy, BreakerState, RetryPolicy
from hub.ports.blobs import BlobStoreError
from hub.ports.exits import Exit
from hub.ports.national import NationalExchange
from hub.ports.records import SystemRecord
from hub.ports.relay import RelayState, RoundEnd
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.services.kit import Kit
from hub.services.relay_round import RelayRounds, RelayRules, Round

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
MORE_WAITING: Final = 100
UNUSABLE: Final = "adapter_unusable"
HUB_TROUBLE: Final = "hub_unavailable"


class LendsExits(Protocol):
    """Where the open session with an exchange is borrowed from: the push worker's exits."""

    def of(self, system: SystemRecord) -> AbstractAsyncContextManager[Exit]:
        """Lend the exit of a system."""


class LeaseLost(Exception):
    """Another node polls this exchange now."""


class Poller:
    """Polls every exchange of this hub."""

    def __init__(
        self,
        kit: Kit,
        exits: LendsExits,
        rounds: RelayRounds,
        rules: RelayRules,
        *,
        owner: str,
        breaker: BreakerPolicy = DEFAULT_BREAKER,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._uow: UnitOfWork = kit.uow
        self._metrics = kit.metrics
        self._exits = exits
        self._rounds = rounds
        self._rules = rules
        self._owner = owner
        self._breaker = breaker
        self._chance = chance

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                await self.poll()
            except (DatabaseUnavailable, CommitUnknown) as error:
                log.warning("relay_waits", error=type(error).__name__)
            except Exception:
                # A loop that dies silently is mail that nobody fetches.
                log.exception("relay_failed")
            await asyncio.sleep(LOOK_EVERY_S)

    async def poll(self) -> int:
        """Make a round with every exchange that is due and that no other node polls; return how many."""
        async with self._uow.read() as query:
            systems = await query.relay.exchanges()
        made = 0
        for system in systems:
            async with self._uow.begin() as tx:
                state = await tx.relay.claim(system.id, owner=self._owner, lease=self._rules.lease)
            if state is not None:
                made += await self._poll(system, state)
        return made

    async def _poll(self, system: SystemRecord, state: RelayState) -> int:
        gate = await self._gate(system)
        if gate is not None:
            await self._end(state, RoundEnd(next_in=gate, error=state.last_error))
            return 0
        done = await self._under_lease(system, state)
        if done is None:
            log.warning("relay_lease_lost", system=system.name)
            return 0
        self._metrics.relay_rounds.labels(done.error or "ok").inc()
        await self._measure(state, done)
        await self._count(system, done)
        await self._end(state, self._ending(state, done))
        return 1

    async def _under_lease(self, system: SystemRecord, state: RelayState) -> Round | None:
        # None: the lease was lost, and the round broken off. What it had taken in is in.
        done: Round | None = None
        try:
            async with asyncio.TaskGroup() as group:
                renewal = group.create_task(self._renew(state), name="renew-relay-lease")
                try:
                    done = await self._round(system, state)
                finally:
                    renewal.cancel()
        except* LeaseLost:
            done = None
        return done

    async def _round(self, system: SystemRecord, state: RelayState) -> Round:
        try:
            async with self._exits.of(system) as exit_:
                exchange = _exchange(exit_)
                if exchange is None:
                    return Round(error=UNUSABLE)
                return await self._rounds.run(exchange, system, state)
        except (DatabaseUnavailable, CommitUnknown, BlobStoreError) as error:
            log.warning("relay_round_broken_off", system=system.name, error=type(error).__name__)
            return Round(error=HUB_TROUBLE)

    async def _renew(self, state: RelayState) -> None:
        while True:
            await asyncio.sleep(self._rules.lease.total_seconds() / 3)
            try:
                async with self._uow.begin() as tx:
                    kept = await tx.relay.renew(state, self._rules.lease)
            except (DatabaseUnavailable, CommitUnknown):
                continue
            if not kept:
                raise LeaseLost

    async def _gate(self, system: SystemRecord) -> timedelta | None:
        """Return how long to leave the exchange alone; None lets this round through."""
        async with self._uow.begin() as tx:
            gate = await tx.peers.gate(system.id, lock=True)
            if gate is None or gate.breaker.state is BreakerState.CLOSED:
                return None
            if not gate.breaker.allows(gate.now):
                wait = (gate.breaker.retry_at or gate.now) - gate.now
                return max(timedelta(seconds=1), min(wait, self._rules.retry_most))
            await tx.peers.set_breaker(system.id, gate.breaker.probe(gate.now, self._breaker), None)
            return None

    async def _count(self, system: SystemRecord, done: Round) -> None:
        if done.error in (HUB_TROUBLE, UNUSABLE):
            return
        async with self._uow.begin() as tx:
            gate = await tx.peers.gate(system.id, lock=True)
            if gate is None:
                return
            before = gate.breaker
            after = before.succeeded() if done.error is None else before.failed(gate.now, self._breaker)
            if after == before:
                return
            await tx.peers.set_breaker(system.id, after, done.error)
            if before.state is not BreakerState.CLOSED and after == Breaker():
                await tx.peers.hurry(system.id)

    def _ending(self, state: RelayState, done: Round) -> RoundEnd:
        if done.error is None:
            spread = 1 + self._rules.jitter * (2 * self._chance() - 1)
            # After so much mail there is probably more: lists may be cut off by the exchange.
            more = done.taken >= MORE_WAITING
            return RoundEnd(
                next_in=timedelta(0) if more else self._rules.interval * spread,
                error=None,
                mail=done.mail,
                high_water=None if done.left_waiting else state.now,
            )
        most = self._rules.retry_most
        policy = RetryPolicy(base=min(self._rules.interval, most), cap=most)
        wait = policy.ceiling(state.failures + 1) * (0.5 + self._chance() / 2)
        return RoundEnd(next_in=wait, error=done.error, mail=done.mail)

    async def _end(self, state: RelayState, end: RoundEnd) -> None:
        async with self._uow.begin() as tx:
            await tx.relay.end_round(state, end)

    async def _measure(self, state: RelayState, done: Round) -> None:
        silent = timedelta(0) if done.mail else state.now - state.silent_since
        self._metrics.relay_silence.set(silent.total_seconds())
        async with self._uow.read() as query:
            counts = await query.relay.counts(state.system_id)
        self._metrics.relay_kept.set(counts.get("held", 0) + counts.get("quarantined", 0))


def _exchange(exit_: Exit) -> NationalExchange | None:
    return exit_.exchange if isinstance(exit_, NationalExit) else None
