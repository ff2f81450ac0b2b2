"""RabbitMQ and PostgreSQL go away under load: nothing that was acknowledged is lost, no lease stays.

The broker is stopped, traffic goes on without it for as many answers as would fill a minute, then everything
that it had is wiped and it comes back empty. The database is shut down as for a restart, twice.
"""

from __future__ import annotations

import asyncio
import os
import signal

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
from tests.support.process import Home
from tests.support.rabbit import SERVER, Rabbit


@pytest.mark.needs(SERVER)
@pytest.mark.timeout(240)
async def test_a_broker_that_is_stopped_and_wiped_under_load_costs_nothing(
    home: Home, letters: Letters, rabbit: Rabbit
) -> None:
    env = SETTINGS | {
        "LIENTHONG_BROKER_URL": rabbit.url,
        "LIENTHONG_BROKER_PREFIX": rabbit.prefix,
        # Rows whose hints were lost are found by the sweeper after this time.
        "LIENTHONG_LEASES__SWEEP_AFTER_S": "1",
    }
    books = Books()
    async with home.serve(port=free_port(), env=env) as hub:
        traffic = Traffic(home, hub, books)

        async def trouble() -> None:
            await traffic.after_answers(15)
            await asyncio.to_thread(rabbit.node.stop)
            await traffic.after_answers(60)
            rabbit.node.wipe()
            rabbit.node.launch()
            await asyncio.to_thread(rabbit.node.wait)

        with told_if_it_fails(home):
            await in_traffic(traffic, letters, trouble())
            await the_books_balance(home, books, hub)


@pytest.mark.timeout(240)
async def test_a_database_that_is_restarted_twice_under_load_costs_nothing(
    home: Home, letters: Letters
) -> None:
    books = Books()
    async with home.serve(port=free_port(), env=SETTINGS) as hub:
        traffic = Traffic(home, hub, books)

        async def trouble() -> None:
            for answers in (20, 60):
                await traffic.after_answers(answers)
                postmaster = home.postmaster
                assert postmaster is not None
                os.kill(postmaster, signal.SIGINT)  # as `pg_ctl restart -m fast` does

        with told_if_it_fails(home):
            await in_traffic(traffic, letters, trouble())
            await the_books_balance(home, books, hub)
