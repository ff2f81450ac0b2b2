"""The performance: once through the scenario, or on and on until somebody stops it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import aiohttp

from adapters.simulator.client import Problem
from adapters.simulator.dms import Letter, SimulatedDms
from hub.cli.demo.acts.act import Act
from hub.cli.demo.acts.changes import Changes
from hub.cli.demo.acts.correspondence import Correspondence
from hub.cli.demo.acts.deadline import Deadline
from hub.cli.demo.acts.hold import Hold
from hub.cli.demo.acts.merger import Merger
from hub.cli.demo.acts.ministry import Ministry
from hub.cli.demo.acts.outage import Outage
from hub.cli.demo.acts.recall import Recall
from hub.cli.demo.acts.refusals import Refusals
from hub.cli.demo.acts.urgency import Urgency
from hub.cli.demo.cast import COMMUNE, DISTRICT, PULLING, ROLES
from hub.cli.demo.checks import Checks
from hub.cli.demo.nation import MINISTRY
from hub.cli.demo.stage import Stage, set_stage
from hub.cli.demo.timeline import LiveTimeline
from hub.config import Settings

# Those that let time pass come last: nobody else's mail should be late.
ACTS: Final[tuple[type[Act], ...]] = (
    *(Correspondence, Refusals, Recall, Changes, Urgency, Hold, Ministry),
    *(Outage, Deadline, Merger),
)
LETTER_EVERY_S: Final = 20.0
TO_THE_MINISTRY: Final = 3
AFTER_ERROR_S: Final = 2.0


async def once(settings: Settings) -> int:
    """Play the scenario and return the exit code: 1 if any step is not as it must be."""
    started = time.monotonic()
    checks = Checks()
    print("Liên thông – kịch bản thử: xã, huyện, sở, Bộ; khi mọi việc trôi chảy và khi không")
    async with set_stage(settings) as stage:
        _introduce(stage)
        async with _timeline(stage):
            number = 1
            for act in ACTS:
                number = await act(stage, checks).perform(number)
    seconds = time.monotonic() - started
    if checks.failed:
        print(f"\nKHÔNG ĐẠT: {len(checks.failed)} điểm sai, {checks.passed} điểm đúng, {seconds:.1f} s")
        for text in checks.failed:
            print(f"   ✗ {text}")
        return 1
    print(f"\nĐẠT: {checks.passed} điểm đúng, {seconds:.1f} s")
    return 0


async def forever(settings: Settings) -> int:
    """Write, send and receive letters until Ctrl-C; return 0."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with set_stage(settings) as stage:
        _introduce(stage)
        print("\nDòng thời gian (Ctrl-C để dừng; dữ liệu được giữ lại):\n")
        async with _timeline(stage), asyncio.TaskGroup() as group:
            players = [group.create_task(_receive(stage.system(role)), name=role.key) for role in PULLING]
            players.append(group.create_task(_receive(stage.nation.ministry), name="ministry"))
            players.append(group.create_task(_write_letters(stage), name="letters"))
            await stop.wait()
            for player in players:
                player.cancel()
    print("\nĐã dừng. Chạy lại `lienthong demo` để tiếp tục.")
    return 0


def _introduce(stage: Stage) -> None:
    print(f"\nTrục:      {stage.url}   (OpenAPI: {stage.url}/api/openapi.json)")
    print(f"Thư mục:   {stage.home}")
    for role in ROLES:
        print(f"{role.system:<22} {role.unit.code:<15} khóa API {stage.keys[role.system]}")
    print(f"Trục quốc gia (giả lập): {stage.nation.url}, có {MINISTRY.name} {MINISTRY.code}")
    key = stage.keys[DISTRICT.system]
    print(f'Thử:       curl -H "Authorization: Bearer {key}" "{stage.url}/api/v1/inbox"')


@asynccontextmanager
async def _timeline(stage: Stage) -> AsyncIterator[None]:
    timeline = LiveTimeline([system.client for system in stage.systems.values()])
    await timeline.skip_past()
    async with asyncio.TaskGroup() as group:
        printing = group.create_task(timeline.run(), name="timeline")
        try:
            yield
        finally:
            printing.cancel()
    # What the last step did is told too: seen by the first look, printed by the second.
    await timeline.look()
    await timeline.look()


async def _receive(system: SimulatedDms) -> None:
    # A DMS that takes what comes, says "arrived" and, for documents, "accepted".
    while True:
        try:
            for received in await system.receive():
                if received.offer["kind"] == "document":
                    for code in ("01", "03"):
                        await system.client.status(received.offer["document_id"], code, at=datetime.now(UTC))
        except (Problem, aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(AFTER_ERROR_S)


async def _write_letters(stage: Stage) -> None:
    number = int(time.time()) % 10_000_000 * 10
    commune, district = stage.system(COMMUNE), stage.system(DISTRICT)
    while True:
        number += 1
        letter = Letter(
            number=number,
            subject=f"V/v báo cáo công tác ngày {datetime.now(UTC):%d/%m/%Y}",
            paragraphs=("Đơn vị báo cáo tình hình trong ngày.", "Kính đề nghị quý cơ quan theo dõi."),
            # Now and then to a ministry too, through the national exchange.
            to=(district.unit, MINISTRY) if number % TO_THE_MINISTRY == 0 else (district.unit,),
        )
        with suppress(Problem, aiohttp.ClientError, TimeoutError):
            await commune.send(letter, now=datetime.now(UTC))
        await asyncio.sleep(LETTER_EVERY_S)
