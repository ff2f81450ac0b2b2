"""The loops of a node: each has a name, does one thing, survives its errors, and stops when cancelled.

    pump       outbox rows → broker, inbox wake-ups
    numbering  committed events get their numbers
    sweep      leases, deadlines, alerts, parked statuses, neglected tasks
    janitor    partitions, old keys, blobs without a row
    verify     two consumers, urgent and normal
    looks      verdicts that waited for somebody's answer are asked for again
    succession mail at units that have ended goes on to their successors
    dead       hints that came back too often: alert, row due again

Pump and numbering run when a transaction of this node has committed something for them (the bell), and
once a second besides, for what other nodes left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import structlog

from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.dead_letters import DeadLetters
from hub.services.housekeeping import Housekeeping
from hub.services.intake_commit import VERIFY
from hub.services.numbering import Numbering
from hub.services.outbox_pump import OutboxPump
from hub.services.second_looks import SecondLooks
from hub.services.succession import Succession
from hub.services.sweeper import Sweeper
from hub.services.verification import VerificationService

log = structlog.get_logger(__name__)

FALLBACK_S: Final = 1.0
PUMP_GATHER_S: Final = 0.005
NUMBER_GATHER_S: Final = 0.1
SWEEP_EVERY_S: Final = 1.0
SUCCESSION_EVERY_S: Final = 20.0
LOOK_EVERY_S: Final = 30.0
JANITOR_EVERY_S: Final = 600.0
AFTER_FAILURE_S: Final = 1.0
LANES: Final = ("urgent", "normal")

# Runs until cancelled.
Loop = Callable[[], Coroutine[None, None, None]]
# Does one round and returns how much it did: while that is more than nothing, it is called again.
Round = Callable[[], Awaitable[int]]


async def repeat(name: str, action: Round, *, pause: Callable[[], Awaitable[None]]) -> None:
    """Call `action` until it has nothing left to do, pause, and so on until cancelled."""
    while True:
        try:
            done = await _round(action)
        except (DatabaseUnavailable, CommitUnknown, BrokerUnavailable) as error:
            log.warning("loop_waits", loop=name, error=type(error).__name__)
            await asyncio.sleep(AFTER_FAILURE_S)
            continue
        except Exception:
            # A loop that dies silently is an outage nobody sees.
            log.exception("loop_failed", loop=name)
            await asyncio.sleep(AFTER_FAILURE_S)
            continue
        if not done:
            await pause()


async def _round(action: Round) -> int:
    # A cancellation that meets the very moment in which a connection fails is lost in a library's wait: the
    # action ends as it would have ended, and the loop would outlive its node.
    task = asyncio.current_task()
    try:
        return await action()
    finally:
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


class Bell:
    """Rung by commits of this node; the loops that wait for it look at once."""

    def __init__(self) -> None:
        self._events = [asyncio.Event(), asyncio.Event()]

    def ring(self) -> None:
        """Wake all loops that wait."""
        for event in self._events:
            event.set()

    def pause(self, place: int, *, gather_s: float) -> Callable[[], Awaitable[None]]:
        """Return a pause that ends `gather_s` after the bell rings, or after a second without it."""
        event = self._events[place]

        async def wait() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FALLBACK_S):
                    await event.wait()
            # Under load one round serves many commits.
            await asyncio.sleep(gather_s)
            event.clear()

        return wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Motions:
    """The use cases that loops call; `listen` runs until cancelled."""

    pump: OutboxPump
    numbering: Numbering
    sweeper: Sweeper
    housekeeping: Housekeeping
    verification: VerificationService
    second_looks: SecondLooks
    dead_letters: DeadLetters
    succession: Succession
    listen: Callable[[], Coroutine[None, None, None]]


class Loops:
    """All loops of one node."""

    def __init__(
        self,
        motions: Motions,
        *,
        bell: Bell,
        broker: Broker,
        verify_workers: int,
        also: Mapping[str, Loop] = MappingProxyType({}),
    ) -> None:
        """Run the hub's own loops and those of `also`, by name; each of these runs until cancelled."""
        self._also = also
        self._motions = motions
        self._bell = bell
        self._broker = broker
        self._verify_workers = verify_workers

    @property
    def motions(self) -> Motions:
        """What the loops call: for those who move a hub themselves, to measure it or to wait for nothing."""
        return self._motions

    async def run(self) -> None:
        """Run all loops until cancelled."""

        async def sweep_pause() -> None:
            await asyncio.sleep(SWEEP_EVERY_S)

        async def succession_pause() -> None:
            await asyncio.sleep(SUCCESSION_EVERY_S)

        async def look_pause() -> None:
            await asyncio.sleep(LOOK_EVERY_S)

        async def janitor_pause() -> None:
            await asyncio.sleep(JANITOR_EVERY_S)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._motions.listen(), name="listen")
            group.create_task(
                repeat("pump", self._motions.pump.pump, pause=self._bell.pause(0, gather_s=PUMP_GATHER_S)),
                name="pump",
            )
            number = self._motions.numbering.number
            group.create_task(
                repeat("numbering", number, pause=self._bell.pause(1, gather_s=NUMBER_GATHER_S)),
                name="numbering",
            )
            group.create_task(repeat("sweep", self._motions.sweeper.sweep, pause=sweep_pause), name="sweep")
            tidy = self._motions.housekeeping.tidy
            group.create_task(repeat("janitor", tidy, pause=janitor_pause), name="janitor")
            forward = self._motions.succession.forward
            group.create_task(repeat("succession", forward, pause=succession_pause), name="succession")
            look = self._motions.second_looks.look
            group.create_task(repeat("looks", look, pause=look_pause), name="looks")
            make_due = self._motions.dead_letters.make_due
            group.create_task(self._broker.watch_dead_letters(make_due), name="dead-letters")
            for name, loop in self._also.items():
                group.create_task(loop(), name=name)
            for lane in LANES:
                group.create_task(self._consume(f"{VERIFY}.{lane}"), name=f"consume-{lane}")

    async def _consume(self, topic: str) -> None:
        await self._broker.consume(topic, self._motions.verification.work, concurrency=self._verify_workers)
