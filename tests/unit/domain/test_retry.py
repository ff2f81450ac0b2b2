from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.retry import DEFAULT_BREAKER, DEFAULT_RETRY, Breaker, BreakerState

NOON = datetime(2025, 10, 13, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 10), (2, 20), (3, 40), (8, 1280), (9, 2560), (10, 3600), (11, 3600), (10_000, 3600)],
)
def test_the_wait_doubles_up_to_an_hour(attempts: int, seconds: int) -> None:
    assert DEFAULT_RETRY.ceiling(attempts) == seconds * SECOND


@given(st.integers(1, 100), st.floats(0, 1))
def test_full_jitter_takes_any_part_of_the_wait(attempts: int, jitter: float) -> None:
    delay = DEFAULT_RETRY.delay(attempts, jitter)
    assert timedelta(0) <= delay <= DEFAULT_RETRY.ceiling(attempts)
    assert DEFAULT_RETRY.delay(attempts, 0.0) == timedelta(0)
    assert DEFAULT_RETRY.delay(attempts, 1.0) == DEFAULT_RETRY.ceiling(attempts)


@pytest.mark.parametrize(
    ("attempts", "jitter"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1), (1, float("nan"))]
)
def test_nonsense_is_refused(attempts: int, jitter: float) -> None:
    with pytest.raises(ValueError, match=r"retry follows|jitter lies"):
        DEFAULT_RETRY.delay(attempts, jitter)


def test_the_last_try_is_at_the_deadline_and_none_comes_after() -> None:
    deadline = NOON + 30 * SECOND
    assert DEFAULT_RETRY.next_due(now=NOON, attempts=5, jitter=1.0, deadline=deadline) == deadline
    assert DEFAULT_RETRY.next_due(now=deadline, attempts=5, jitter=0.0, deadline=deadline) is None


def test_without_a_deadline_there_is_always_a_next_try() -> None:
    assert DEFAULT_RETRY.next_due(now=NOON, attempts=1, jitter=0.5) == NOON + 5 * SECOND


def failed(breaker: Breaker, times: int, at: datetime = NOON) -> Breaker:
    for _ in range(times):
        breaker = breaker.failed(at, DEFAULT_BREAKER)
    return breaker


def test_four_failures_leave_it_closed_and_the_fifth_opens_it() -> None:
    assert failed(Breaker(), 4).state is BreakerState.CLOSED
    assert failed(Breaker(), 5) == Breaker(state=BreakerState.OPEN, failures=5, retry_at=NOON + 60 * SECOND)


def test_a_success_forgets_the_failures_before_it() -> None:
    assert failed(failed(Breaker(), 4).succeeded(), 4).state is BreakerState.CLOSED


def test_an_open_breaker_lets_nothing_through_for_a_minute() -> None:
    opened = failed(Breaker(), 5)
    assert not opened.allows(NOON + 59 * SECOND)
    assert opened.allows(NOON + 60 * SECOND)


def test_half_open_lets_one_probe_through() -> None:
    later = NOON + 60 * SECOND
    probing = failed(Breaker(), 5).probe(later, DEFAULT_BREAKER)
    assert probing.state is BreakerState.HALF_OPEN
    assert not probing.allows(later)
    assert probing.probe(later, DEFAULT_BREAKER) == probing


def test_a_probe_that_never_reports_is_followed_by_another() -> None:
    later = NOON + 60 * SECOND
    probing = failed(Breaker(), 5).probe(later, DEFAULT_BREAKER)
    assert probing.allows(later + 60 * SECOND)


def test_a_failed_probe_opens_again_and_a_good_one_closes() -> None:
    later = NOON + 60 * SECOND
    probing = failed(Breaker(), 5).probe(later, DEFAULT_BREAKER)
    assert probing.failed(later, DEFAULT_BREAKER).retry_at == later + 60 * SECOND
    assert probing.succeeded() == Breaker()


def test_stragglers_do_not_prolong_the_pause() -> None:
    opened = failed(Breaker(), 5)
    assert failed(opened, 3, NOON + 30 * SECOND).retry_at == opened.retry_at


def test_a_closed_breaker_needs_no_probe() -> None:
    assert Breaker().probe(NOON, DEFAULT_BREAKER) == Breaker()


@given(st.lists(st.tuples(st.sampled_from(["ok", "fail", "probe"]), st.integers(0, 90)), max_size=40))
def test_a_breaker_is_never_stuck(steps: list[tuple[str, int]]) -> None:
    breaker, now = Breaker(), NOON
    for what, seconds in steps:
        now += seconds * SECOND
        if what == "ok":
            breaker = breaker.succeeded()
        elif what == "fail":
            breaker = breaker.failed(now, DEFAULT_BREAKER)
        else:
            breaker = breaker.probe(now, DEFAULT_BREAKER)
        assert (breaker.state is BreakerState.CLOSED) == (breaker.retry_at is None)
        assert breaker.allows(now + 60 * SECOND)
