from __future__ import annotations

from uuid import UUID

from hub.services.sender_share import SenderShares, ShareRules
from tests.support.clock import StillClock

A, B = UUID(int=1), UUID(int=2)


def test_a_sender_is_put_off_only_while_its_documents_take_long() -> None:
    now = [0.0]
    shares = SenderShares(ShareRules(slow_s=10, slow_most=1), lambda: now[0])
    with shares.one(A), shares.one(A):
        assert not shares.is_taken(A)
        now[0] = 10.0
        assert shares.is_taken(A)
        assert not shares.is_taken(B)
    assert not shares.is_taken(A)


def _work(shares: SenderShares, clock: StillClock, system: UUID, seconds: float) -> None:
    with shares.one(system):
        clock.now += seconds


def test_many_documents_just_below_the_limit_count_together() -> None:
    clock = StillClock()
    shares = SenderShares(ShareRules(), clock.monotonic)
    _work(shares, clock, A, 9)
    with shares.one(A):
        assert not shares.is_taken(A)
        clock.now += 3
        assert shares.is_taken(A)
        assert not shares.is_taken(B)
    # Its share is one at a time: with none under way it may begin the next.
    assert not shares.is_taken(A)


def test_any_number_of_ordinary_letters_is_no_reason() -> None:
    clock = StillClock()
    shares = SenderShares(ShareRules(), clock.monotonic)
    for _ in range(500):
        _work(shares, clock, A, 0.1)
    with shares.one(A):
        assert not shares.is_taken(A)


def test_what_was_slow_a_minute_ago_is_forgotten_and_leaves_nothing() -> None:
    clock = StillClock()
    shares = SenderShares(ShareRules(), clock.monotonic)
    _work(shares, clock, A, 30)
    with shares.one(A):
        assert shares.is_taken(A)
        clock.now += 61
    with shares.one(A):
        assert shares.is_taken(A)  # for what took 61 seconds just now
    clock.now += 61
    _work(shares, clock, B, 0.1)
    with shares.one(A):
        assert not shares.is_taken(A)
    assert not shares._spent
    assert not shares._begun
