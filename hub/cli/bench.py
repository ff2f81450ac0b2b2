"""`lienthong bench`: how fast documents go through, as a ratio to what this machine can do at all.

The ceiling is measured in the same run, with the same sizes and the same number at once: SHA-256, a durable
blob, one transaction of three rows; no HTTP, no XML, no signatures. Absolute figures of a shared machine mean
little; the ratio means something.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import aiohttp
import typer

from adapters.simulator.client import HubClient
from hub.bootstrap import open_registry
from hub.config import load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory_csv import parse
from hub.embedded.postgres import EmbeddedPostgres
from hub.observability import logging
from hub.storage.blobs_local import LocalBlobStore
from hub.storage.pool import create_pool
from schemas.edxml.model import AttachmentInfo, Business, DateText, DocumentMessage, Organization, OtherInfo
from schemas.edxml.write import write_document

SENDER: Final = "000.00.02.H09"
RECIPIENT: Final = "000.00.03.H09"
AT_ONCE: Final = 4
READY_S: Final = 30.0
CEILING_TABLE: Final = "CREATE TABLE bench_row (id uuid PRIMARY KEY, body bytea NOT NULL)"
CEILING_ROW: Final = "INSERT INTO bench_row VALUES ($1, $2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Documents per second, and the median and 95th percentile of one in milliseconds."""

    per_second: float
    median_ms: float
    p95_ms: float


def bench(
    context: typer.Context,
    documents: Annotated[int, typer.Option("--documents", min=20, help="Số văn bản.")] = 200,
    size: Annotated[int, typer.Option("--size", min=1, help="Cỡ tệp đính kèm, byte.")] = 200_000,
) -> None:
    """Đo tốc độ gửi và giao, so với giới hạn của máy (measure throughput)."""
    if context.invoked_subcommand is not None:
        return
    logging.configure(level="error", form="console")
    ceiling, intake, delivery = asyncio.run(_bench(documents, size))
    print(f"{documents} văn bản, tệp {size} byte, {AT_ONCE} cùng lúc / at once")
    for name, rate in (
        ("giới hạn / ceiling", ceiling),
        ("nhận / intake", intake),
        ("giao / delivery", delivery),
    ):
        ratio = rate.per_second / ceiling.per_second
        print(
            f"{name:<20} {rate.per_second:8.1f}/s   trung vị {rate.median_ms:6.1f} ms   "
            f"p95 {rate.p95_ms:6.1f} ms   tỷ lệ {ratio:.2f}"
        )


async def _bench(documents: int, size: int) -> tuple[Rate, Rate, Rate]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ceiling = await _ceiling(home, documents, size)
        key_a, key_b = await _register(home)
        async with _serving(home) as url, aiohttp.ClientSession() as session:
            sender, recipient = HubClient(session, url, key_a), HubClient(session, url, key_b)
            bodies = [message(n, size) for n in range(documents)]

            async def send(place: int) -> None:
                await sender.send(bodies[place])

            intake = await _measured(documents, send)
            return ceiling, intake, await _drained(recipient, documents)


async def _ceiling(home: Path, documents: int, size: int) -> Rate:
    store = LocalBlobStore(home / "bench")
    body = os.urandom(size)
    try:
        async with EmbeddedPostgres(home) as dsn:
            pool = await create_pool(dsn, size=AT_ONCE, application_name="lienthong-bench")
            try:
                await pool.execute(CEILING_TABLE)

                async def one(_place: int) -> None:
                    spool = await store.new_spool()
                    path = spool / "body"
                    path.write_bytes(body)
                    digest = hashlib.sha256(body).digest()
                    await store.put(uuid4(), path)
                    await store.drop_spool(spool)
                    async with pool.acquire() as connection, connection.transaction():
                        for _ in range(3):
                            await connection.execute(CEILING_ROW, uuid4(), digest)

                rate = await _measured(documents, one)
                await pool.execute("DROP TABLE bench_row")
                return rate
            finally:
                await pool.close()
    finally:
        store.close()


async def _register(home: Path) -> tuple[str, str]:
    async with open_registry(load_settings(home=home)) as registry:
        await registry.replace_directory(parse(binh_duong_csv()).agencies)
        first = await registry.add_system("bench-a", units=[SENDER])
        second = await registry.add_system("bench-b", units=[RECIPIENT])
        return first.text, second.text


@asynccontextmanager
async def _serving(home: Path) -> AsyncIterator[str]:
    # A process of its own, so that the measuring client does not share its interpreter.
    hub = await started(home)
    try:
        yield await asyncio.wait_for(address_of(hub), READY_S)
    finally:
        hub.terminate()
        await hub.communicate()


async def started(home: Path) -> asyncio.subprocess.Process:
    """Start a hub in a home folder, on a port of its choice."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hub", "serve", "--home", str(home), "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def address_of(hub: asyncio.subprocess.Process) -> str:
    """Return where a hub that was just started listens."""
    assert hub.stdout is not None  # asked for above
    while line := await hub.stdout.readline():
        found = re.search(rb"http://[0-9.:]+", line)
        if found:
            return found.group().decode()
    raise RuntimeError("the hub ended before it listened")


async def _measured(count: int, action: Callable[[int], Awaitable[None]]) -> Rate:
    times: list[float] = []
    places = iter(range(count))

    async def worker() -> None:
        for place in places:
            started = time.perf_counter()
            await action(place)
            times.append((time.perf_counter() - started) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return rate_of(count, time.perf_counter() - began, times)


async def _drained(recipient: HubClient, count: int) -> Rate:
    times: list[float] = []

    async def one(delivery_id: str) -> None:
        started = time.perf_counter()
        await recipient.confirm(await recipient.fetch(delivery_id))
        times.append((time.perf_counter() - started) * 1000)

    began = time.perf_counter()
    while len(times) < count:
        offers = await recipient.inbox(wait=10)
        for start in range(0, len(offers), AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for offer in offers[start : start + AT_ONCE]:
                    group.create_task(one(offer["delivery_id"]))
    return rate_of(count, time.perf_counter() - began, times)


def rate_of(count: int, seconds: float, times: list[float]) -> Rate:
    """Return the rate of so many calls that took these times in milliseconds."""
    ordered = sorted(times)
    return Rate(
        per_second=count / seconds,
        median_ms=statistics.median(ordered),
        p95_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
    )


def message(number: int, size: int) -> bytes:
    """An edXML message with one attachment of that size, nothing in it twice."""
    message = DocumentMessage(
        from_=Organization(organ_id=SENDER, organ_name="Sở Nội vụ"),
        to=(Organization(organ_id=RECIPIENT, organ_name="Sở Tài chính"),),
        document_id=f"{SENDER},2026/01/01,{number}/BENCH",
        code_number=str(number),
        code_notation="BENCH",
        promulgation_date=DateText(raw="2026/01/01"),
        subject="V/v đo tốc độ",
        other_info=OtherInfo(),
        business=Business(),
        attachments=(AttachmentInfo(content_id="1", name="do.bin"),),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "do.bin"
        path.write_bytes(base64.b85encode(os.urandom(size))[:size])
        return b"".join(write_document(message, [path]))
