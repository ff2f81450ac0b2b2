"""The lanes of peers on one node: two consumers per pushed system, urgent and normal, behind one gate.

Each system has places of its own (4 per node): a peer that is slow or dead holds those and nobody else's. The
gate gives them out: urgent first, but at least every fifth to the normal lane while one waits there.

Systems are looked at every second: one that comes to be pushed to gets its consumers, one that is not pushed
to any more loses them, and what they were at is given back. In the same round due rows are announced whose
first hint is gone. Queues of systems that are not pushed to are deleted, at the start those of all: hints in
them would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from hub.domain.limits import NORMAL_LANE_SHARE
from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.push import PushService

log = structlog.get_logger(__name__)

URGENT: Final = "urgent"
NORMAL: Final = "normal"
LOOK_EVERY_S: Final = 1.0
MEASURE_EVERY: Final = 10
STRAYS_EVERY: Final = 60
AFTER_FAILURE_S: Final = 1.0


class LaneGate:
    """Gives out a peer's places: urgent first, at least every fifth to the normal lane."""

    def __init__(self, places: int, *, normal_share: int = NORMAL_LANE_SHARE) -> None:
        self._free = places
        self._share = normal_share
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {URGENT: deque(), NORMAL: deque()}
        self._urgent_in_row = 0

    @asynccontextmanager
    async def place(self, lane: str) -> AsyncIterator[None]:
        """Wait for a place and hold it for the block."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        self._give_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting[lane]:
                self._waiting[lane].remove(turn)
            elif turn.done() and not turn.cancelled():
                self._leave()  # the place was given at the moment of giving up
            raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self._free += 1
        self._give_out()

    def _give_out(self) -> None:
        while self._free:
            lane = self._next_lane()
            if lane is None:
                return
            turn = self._waiting[lane].popleft()
            if turn.done():
                continue
            self._urgent_in_row = self._urgent_in_row + 1 if lane == URGENT else 0
            self._free -= 1
            turn.set_result(None)

    def _next_lane(self) -> str | None:
        urgent, normal = self._waiting[URGENT], self._waiting[NORMAL]
        if not urgent or (normal and self._urgent_in_row >= self._share - 1):
            return NORMAL if normal else None
        return URGENT


class PushLanes:
    """All peers' lanes of one node."""

    def __init__(self, push: PushService, broker: Broker, *, places: int) -> None:
        self._push = push
        self._broker = broker
        self._places = places
        self._dropped: set[UUID] = set()

    async def run(self) -> None:
        """Serve peers until cancelled; closes their exits at the end."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._look_after(group)
        finally:
            await self._push.close()

    async def _look_after(self, group: asyncio.TaskGroup) -> None:
        serving: dict[UUID, asyncio.Task[None]] = {}
        rounds = 0
        while True:
            try:
                self._follow(group, serving, await self._push.peers())
                await self._push.announce()
                if rounds % MEASURE_EVERY == 0:
                    await self._push.measure()
                if rounds % STRAYS_EVERY == 0:
                    await self._push.find_strays()
                    await self._drop_idle()
            except (DatabaseUnavailable, CommitUnknown, BrokerUnavailable) as error:
                log.warning("loop_waits", loop="push", error=type(error).__name__)
            except Exception:
                # Peers that nobody looks after any more would be an outage that nobody sees.
                log.exception("loop_failed", loop="push")
            rounds += 1
            await asyncio.sleep(LOOK_EVERY_S)

    def _follow(
        self, group: asyncio.TaskGroup, serving: dict[UUID, asyncio.Task[None]], peers: frozenset[UUID]
    ) -> None:
        for system_id in [each for each in serving if each not in peers]:
            serving.pop(system_id).cancel()
        for system_id in sorted(peers - serving.keys()):
            serving[system_id] = group.create_task(self._serve(system_id), name=f"push:{system_id}")

    async def _drop_idle(self) -> None:
        idle = await self._push.idle()
        self._dropped &= idle  # one that was pushed to in between has queues again
        for system_id in sorted(idle - self._dropped):
            for lane in (URGENT, NORMAL):
                await self._broker.drop(topic_of(system_id, lane))
            self._dropped.add(system_id)

    async def _serve(self, system_id: UUID) -> None:
        gate = LaneGate(self._places)
        async with asyncio.TaskGroup() as group:
            for lane in (URGENT, NORMAL):
                group.create_task(self._consume(system_id, lane, gate), name=f"push:{system_id}:{lane}")

    async def _consume(self, system_id: UUID, lane: str, gate: LaneGate) -> None:
        async def work(task_id: UUID) -> None:
            async with gate.place(lane):
                await self._push.work(system_id, task_id)

        while True:
            try:
                await self._broker.consume(topic_of(system_id, lane), work, concurrency=self._places)
            except Exception:
                log.exception("push_lane_failed", system_id=str(system_id), lane=lane)
                await asyncio.sleep(AFTER_FAILURE_S)


def topic_of(system_id: UUID, lane: str) -> str:
    """Return the topic of a peer's lane."""
    return f"deliver.{system_id}.{lane}"
