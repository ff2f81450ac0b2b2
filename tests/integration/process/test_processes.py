"""Several processes behind one address: one is killed under load, all are stopped, the parent dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.integration.process.kit import SENDERS, Letters
from tests.integration.process.traffic import (
    MESSAGES,
    SETTINGS,
    Books,
    Traffic,
    free_port,
    shares,
    tell,
    the_books_balance,
)
from tests.support.process import Home, Hub, until

TWO = SETTINGS | {"LIENTHONG_PROCESSES": "2"}


@pytest.mark.timeout(240)
async def test_processes_that_are_killed_under_load_cost_nothing_and_come_back(
    home: Home, letters: Letters
) -> None:
    books = Books()
    async with home.serve(port=free_port(), env=TWO) as hub:
        traffic = Traffic(home, hub, books)

        async def trouble() -> None:
            for answers, place in ((15, 0), (50, 1)):
                await traffic.after_answers(answers)
                os.kill(processes(hub)[place], signal.SIGKILL)

        try:
            async with asyncio.timeout(150), asyncio.TaskGroup() as group:
                group.create_task(trouble(), name="trouble")
                for role, messages in zip(SENDERS, shares(letters), strict=True):
                    group.create_task(traffic.send_all(role, messages), name=role.key)
                group.create_task(traffic.receive_until(MESSAGES), name="recipient")
            await the_books_balance(home, books, hub)
            await both_run(hub)
        except BaseException:
            tell(home)
            raise


async def both_run(hub: Hub) -> None:
    """Wait until the place of each that was killed is taken."""

    async def look() -> bool | None:
        ready = hub.program.events("process_ready")
        return len(ready) == len(hub.program.events("process_started")) > 2 or None

    await until(look, within_s=60, what="both processes again")


@pytest.mark.timeout(120)
async def test_a_stop_ends_all_processes(home: Home) -> None:
    async with home.serve(env=TWO) as hub:
        pids = processes(hub)
        assert await hub.stopped() == 0
        assert not [pid for pid in pids if alive(pid)]
        assert len(hub.program.events("node_stopped")) == 2


@pytest.mark.timeout(120)
async def test_processes_whose_parent_is_killed_end_by_themselves(home: Home) -> None:
    async with home.serve(env=TWO) as hub:
        pids = processes(hub)
        await hub.killed()

        async def look() -> bool | None:
            return not any(map(alive, pids)) or None

        await until(look, within_s=30, what="the end of the processes")
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"{hub.url}/healthz"):
                pass


def processes(hub: Hub) -> list[int]:
    """The process at each place, as it is now."""
    started = {event["place"]: event["pid"] for event in hub.program.events("process_started")}
    return [started[place] for place in sorted(started)]


def alive(pid: int) -> bool:
    """Whether a process runs: one that only waits to be taken note of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
