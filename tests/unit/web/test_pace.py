"""The pace of a body: neither too slow, nor for ever, nor past the end of its node."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp import web

from hub.domain.problems import HubError
from hub.services.rules import TransferRules
from hub.web.body import STOP_GRACE_S, _Pace, paced
from hub.web.keys import STOPPING

RULES = TransferRules()


class Bench:
    """A pace whose time a test moves."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.now = 1000.0
        self.pace = _Pace(RULES, self.stopping)
        self.pace._clock = lambda: self.now
        self.pace._ends = self.now + RULES.request_s
        self.pace._window_ends = self.now + RULES.window_s

    def after(self, seconds: float) -> str | None:
        """The code with which a body is ended after so many seconds, if it is."""
        self.now += seconds
        try:
            self.pace.look()
        except HubError as error:
            return error.code
        return None


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_body_that_keeps_the_pace_may_go_on_until_its_time_is_up(bench: Bench) -> None:
    ends = bench.now + RULES.request_s
    while bench.now + RULES.window_s < ends:
        bench.pace.count(int(RULES.min_rate * RULES.window_s) + 1)
        assert bench.after(RULES.window_s) is None
    assert bench.after(RULES.window_s) == "body_too_slow"


@pytest.mark.parametrize(("share", "expected"), [(0.0, "body_too_slow"), (0.9, "body_too_slow"), (1.1, None)])
async def test_a_body_below_the_pace_over_a_window_is_ended(
    bench: Bench, share: float, expected: str | None
) -> None:
    bench.pace.count(int(RULES.min_rate * RULES.window_s * share))
    assert bench.after(RULES.window_s - 0.5) is None
    assert bench.after(0.5) == expected


async def test_a_fast_start_does_not_pay_for_a_stall_later(bench: Bench) -> None:
    bench.pace.count(10**9)
    assert bench.after(RULES.window_s) is None
    assert bench.after(RULES.window_s) == "body_too_slow"


async def test_a_node_that_stops_gives_a_body_a_little_time_to_end(bench: Bench) -> None:
    bench.stopping.set()
    assert bench.after(0) is None
    assert bench.after(STOP_GRACE_S - 0.1) is None
    assert bench.after(0.1) == "hub_stopping"


class _Call:
    """What `paced` looks at of a call: how much of its body came, and whether that was all."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self.app = {STOPPING: stopping}
        self.content = self
        self.total_bytes = 0
        self.whole = False

    def is_eof(self) -> bool:
        return self.whole


async def _read_by_others(call: _Call, rules: TransferRules) -> str | None:
    try:
        async with paced(cast(web.Request, call), rules):
            if call.whole:
                return None
            await asyncio.Event().wait()  # a reader that waits for a body that does not come
    except HubError as error:
        return error.code
    return None


@pytest.mark.looptime
async def test_a_form_that_stalls_is_ended_like_any_body() -> None:
    assert await _read_by_others(_Call(asyncio.Event()), RULES) == "body_too_slow"


async def test_a_form_that_has_come_whole_is_not_ended() -> None:
    call = _Call(asyncio.Event())
    call.whole = True
    assert await _read_by_others(call, RULES) is None


async def test_a_time_limit_of_somebody_else_stays_its_own() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), paced(cast(web.Request, _Call(asyncio.Event())), RULES):
            await asyncio.Event().wait()
