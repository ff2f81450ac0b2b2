"""Calls are counted per system; over the limit they are refused with the time after which there is room."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest

from hub.domain.problems import Refusal
from hub.ports.records import SystemLimits, SystemRecord
from hub.services import call_rates
from hub.services.call_rates import CallRates
from tests.support.clock import StillClock, stop_clock_of

ONE = SystemRecord(id=UUID(int=1), name="a", adapter="rest-pull", dialects=(), policy=(), active=True)
OTHER = replace(ONE, id=UUID(int=2), name="b")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    return stop_clock_of(call_rates, monkeypatch)


def calls_let_in(rates: CallRates, system: SystemRecord, tries: int) -> int:
    let_in = 0
    for _ in range(tries):
        with suppress(Refusal):
            rates.count(system)
            let_in += 1
    return let_in


def test_a_call_too_many_is_told_when_to_come_again(clock: StillClock) -> None:
    rates = CallRates(calls_per_minute=60)
    calls_let_in(rates, ONE, 60)
    with pytest.raises(Refusal) as caught:
        rates.count(ONE)
    assert (caught.value.code, caught.value.problem.status) == ("rate_limited", 429)
    assert caught.value.retry_after == 1


def test_a_minute_of_calls_is_let_in_at_once_and_no_more(clock: StillClock) -> None:
    assert calls_let_in(CallRates(calls_per_minute=60), ONE, 100) == 60


def test_calls_come_back_with_time(clock: StillClock) -> None:
    rates = CallRates(calls_per_minute=60)
    calls_let_in(rates, ONE, 100)
    clock.now += 10
    assert calls_let_in(rates, ONE, 100) == 10


def test_a_system_is_not_charged_for_another(clock: StillClock) -> None:
    rates = CallRates(calls_per_minute=60)
    calls_let_in(rates, ONE, 100)
    assert calls_let_in(rates, OTHER, 100) == 60


def test_a_systems_own_limit_comes_before_the_nodes(clock: StillClock) -> None:
    own = replace(ONE, limits=SystemLimits(calls_per_minute=5))
    assert calls_let_in(CallRates(calls_per_minute=60), own, 100) == 5


def test_without_any_limit_nothing_is_counted(clock: StillClock) -> None:
    assert calls_let_in(CallRates(), ONE, 1000) == 1000


def test_polls_in_vain_have_a_bucket_of_their_own(clock: StillClock) -> None:
    rates = CallRates(empty_polls_per_minute=60)
    for _ in range(60):
        rates.before_poll(ONE.id)
        rates.polled_in_vain(ONE.id)
    with pytest.raises(Refusal) as caught:
        rates.before_poll(ONE.id)
    assert caught.value.code == "rate_limited"
    rates.before_poll(OTHER.id)
    rates.count(ONE)
