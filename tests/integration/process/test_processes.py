"""Several processes behind one address: one is killed under load, all are stopped, the parent dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.integration.process.kit import Letters
from tests.integration.process.traffic import (
    SETTINGS,
    Books,
    Traffic,
    free_port,
    in_traffic,
    the_books_balance,
    told_if_it_fails,
)
from tests.support.process import Home, Hub, Program, until
from tests.support.tls import TestAuthority

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

        with told_if_it_fails(home):
            await in_traffic(traffic, letters, trouble())
            await the_books_balance(home, books, hub)
            await both_serve(hub)
            assert len(hub.program.events("process_ended")) >= 2


async def both_serve(hub: Hub) -> None:
    """Wait until the newest process at each place serves."""

    async def look() -> bool | None:
        lines = (line for line in hub.program.text.splitlines() if line.startswith("{"))
        last = {e["place"]: e["event"] for e in map(orjson.loads, lines) if "place" in e}
        return [last.get(place) for place in (1, 2)] == ["process_ready"] * 2 or None

    await until(look, within_s=120, what="both processes")


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


@pytest.mark.timeout(120)
async def test_metrics_tell_about_all_processes_whichever_is_asked(home: Home) -> None:
    async with home.serve(env=TWO) as hub, aiohttp.ClientSession() as session:
        await both_serve(hub)
        for _ in range(4):
            async with session.get(f"{hub.url}/metrics", headers={"Connection": "close"}) as response:
                text = await response.text()
            for process in ("1", "2"):
                assert f'lienthong_process_up{{process="{process}"}} 1.0' in text
                assert f'lienthong_build_info{{process="{process}",version=' in text


@pytest.mark.timeout(120)
async def test_a_hang_up_without_tls_ends_the_node_in_order(home: Home) -> None:
    async with home.serve(env=TWO) as hub:
        pids = processes(hub)
        hub.program.send(signal.SIGHUP)
        assert await hub.program.ended() == 0
        assert not [pid for pid in pids if alive(pid)]


@pytest.mark.timeout(120)
async def test_a_hang_up_renews_the_certificates_of_all_processes_and_ends_none(home: Home) -> None:
    authority = TestAuthority(home.path.parent / "ca")
    files = home.path.parent / "hub.pem"
    files.write_bytes(authority.issue("127.0.0.1"))
    files.chmod(0o600)
    tls = {"LIENTHONG_TLS__CERTIFICATE": str(files), "LIENTHONG_TLS__KEY": str(files)}
    program = Program("serve", "--port", "0", home=home.path, env=TWO | tls)
    try:
        await program.says(r'"event":"listening"')
        files.write_bytes(authority.issue("127.0.0.1"))
        program.send(signal.SIGHUP)

        async def renewed() -> bool | None:
            return len(program.events("tls_renewed")) == 2 or None

        await until(renewed, within_s=60, what="both have new certificates")
        assert program.events("process_ended") == []
        program.send(signal.SIGTERM)
        assert await program.ended() == 0
    finally:
        program.discard()
