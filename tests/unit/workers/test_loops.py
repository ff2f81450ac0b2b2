"""Loops: go on while there is work, pause when there is none, survive their errors."""

from __future__ import annotations

import asyncio

import pytest

from hub.ports.broker import BrokerUnavailable
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.workers import loops
from hub.workers.loops import Bell, repeat


async def pauses_of(outcomes: list[int | Exception]) -> int:
    """Run a loop whose action has these outcomes; return how often it paused."""
    pauses = 0
    left = iter(outcomes)

    async def action() -> int:
        outcome = next(left, None)
        if outcome is None:
            raise asyncio.CancelledError
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    with pytest.raises(asyncio.CancelledError):
        await repeat("test", action, pause=pause)
    return pauses


async def test_a_loop_pauses_only_when_there_was_nothing_to_do() -> None:
    assert await pauses_of([3, 2, 0, 1, 0]) == 2


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("x"), CommitUnknown("x"), BrokerUnavailable("x"), ValueError("x")]
)
async def test_a_loop_survives_its_errors(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "AFTER_FAILURE_S", 0.0)
    assert await pauses_of([error, error, 0, error]) == 1


@pytest.mark.parametrize("outcome", [DatabaseUnavailable("x"), ValueError("x"), 0, 1])
async def test_a_loop_ends_though_its_action_has_swallowed_the_end(outcome: int | Exception) -> None:
    begun = asyncio.Event()

    async def action() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if isinstance(outcome, Exception):
                raise outcome from None
        return int(outcome) if isinstance(outcome, int) else 0

    async def never() -> None:
        raise AssertionError("a loop that has ended pauses no more")

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(repeat("test", action, pause=never))
        await begun.wait()
        task.cancel()
    assert task.cancelled()


async def test_a_ring_ends_every_pause_also_one_that_begins_later() -> None:
    bell = Bell()
    bell.ring()
    async with asyncio.timeout(20):
        for place in (0, 1):
            await bell.pause(place, gather_s=0.0)()


async def test_without_a_ring_a_pause_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "FALLBACK_S", 0.01)
    async with asyncio.timeout(20):
        await Bell().pause(0, gather_s=0.0)()
