"""`lienthong bench polling`: what polls of empty inboxes cost, and what they take from the documents.

Three phases on one hub: idle, polling alone, and documents without and with polling. The cost of a poll is
the processor time of the hub's process while it is polled, less what it uses idle, by the number of polls.
Polls come as many systems make them that do not wait: each once a second, not all at the same moment.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer

from adapters.simulator.client import HubClient
from hub.bootstrap import open_registry
from hub.cli.bench import READY_S, RECIPIENT, SENDER, Rate, address_of, message, rate_of, started
from hub.config import load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory_csv import parse
from hub.observability import logging

EVERY_S: Final = 1.0
DOCUMENT_EVERY_S: Final = 0.2
DOCUMENT_BYTES: Final = 50_000
SETTLE_S: Final = 2.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What polling took: polls answered, processor seconds of the hub beyond idling."""

    polls: int
    processor_s: float

    @property
    def each_ms(self) -> float:
        """Milliseconds of processor time for one poll."""
        return self.processor_s / max(self.polls, 1) * 1000


def polling(
    systems: Annotated[int, typer.Option("--systems", min=1, help="Số phần mềm cùng hỏi hộp đến.")] = 200,
    seconds: Annotated[int, typer.Option("--seconds", min=3, help="Mỗi giai đoạn dài bao lâu, giây.")] = 15,
) -> None:
    """Đo chi phí hỏi hộp đến trống và ảnh hưởng tới văn bản (measure polls of empty inboxes)."""
    logging.configure(level="error", form="console")
    cost, alone, beside = asyncio.run(_bench(systems, seconds))
    print(f"{systems} phần mềm, mỗi giây một lần hỏi / one poll a second each, {seconds} s")
    print(f"hỏi hộp trống / empty poll: {cost.polls} lần, {cost.each_ms:.2f} ms CPU mỗi lần / each")
    for name, rate in (("không hỏi / without polls", alone), ("có hỏi / with polls", beside)):
        print(
            f"văn bản / documents, {name:<28} trung vị {rate.median_ms:6.1f} ms   p95 {rate.p95_ms:6.1f} ms"
        )
    print(f"p95 thay đổi / change of p95: {(beside.p95_ms / alone.p95_ms - 1) * 100:+.0f} %")


async def _bench(systems: int, seconds: int) -> tuple[Cost, Rate, Rate]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sender, pollers = await _register(home, systems)
        async with _serving(home) as (url, pid), aiohttp.ClientSession() as session:
            client = HubClient(session, url, sender)
            await asyncio.sleep(SETTLE_S)
            before = _processor_s(pid)
            await asyncio.sleep(seconds)
            idle = _processor_s(pid) - before
            async with _polled(url, pollers) as polls:
                # The first poll of each looks its key up and asks the database: that is not what is measured.
                await asyncio.sleep(SETTLE_S)
                before, counted = _processor_s(pid), polls[0]
                await asyncio.sleep(seconds)
                cost = Cost(polls=polls[0] - counted, processor_s=_processor_s(pid) - before - idle)
            alone = await _documents(client, seconds, 0)
            async with _polled(url, pollers):
                await asyncio.sleep(SETTLE_S)
                beside = await _documents(client, seconds, 1)
            return cost, alone, beside


async def _register(home: Path, systems: int) -> tuple[str, list[str]]:
    async with open_registry(load_settings(home=home)) as registry:
        await registry.replace_directory(parse(binh_duong_csv()).agencies)
        sender = await registry.add_system("bench-a", units=[SENDER])
        await registry.add_system("bench-b", units=[RECIPIENT])
        pollers = [await registry.add_system(f"bench-{n}") for n in range(systems)]
        return sender.text, [made.text for made in pollers]


@asynccontextmanager
async def _serving(home: Path) -> AsyncIterator[tuple[str, int]]:
    hub = await started(home)
    try:
        yield await asyncio.wait_for(address_of(hub), READY_S), hub.pid
    finally:
        hub.terminate()
        await hub.communicate()


@asynccontextmanager
async def _polled(url: str, keys: list[str]) -> AsyncIterator[list[int]]:
    """Poll for the length of the block; yields the count of answered polls, in a list of one."""
    polls = [0]

    async def poll(session: aiohttp.ClientSession, place: int, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        await asyncio.sleep(EVERY_S * place / len(keys))
        while True:
            due = time.monotonic() + EVERY_S
            async with session.get(f"{url}/api/v1/inbox", headers=headers) as answer:
                await answer.read()
                answer.raise_for_status()
            polls[0] += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(poll(session, place, key)) for place, key in enumerate(keys)]
        yield polls
        for task in tasks:
            task.cancel()


async def _documents(client: HubClient, seconds: int, series: int) -> Rate:
    times: list[float] = []
    began = time.monotonic()
    for number in range(round(seconds / DOCUMENT_EVERY_S)):
        body = await asyncio.to_thread(message, series * 1_000_000 + number, DOCUMENT_BYTES)
        await asyncio.sleep(max(0.0, began + number * DOCUMENT_EVERY_S - time.monotonic()))
        sent = time.perf_counter()
        await client.send(body)
        times.append((time.perf_counter() - sent) * 1000)
    return rate_of(len(times), time.monotonic() - began, times)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    # The 14th and 15th field of proc(5); the state after the name is the third.
    return (int(fields[11]) + int(fields[12])) / TICKS
