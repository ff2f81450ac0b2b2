"""Hub to hub over the national exchange's client API under random faults, by a seed.

Nothing lost, nothing delivered twice, every state right at the end. How many letters and which faults is
printed; RELAY_LETTERS and RELAY_SEED in the environment make it longer, or another.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.correspondence import Correspondence
from tests.support.faulty_proxy import FaultyProxy
from tests.support.national import nation_on
from tests.support.postgres import TestServer

LETTERS = int(os.environ.get("RELAY_LETTERS", "20"))
SEED = int(os.environ.get("RELAY_SEED", "2026"))
AT_A_TIME = 10
# So many turns in which nothing comes to anybody: longer than every back-off together.
STILL_TURNS = 25
LAST_TURNS = 4


@pytest.mark.timeout(1800)
async def test_letters_statuses_recalls_and_updates_survive_every_fault(
    postgres_server: TestServer,
    database_template: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    proxy = FaultyProxy(upstream="", seed=SEED, rate=0.3, stall_s=0.05)
    async with nation_on(postgres_server, database_template, tmp_path, proxy=proxy) as nation:
        told = Correspondence.planned(nation, LETTERS, SEED)
        waiting = list(told.letters.values())
        still = turns = 0
        while waiting or (told.missing() and still < STILL_TURNS):
            turns += 1
            await told.send(waiting[:AT_A_TIME])
            waiting = waiting[AT_A_TIME:]
            await nation.turn()
            taken = await told.work()
            await nation.later(seconds=75)
            still = 0 if taken else still + 1
        with capsys.disabled():
            faults = ", ".join(f"{name} {number}" for name, number in sorted(proxy.made.items()))
            messages = told.received.total() + told.statuses.total()
            calls = sum(proxy.calls.values())
            print(f"\n{LETTERS} letters, {messages} messages, seed {SEED}, {turns} turns, {calls} calls")
            print(faults)
        proxy.on = False
        # What still backs off comes now, and nothing comes a second time.
        for _ in range(LAST_TURNS):
            await nation.later(minutes=20)
            await nation.turn()
            assert not await told.work()
        assert "\n".join(told.missing()) == ""
        assert await told.wrong_states() == []
        assert await nation.province.column("SELECT code FROM relay_package WHERE state <> 'taken'") == []
        kept = "SELECT count(*) FROM relay_package WHERE told IS DISTINCT FROM to_tell"
        assert await nation.province.pool.fetchval(kept) == 0
