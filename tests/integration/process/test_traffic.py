"""Kills in the middle of traffic: what was acknowledged arrives, confirmed once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack

import pytest

from tests.integration.process.kit import Letters
from tests.integration.process.traffic import (
    MESSAGES,
    SETTINGS,
    Books,
    Traffic,
    free_port,
    in_traffic,
    the_books_balance,
    told_if_it_fails,
)
from tests.support.process import Home, Hub


async def kill_at_random(
    home: Home, traffic: Traffic, chance: random.Random, *, port: int, lives: AsyncExitStack
) -> Hub:
    """Kill the hub three times and its database once, each after so many answers and a moment."""
    hub = traffic.hub
    for what, after in zip(
        chance.sample(["hub", "hub", "hub", "database"], 4),
        sorted(chance.sample(range(5, 2 * MESSAGES - 10), 4)),
        strict=True,
    ):
        await traffic.after_answers(after)
        await asyncio.sleep(chance.random() / 20)  # the kill falls anywhere in a call
        if what == "database":
            postmaster = home.postmaster
            assert postmaster is not None
            os.kill(postmaster, signal.SIGKILL)
            continue
        assert await hub.killed() == -signal.SIGKILL
        hub = await lives.enter_async_context(home.serve(port=port, env=SETTINGS))
    return hub


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [13])
async def test_what_was_acknowledged_between_kills_is_confirmed_exactly_once(
    home: Home, letters: Letters, seed: int
) -> None:
    port, books = free_port(), Books()
    async with AsyncExitStack() as lives:
        hub = await lives.enter_async_context(home.serve(port=port, env=SETTINGS))
        traffic = Traffic(home, hub, books)
        with told_if_it_fails(home):
            killing = kill_at_random(home, traffic, random.Random(seed), port=port, lives=lives)
            last = await in_traffic(traffic, letters, killing)
            await the_books_balance(home, books, last)
            assert await last.stopped() == 0
