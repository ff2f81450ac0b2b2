"""`lienthong bench polling`: what polls of empty inboxes cost, and what they take from the documents.

Phases on one hub: idle, polling alone, then documents without and with polling in turns, so that whatever
else the machine does meets both. The cost of a poll is the processor time of the hub's process while it is
polled, less what it uses idle, by the number of polls. Polls come as many systems make them that do not
wait: each once a second, not all at the same moment; over REST, or over the national exchange's client API,
signed as its clients sign. They come from a process of their own: what measures the documents measures
nothing but them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer

from adapters.simulator.client import HubClient
from adapters.vxp.stamps import write_stamp
from adapters.vxp.wire import signed_headers
from hub.bootstrap import open_adapters, open_registry
from hub.cli.bench import READY_S, RECIPIENT, SENDER, Rate, address_of, message, rate_of, started
from hub.config import load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.adapters import VXP
from hub.domain.directory_csv import parse
from hub.observability import logging

EVERY_S: Final = 1.0
DOCUMENT_EVERY_S: Final = 0.2
DOCUMENT_BYTES: Final = 50_000
SETTLE_S: Final = 2.0
TURNS: Final = 4
LOOK_EVERY_S: Final = 0.05
TICKS: Final = os.sysconf("SC_CLK_TCK")


class Api(StrEnum):
    """Through which API is polled."""

    REST = "rest"
    VXP = "vxp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The poll of one system, the same bytes each time."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]


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
    seconds: Annotated[int, typer.Option("--seconds", min=3, help="Mỗi giai đoạn dài bao lâu, giây.")] = 40,
    api: Annotated[Api, typer.Option("--api", help="Hỏi qua giao diện nào.")] = Api.REST,
) -> None:
    """Đo chi phí hỏi hộp đến trống và ảnh hưởng tới văn bản (measure polls of empty inboxes)."""
    logging.configure(level="error", form="console")
    cost, alone, beside = asyncio.run(_bench(systems, seconds, api))
    print(f"{systems} phần mềm, mỗi giây một lần hỏi / one poll a second each, {seconds} s, {api.value}")
    print(f"hỏi hộp trống / empty poll: {cost.polls} lần, {cost.each_ms:.2f} ms CPU mỗi lần / each")
    for name, rate in (("không hỏi / without polls", alone), ("có hỏi / with polls", beside)):
        print(
            f"văn bản / documents, {name:<28} trung vị {rate.median_ms:6.1f} ms   p95 {rate.p95_ms:6.1f} ms"
        )
    print(f"p95 thay đổi / change of p95: {(beside.p95_ms / alone.p95_ms - 1) * 100:+.0f} %")


async def _bench(systems: int, seconds: int, api: Api) -> tuple[Cost, Rate, Rate]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sender, pollers = await _register(home, systems, api)
        async with _serving(home) as (url, pid), aiohttp.ClientSession() as session:
            cost = await _cost(url, pid, pollers, seconds)
            documents = _Documents(HubClient(session, url, sender))
            await documents.send(SETTLE_S)  # the first of a process are slower, with or without polls
            alone: list[float] = []
            beside: list[float] = []
            for _ in range(TURNS):
                alone += await documents.send(seconds / TURNS)
                async with _polled(url, pollers):
                    beside += await documents.send(seconds / TURNS)
            return cost, rate_of(len(alone), seconds, alone), rate_of(len(beside), seconds, beside)


async def _cost(url: str, pid: int, pollers: list[Poll], seconds: int) -> Cost:
    await asyncio.sleep(SETTLE_S)
    before = _processor_s(pid)
    await asyncio.sleep(seconds)
    idle = _processor_s(pid) - before
    # The first poll of each looks its key up and asks the database: that is not what is measured.
    async with _polled(url, pollers) as polls:
        before, counted = _processor_s(pid), polls.value
        await asyncio.sleep(seconds)
        return Cost(polls=polls.value - counted, processor_s=_processor_s(pid) - before - idle)


async def _register(home: Path, systems: int, api: Api) -> tuple[str, list[Poll]]:
    settings = load_settings(home=home)
    async with open_registry(settings) as registry:
        await registry.replace_directory(parse(binh_duong_csv()).agencies)
        sender = await registry.add_system("bench-a", units=[SENDER])
        await registry.add_system("bench-b", units=[RECIPIENT])
        pollers = [await registry.add_system(f"bench-{n}") for n in range(systems)]
    if api is Api.REST:
        return sender.text, [rest_poll(made.text) for made in pollers]
    async with open_adapters(settings) as adapters:
        for made in pollers:
            await adapters.put_secret(made.system.name, VXP, made.text.encode())
    return sender.text, [vxp_poll(made.system.name, made.text) for made in pollers]


def rest_poll(key: str) -> Poll:
    """Return the poll of a system that speaks REST."""
    return Poll(method="GET", path="/api/v1/inbox", headers=(("Authorization", f"Bearer {key}"),))


def vxp_poll(name: str, secret: str) -> Poll:
    """Return the poll of a system that speaks the national exchange's client API."""
    stamp = write_stamp(datetime.now(UTC))
    parameters = {"servicetype": "eDoc", "messagetype": "edoc"}
    headers = signed_headers(parameters, system_id=name, secret=secret, timestamp=stamp)
    return Poll(method="POST", path="/vxp/getReceivedEdocList", headers=headers)


@asynccontextmanager
async def _serving(home: Path) -> AsyncIterator[tuple[str, int]]:
    hub = await started(home)
    try:
        yield await asyncio.wait_for(address_of(hub), READY_S), hub.pid
    finally:
        hub.terminate()
        await hub.communicate()


@asynccontextmanager
async def _polled(url: str, pollers: list[Poll]) -> AsyncIterator[Synchronized[int]]:
    """Poll for the length of the block, which begins when each has polled once; yields the polls answered."""
    spawn = multiprocessing.get_context("spawn")
    answered = spawn.Value("Q", 0)
    child = spawn.Process(target=_poll_for_ever, args=(url, pollers, answered), daemon=True)
    child.start()
    try:
        while answered.value < len(pollers):
            if not child.is_alive():
                raise RuntimeError("the process that polls has ended")
            await asyncio.sleep(LOOK_EVERY_S)
        yield answered
    finally:
        child.terminate()
        await asyncio.to_thread(child.join)


def _poll_for_ever(url: str, pollers: list[Poll], answered: Synchronized[int]) -> None:
    asyncio.run(_poll_all(url, pollers, answered))


async def _poll_all(url: str, pollers: list[Poll], answered: Synchronized[int]) -> None:
    async def poll(session: aiohttp.ClientSession, place: int, each: Poll) -> None:
        await asyncio.sleep(EVERY_S * place / len(pollers))
        while True:
            due = time.monotonic() + EVERY_S
            async with session.request(each.method, url + each.path, headers=each.headers) as answer:
                await answer.read()
                answer.raise_for_status()
            answered.value += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for place, each in enumerate(pollers):
            group.create_task(poll(session, place, each))


class _Documents:
    """Sends documents, five a second, one after the other."""

    def __init__(self, client: HubClient) -> None:
        self._client = client
        self._number = 0

    async def send(self, seconds: float) -> list[float]:
        """Send for so long; returns how long each took, in milliseconds."""
        times: list[float] = []
        began = time.monotonic()
        for place in range(round(seconds / DOCUMENT_EVERY_S)):
            self._number += 1
            body = await asyncio.to_thread(message, self._number, DOCUMENT_BYTES)
            await asyncio.sleep(max(0.0, began + place * DOCUMENT_EVERY_S - time.monotonic()))
            sent = time.perf_counter()
            await self._client.send(body)
            times.append((time.perf_counter() - sent) * 1000)
        return times


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    # The 14th and 15th field of proc(5); the state after the name is the third.
    return (int(fields[11]) + int(fields[12])) / TICKS
