"""`lienthong bench rows`: what a hub asks its database all day, asked where a million deliveries lie.

Each question is the product's own statement, planned as after its first uses (a generic plan, as a node's
connections have it), and run as `EXPLAIN ANALYZE` within a transaction that is rolled back. Beside the time
stands how many rows were looked at: that figure does not depend on the machine, and a question whose rows
grow with the table is a fault.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import asyncpg
import orjson
import typer

from hub.cli.bench_fill import Filled, fill
from hub.domain.business import REQUEST_STATES
from hub.embedded.postgres import EmbeddedPostgres
from hub.observability import logging
from hub.services.follow import OFFERED_STATES, Reach
from hub.storage import deliveries, documents, events, intake, outbox, peers, tasks
from hub.storage.migrate import migrate

RUNS: Final = 5
BATCH: Final = 100
NUMBERED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question: its name, the statement, its arguments."""

    name: str
    sql: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a question took: the median time, rows looked at, pages of 8 KB touched."""

    name: str
    milliseconds: float
    rows: int
    pages: int


def rows(
    number: Annotated[int, typer.Option("--deliveries", min=1000, help="Số lần giao.")] = 1_000_000,
) -> None:
    """Đo các câu hỏi chính khi đã có nhiều lần giao (measure the main queries on a grown database)."""
    logging.configure(level="error", form="console")
    filled, costs = asyncio.run(_bench(number))
    print(f"{filled.deliveries} lần giao / deliveries, {filled.events} sự kiện / events")
    for cost in costs:
        print(
            f"{cost.name:<44} {cost.milliseconds:8.2f} ms {cost.rows:9} hàng/rows {cost.pages:7} trang/pages"
        )


async def _bench(number: int) -> tuple[Filled, Sequence[Cost]]:
    with tempfile.TemporaryDirectory(prefix="lienthong-rows-") as folder:
        async with EmbeddedPostgres(Path(folder)) as dsn:
            await migrate(dsn)
            connection = await asyncpg.connect(dsn)
            try:
                filled = await fill(connection, number)
                return filled, await measure(connection, filled)
            finally:
                await connection.close()


async def measure(connection: asyncpg.Connection[asyncpg.Record], filled: Filled) -> Sequence[Cost]:
    """Ask everything `RUNS` times and return what it cost; nothing is changed."""
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    letter = await connection.fetchrow(
        "SELECT document_no, from_unit, sha256, system_id, blob_id FROM document WHERE id = $1",
        filled.newest_letter,
    )
    now = await connection.fetchval("SELECT hub_now()")
    assert letter is not None  # it was just made
    probes = (*_inbox(filled, now), *_sweeps(), *_log(filled), *_intake(filled, dict(letter)))
    return [await _cost(connection, probe) for probe in probes]


def _inbox(filled: Filled, now: Any) -> Iterator[Probe]:
    for who, system in (("busy", filled.busy), ("quiet", filled.quiet)):
        yield Probe(name=f"inbox poll, {who} system", sql=deliveries.OFFERS, arguments=(system, None, 100))
        since = filled.first_at
        yield Probe(
            name=f"history of a year, {who} system",
            sql=deliveries.CONFIRMED,
            arguments=(system, since, since, None, BATCH),
        )
    day = now - timedelta(days=1)
    yield Probe(
        name="history of a day", sql=deliveries.CONFIRMED, arguments=(filled.busy, day, day, None, BATCH)
    )
    yield Probe(name="a delivery locked (lease, confirm)", sql=deliveries.LOCK, arguments=(filled.newest,))
    yield Probe(name="held deliveries", sql=deliveries.HELD, arguments=(BATCH,))


def _sweeps() -> Iterator[Probe]:
    yield Probe(name="sweep: leases run out", sql=deliveries.EXPIRED, arguments=(BATCH,))
    yield Probe(name="sweep: deadlines passed", sql=deliveries.OVERDUE, arguments=(BATCH,))
    yield Probe(name="sweep: alerts", sql=deliveries.ALERTING, arguments=(BATCH,))
    yield Probe(name="sweep: parked statuses", sql=deliveries.PARKED, arguments=(BATCH,))
    yield Probe(name="sweep: tasks neglected", sql=tasks.NEGLECTED, arguments=(timedelta(seconds=30), BATCH))
    yield Probe(name="push: lanes with due rows", sql=peers.DUE_LANES, arguments=(BATCH,))
    yield Probe(name="push: backlog for the metrics", sql=peers.BACKLOG)
    yield Probe(name="hints to publish", sql=outbox.TAKE, arguments=(BATCH, []))


def _log(filled: Filled) -> Iterator[Probe]:
    bound = events._a_day_before(filled.newest_letter)  # noqa: SLF001 (what the timeline itself asks with)
    yield Probe(
        name="timeline of a document", sql=events.OF_DOCUMENT, arguments=(filled.newest_letter, bound)
    )
    head, stretch = filled.numbered, Reach().stretch
    offered = sorted(OFFERED_STATES)
    for who, system in (("busy", filled.busy), ("quiet", filled.quiet)):
        yield Probe(
            name=f"event stream, one stretch, {who} system",
            sql=events.AMONG,
            arguments=(head - stretch, head, system, offered, 500),
        )
    yield Probe(name="numbering", sql=events.NUMBER, arguments=(head, NUMBERED_AT_ONCE))
    yield Probe(name="events for outsiders", sql=events.NUMBERED_AFTER, arguments=(head - BATCH, BATCH))


def _intake(filled: Filled, letter: Mapping[str, Any]) -> Iterator[Probe]:
    unit, number, digest = letter["from_unit"], letter["document_no"], letter["sha256"]
    yield Probe(
        name="intake: receipt of a repeat",
        sql=intake.RECEIPT,
        arguments=(letter["system_id"], "document", digest, digest),
    )
    yield Probe(
        name="intake: what a status is about",
        sql=documents.FIND_REFERENCE,
        arguments=([unit], number, [filled.newest_unit], True, sorted(REQUEST_STATES), True),
    )
    yield Probe(name="intake: versions of a document", sql=documents.FAMILY, arguments=([unit], [number]))
    yield Probe(
        name="a document with its deliveries", sql=deliveries.OF_DOCUMENT, arguments=(filled.newest_letter,)
    )
    yield Probe(name="janitor: known blobs", sql=documents.KNOWN_BLOBS, arguments=([letter["blob_id"]],))


async def _cost(connection: asyncpg.Connection[asyncpg.Record], probe: Probe) -> Cost:
    times, plan = [], {}
    for _ in range(RUNS):
        transaction = connection.transaction()
        await transaction.start()
        try:
            told = await connection.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {probe.sql}", *probe.arguments
            )
        finally:
            await transaction.rollback()
        (found,) = orjson.loads(told)
        plan = found["Plan"]
        times.append(float(found["Execution Time"]))
    return Cost(
        name=probe.name,
        milliseconds=statistics.median(times),
        rows=round(_looked_at(plan)),
        pages=plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0),
    )


def _looked_at(node: Mapping[str, Any]) -> float:
    """Rows that scans of tables have read, those that a filter then dropped among them."""
    below = sum(_looked_at(child) for child in node.get("Plans", ()))
    if not node["Node Type"].endswith("Scan") or "Relation Name" not in node:
        return below
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return below + float((node["Actual Rows"] + dropped) * node["Actual Loops"])
