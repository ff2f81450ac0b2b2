"""The gate gives a peer's places out by lane, and never more of them than there are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hub.workers.push import NORMAL, URGENT, LaneGate


async def order_of(gate: LaneGate, lanes: Sequence[str]) -> list[str]:
    """Let all ask at once while the places are taken, and note who gets one in which order."""
    served: list[str] = []
    held = asyncio.Event()

    async def hold() -> None:
        async with gate.place(NORMAL):
            await held.wait()

    async def ask(lane: str) -> None:
        async with gate.place(lane):
            served.append(lane)

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        await asyncio.sleep(0)
        for lane in lanes:
            group.create_task(ask(lane))
        await asyncio.sleep(0)
        held.set()
    return served


async def test_urgent_goes_first_and_every_fifth_place_is_the_normal_lanes() -> None:
    served = await order_of(LaneGate(1), [NORMAL] * 3 + [URGENT] * 10)
    assert served == [*[URGENT] * 4, NORMAL, *[URGENT] * 4, NORMAL, *[URGENT] * 2, NORMAL]


async def test_a_lane_that_is_alone_takes_all_places() -> None:
    assert await order_of(LaneGate(1), [NORMAL] * 6) == [NORMAL] * 6
    assert await order_of(LaneGate(1), [URGENT] * 6) == [URGENT] * 6


async def test_no_more_are_let_in_than_there_are_places() -> None:
    gate, inside, most = LaneGate(3), 0, 0

    async def ask(lane: str) -> None:
        nonlocal inside, most
        async with gate.place(lane):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(ask((URGENT, NORMAL)[number % 2]))
    assert most == 3


async def enter(gate: LaneGate, entered: asyncio.Event) -> None:
    async with gate.place(NORMAL):
        entered.set()


async def test_who_gives_up_waiting_takes_no_place() -> None:
    gate, entered = LaneGate(1), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        async with gate.place(URGENT):
            waiting = group.create_task(enter(gate, entered))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.sleep(0)
        group.create_task(enter(gate, entered))
    assert entered.is_set()


async def test_who_gives_up_as_the_place_is_given_gives_it_back() -> None:
    gate, entered = LaneGate(1), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        async with gate.place(URGENT):
            waiting = group.create_task(enter(gate, entered))
            await asyncio.sleep(0)
        # The place is his by now, but he has not run since.
        waiting.cancel()
        await asyncio.sleep(0)
        assert not entered.is_set()
        group.create_task(enter(gate, entered))
    assert entered.is_set()
