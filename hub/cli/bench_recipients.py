"""`lienthong bench recipients`: what a letter to a whole province costs the database, step by step.

The hub is the product's own on a database of its own, with half of the recipients at systems that are pushed
to, so that the triggers which make their tasks are part of what is measured. Nothing is sent anywhere. Each
step is done once before, so that statements are prepared and nothing is measured that happens once in a
connection's life. Time is what is waited for the server, BEGIN and COMMIT included.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, cast

import asyncpg
import typer

from adapters.webhook.kind import WEBHOOK
from hub.bootstrap import Hub, assemble, open_database
from hub.bootstrap.blobs import open_blobs
from hub.cli.bench import SENDER
from hub.cli.timed_pool import TimedPool, Unit
from hub.config import Settings, load_settings
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from hub.domain.limits import RECIPIENTS_MAX
from hub.observability import logging
from hub.services.access import Caller
from hub.storage.pool import create_pool
from hub.storage.unit_of_work import PgUnitOfWork
from hub.web.keys import SERVICES
from hub.workers.loops import Bell
from hub.workers.verifier_pool import VerifierPool
from schemas.edxml.model import AttachmentInfo, Business, DateText, DocumentMessage, Organization, OtherInfo
from schemas.edxml.write import write_document

SYSTEMS: Final = 10
DAY: Final = date(2026, 1, 1)
TASKS: Final = "SELECT id FROM task WHERE kind = 'verify' ORDER BY id"
QUEUED: Final = "SELECT count(*) FROM delivery WHERE state = 'queued'"
TO_PUSH: Final = "SELECT count(*) FROM task WHERE kind LIKE 'deliver.%'"
VERIFIED: Final = "SELECT count(*) FROM signature_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one step asked of the database: the transactions that change something, and reads beside them."""

    name: str
    transactions: tuple[Unit, ...]
    reads: tuple[Unit, ...]

    @property
    def seconds(self) -> float:
        """Time waited for the server."""
        return sum(unit.seconds for unit in (*self.transactions, *self.reads))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The steps of one letter, and what they have led to."""

    parts: tuple[Part, ...]
    queued: int
    to_push: int
    verified: int


def recipients(
    number: Annotated[
        int, typer.Option("--recipients", min=2, max=RECIPIENTS_MAX - 1, help="Số nơi nhận.")
    ] = 1000,
) -> None:
    """Đo một văn bản gửi nhiều nơi: số câu lệnh và thời gian cơ sở dữ liệu (one letter to many)."""
    logging.configure(level="error", form="console")

    async def run() -> Figures:
        with tempfile.TemporaryDirectory() as folder:
            return await measure(load_settings(environment={}, home=Path(folder)), number)

    figures = asyncio.run(run())
    print(f"một văn bản, {number} nơi nhận, một nửa nhận bằng webhook / half of them pushed to")
    for part in figures.parts:
        statements = " + ".join(str(unit.statements) for unit in part.transactions) or "0"
        spent = sum(unit.seconds for unit in part.transactions) * 1000
        print(
            f"{part.name:<28} {len(part.transactions)} giao dịch / transactions, "
            f"{statements} câu lệnh / statements, {spent:7.1f} ms; đọc thêm / reads: "
            f"{sum(unit.statements for unit in part.reads)}, "
            f"{sum(unit.seconds for unit in part.reads) * 1000:.1f} ms"
        )
    print(
        f"đã kiểm tra chữ ký {figures.verified} lần / verified; {figures.queued} lần giao chờ lấy hoặc đẩy, "
        f"{figures.to_push} phải đẩy / to be pushed"
    )


async def measure(settings: Settings, number: int) -> Figures:
    """Send a letter to that many units of a new directory, and follow it until its deliveries are queued.

    Args:
        settings: those of a hub whose database holds nothing yet.
    """
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(open_database(settings, upgrade=True))
        pool = await create_pool(dsn, size=2, application_name="lienthong-bench")
        stack.push_async_callback(pool.close)
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        verifier = await stack.enter_async_context(
            VerifierPool(workers=1, timeout_s=60, memory_bytes=2**30, trust_folder=None, online=None)
        )
        timed = TimedPool(pool)
        uow = PgUnitOfWork(cast("asyncpg.Pool[asyncpg.Record]", timed))
        hub = await assemble(settings, uow=uow, blobs=blobs, verifier=verifier, bell=Bell(), dsn=dsn)
        codes = [f"000.{n // 90 + 10:02}.{n % 90 + 10:02}.H09" for n in range(number)]
        caller = await _register(hub, codes)
        bench = _Bench(hub, caller, timed, pool)
        await bench.send(codes[:2], 1)
        before = await bench.counts()
        parts = await bench.send(codes, 2)
        queued, to_push, verified = (
            after - now for after, now in zip(await bench.counts(), before, strict=True)
        )
        return Figures(parts=parts, queued=queued, to_push=to_push, verified=verified)


class _Bench:
    def __init__(
        self, hub: Hub, caller: Caller, timed: TimedPool, pool: asyncpg.Pool[asyncpg.Record]
    ) -> None:
        self._intake = hub.app[SERVICES].intake
        self._motions = hub.loops.motions
        self._caller = caller
        self._timed = timed
        self._pool = pool

    async def send(self, codes: Sequence[str], number: int) -> tuple[Part, ...]:
        body = letter(codes, number)
        return (
            await self._part("nhận / intake", self._intake.submit(self._caller, _once(body))),
            await self._part("gợi việc / hints", self._pump()),
            await self._part("kiểm tra, xếp hàng / verify", self._verify()),
            await self._part("báo nơi nhận / wake-ups", self._pump()),
            await self._part("đánh số / numbering", self._number()),
        )

    async def counts(self) -> tuple[int, int, int]:
        queued, to_push, verified = [
            int(await self._pool.fetchval(query)) for query in (QUEUED, TO_PUSH, VERIFIED)
        ]
        return queued, to_push, verified

    async def _part(self, name: str, work: Awaitable[Any]) -> Part:
        self._timed.units.clear()
        await work
        units = tuple(self._timed.units)
        return Part(
            name=name,
            transactions=tuple(unit for unit in units if unit.transaction),
            reads=tuple(unit for unit in units if not unit.transaction),
        )

    async def _verify(self) -> None:
        for row in await self._pool.fetch(TASKS):
            await self._motions.verification.work(row["id"])

    async def _pump(self) -> None:
        while await self._motions.pump.pump():
            pass

    async def _number(self) -> None:
        while await self._motions.numbering.number():
            pass


async def _register(hub: Hub, codes: Sequence[str]) -> Caller:
    registry, adapters = hub.registry, hub.pushing.adapters
    await registry.replace_directory([_agency(code) for code in (SENDER, *codes)])
    for place in range(SYSTEMS):
        name = f"bench-{place}"
        await registry.add_system(name, units=codes[place::SYSTEMS])
        if place % 2:
            settings = {"url": f"https://bench-{place}.invalid/"}
            await adapters.configure(name, adapter=WEBHOOK, settings=settings)
    made = await registry.add_system("bench-sender", units=[SENDER])
    return Caller(system=made.system, key_id=made.key_id)


def _agency(code: str) -> Agency:
    entry = AgencyCode(code=code, scheme=CodeScheme.QCVN102)
    return Agency(unit_id=code, name=f"Đơn vị {code}", level=Level.OTHER, codes=(entry,))


def letter(codes: Sequence[str], number: int) -> bytes:
    """A letter to all these units, with one small file."""
    message = DocumentMessage(
        from_=Organization(organ_id=SENDER, organ_name="Sở Nội vụ"),
        to=tuple(Organization(organ_id=code, organ_name=f"Đơn vị {code}") for code in codes),
        document_id=f"{SENDER},{DAY:%Y/%m/%d},{number}/BENCH",
        code_number=str(number),
        code_notation="BENCH",
        promulgation_date=DateText(raw=f"{DAY:%Y/%m/%d}"),
        subject="V/v gửi toàn tỉnh",
        other_info=OtherInfo(),
        business=Business(),
        attachments=(AttachmentInfo(content_id="1", name="cong-van.pdf", content_type="application/pdf"),),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cong-van.pdf"
        path.write_bytes(_pdf())
        return b"".join(write_document(message, [path]))


def _pdf() -> bytes:
    # What draws letters is for this measurement alone: no other command should pay for its import.
    from adapters.simulator.letter import make_letter  # noqa: PLC0415

    return make_letter(
        issuing_body="Sở Nội vụ",
        code_notation="BENCH",
        place="Bình Dương",
        issued_on=DAY,
        subject="gửi toàn tỉnh",
        paragraphs=("Kính gửi quý cơ quan.",),
        signer_name="",
        signer_title="",
    )


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
