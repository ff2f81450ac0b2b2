"""How a hub ends: told to, interrupted, or in the middle of something; and what must not be left running."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.integration.process.kit import RECIPIENT, SENDER, Letters, bearer, connected, problem_of
from tests.support.process import Home, Program, until

# Well under the 30 s after which service managers kill; includes the database's own shutdown.
STOP_S = 12.0


async def nothing_runs(home: Home, group: int) -> None:
    """Neither the database of the home nor any process of the program's group is there any more."""

    async def gone() -> bool | None:
        return (not home.database_processes and not processes_of(group)) or None

    await until(gone, within_s=10, what=f"the end of {home.database_processes} and {processes_of(group)}")


def processes_of(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


async def test_a_stop_answers_who_waits_and_lets_an_upload_end(home: Home, letters: Letters) -> None:
    body = letters.new()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield body[:1000]
        begun.set()
        await go_on.wait()
        yield body[1000:]

    async with home.serve() as hub, aiohttp.ClientSession(hub.url) as session, asyncio.TaskGroup() as group:
        waiting = group.create_task(poll(session, home))
        upload = group.create_task(send(session, home, halting()))
        await asyncio.wait_for(begun.wait(), 10)
        await until_reading(home)
        hub.program.send(signal.SIGTERM)
        # The long-poll is answered with what there is, long before its 25 seconds.
        assert await asyncio.wait_for(waiting, STOP_S) == {"deliveries": []}
        assert hub.program.returncode is None
        go_on.set()
        status, _ = await asyncio.wait_for(upload, STOP_S)
        assert status == 201
        assert await hub.program.ended(STOP_S) == 0
        await nothing_runs(home, hub.program.pid)
        assert hub.program.events("stopped")
    async with home.serve() as hub, connected(hub, home, SENDER) as [sender]:
        assert (await sender.send(body)).repeated


async def test_a_stop_does_not_wait_for_a_body_that_has_stalled(home: Home, letters: Letters) -> None:
    body = letters.new()
    begun, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield body[:1000]
        begun.set()
        await never.wait()

    async with home.serve() as hub, aiohttp.ClientSession(hub.url) as session:
        upload = asyncio.get_running_loop().create_task(send(session, home, stalling()))
        await asyncio.wait_for(begun.wait(), 10)
        await until_reading(home)
        hub.program.send(signal.SIGTERM)
        assert await asyncio.wait_for(upload, STOP_S) == (503, "hub_stopping")
        assert await hub.program.ended(STOP_S) == 0
        await nothing_runs(home, hub.program.pid)
    assert home.spools == []
    assert home.blobs == set()


async def poll(session: aiohttp.ClientSession, home: Home) -> object:
    async with session.get("/api/v1/inbox?wait=25", headers=bearer(home, RECIPIENT)) as answer:
        assert answer.status == 200
        return await answer.json()


async def send(session: aiohttp.ClientSession, home: Home, body: object) -> tuple[int, str]:
    headers = {**bearer(home, SENDER), "Content-Type": "application/xml"}
    async with session.post("/api/v1/documents", data=body, headers=headers) as answer:
        return await problem_of(answer)


async def until_reading(home: Home) -> None:
    """Wait until the hub has begun to read a body."""

    async def look() -> bool | None:
        return bool(home.spools) or None

    await until(look, within_s=10, what="a body under way")


async def test_a_killed_hub_takes_its_workers_with_it(home: Home) -> None:
    async with home.serve() as hub:
        assert hub.program.children()
        assert await hub.killed() == -signal.SIGKILL

        async def gone() -> bool | None:
            return not processes_of(hub.program.pid) or None

        await until(gone, within_s=10, what="the workers have seen that the hub is gone")
        assert "Traceback" not in hub.program.text


async def test_two_hubs_cannot_share_a_home(home: Home) -> None:
    async with home.serve() as hub:
        second = Program("serve", "--port", "0", home=home.path)
        try:
            assert await second.ended() == 1
        finally:
            second.discard()
        assert "postgres_home_in_use" in second.text
        assert str(hub.program.pid) in second.text
        assert "Traceback" not in second.text
        assert await hub.stopped() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0)], ids=["ctrl-c", "terminate"]
)
async def test_a_demo_that_is_stopped_leaves_nothing_running(
    bare_home: Home, number: signal.Signals, code: int
) -> None:
    program = Program("demo", "--port", "0", home=bare_home.path)
    try:
        await program.says("Dòng thời gian")
        await program.says("trục nhận văn bản")
        program.send_to_group(number)
        assert await program.ended(STOP_S) == code
        await nothing_runs(bare_home, program.pid)
        assert "Đã dừng" in program.text
        assert "Traceback" not in program.text
    finally:
        program.discard()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
@pytest.mark.parametrize("arguments", [("demo", "--once"), ("serve",)], ids="-".join)
async def test_a_hub_interrupted_while_it_starts_leaves_nothing_running(
    home: Home, arguments: tuple[str, ...], number: signal.Signals
) -> None:
    program = Program(*arguments, "--port", "0", home=home.path)
    try:

        async def started() -> bool | None:
            assert program.returncode is None, program.text
            return home.postmaster is not None or None

        await until(started, within_s=30, what="the database runs")
        program.send_to_group(number)
        assert await program.ended(STOP_S) in {0, 130, 143}
        await nothing_runs(home, program.pid)
        assert "Traceback" not in program.text
    finally:
        program.discard()
