"""What a hub asks all day does not cost more because much lies in the database."""

from __future__ import annotations

import asyncpg
import pytest

from hub.cli.bench_fill import fill
from hub.cli.bench_rows import measure
from hub.services.follow import Reach

DELIVERIES = 20_000
# What is open at the time (of one letter in a hundred, the newest) may be looked at.
OPEN = DELIVERIES // 100
LOG = "event stream"


@pytest.mark.timeout(180)
async def test_no_question_of_every_day_reads_what_has_ended(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        filled = await fill(connection, DELIVERIES)
        # Reading a small table whole is right; plan as where that is out of reach.
        for way in ("seqscan", "hashjoin", "mergejoin"):
            await connection.execute(f"SET enable_{way} = off")
        costs = await measure(connection, filled)
    finally:
        await connection.close()
    told = {cost.name: cost.rows for cost in costs}
    streams = {name for name in told if name.startswith(LOG)}
    assert len(streams) == 2
    # An event of the stretch, its document and its delivery.
    assert {name: told[name] for name in streams if told[name] > 3 * Reach().stretch} == {}
    assert {name: n for name, n in told.items() if name not in streams and n > 4 * OPEN} == {}
