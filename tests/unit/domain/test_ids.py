from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.ids import (
    CODE_MAX,
    RANDOM_BYTES,
    Uuid7Factory,
    is_code,
    month_bounds,
    normalise_code,
    uuid7,
    uuid7_time,
)

MILLISECONDS = st.integers(min_value=0, max_value=2**48 - 1)
CHANCE = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_the_example_of_the_standard_is_reproduced() -> None:
    # RFC 9562 appendix A.6: 2022-02-22T19:22:22Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    rand = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(0x017F22E279B0, rand) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(MILLISECONDS, CHANCE)
def test_an_id_is_a_version_7_of_the_standard_variant(unix_ms: int, rand: bytes) -> None:
    made = uuid7(unix_ms, rand)
    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == unix_ms


@given(st.integers(0, 10**14), CHANCE)
def test_an_id_gives_back_its_time_to_the_millisecond(unix_ms: int, rand: bytes) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=unix_ms)
    assert uuid7_time(uuid7(unix_ms, rand)) == moment


def test_the_time_of_another_kind_of_id_is_refused() -> None:
    with pytest.raises(ValueError, match="UUIDv7"):
        uuid7_time(UUID("d9428888-122b-41d1-b85c-61e3c1e0d1d4"))


@pytest.mark.parametrize("size", [0, 9, 11])
def test_a_wrong_amount_of_chance_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="random bytes"):
        uuid7(0, bytes(size))


@pytest.mark.parametrize("unix_ms", [-1, 2**48])
def test_a_time_out_of_range_is_refused(unix_ms: int) -> None:
    with pytest.raises(ValueError, match="range"):
        uuid7(unix_ms, bytes(RANDOM_BYTES))


@given(st.lists(st.tuples(MILLISECONDS, CHANCE), min_size=2, max_size=50))
def test_a_factory_is_strictly_monotonic_whatever_the_clock_does(ticks: list[tuple[int, bytes]]) -> None:
    clock = iter([unix_ms for unix_ms, _ in ticks])
    chance = iter([rand for _, rand in ticks])
    factory = Uuid7Factory(lambda: next(clock), lambda _: next(chance))
    made = [factory.new() for _ in ticks[:-1]]
    assert made == sorted(set(made))
    assert all(identifier.version == 7 and identifier.variant == RFC_4122 for identifier in made)


def test_a_full_counter_borrows_the_next_millisecond() -> None:
    factory = Uuid7Factory(lambda: 1000, lambda size: b"\xff" * size)
    first, second = factory.new(), factory.new()
    assert (first.int >> 80, second.int >> 80) == (1000, 1001)
    assert first < second


def test_threads_share_a_factory_without_a_double() -> None:
    factory = Uuid7Factory(lambda: 1000, bytes)
    made: list[UUID] = []
    threads = [
        threading.Thread(target=lambda: made.extend([factory.new() for _ in range(200)])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 800


@given(st.integers(2000, 2999), st.integers(1, 12), CHANCE)
def test_a_months_bounds_hold_its_first_and_last_id_and_no_other(year: int, month: int, rand: bytes) -> None:
    lower, upper = month_bounds(year, month)
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    epoch, tick = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
    assert lower <= uuid7((first - epoch) // tick, rand) < upper
    assert lower <= uuid7((after - epoch) // tick - 1, rand) < upper
    assert uuid7((after - epoch) // tick, rand) >= upper
    assert uuid7((first - epoch) // tick - 1, rand) < lower


def test_neighbouring_months_meet() -> None:
    assert month_bounds(2025, 12)[1] == month_bounds(2026, 1)[0]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("000.00.02.H09", "000.00.02.H09"),
        ("  000.00.02.h09\r\n", "000.00.02.H09"),
        ("\ufeff000.00.02.H09\u200b", "000.00.02.H09"),
        ("000.00\u200b.02.H09", "000.00.02.H09"),
        ("\u00a0G12\u00a0", "G12"),
        ("vxp.saas.03", "VXP.SAAS.03"),
        ("sở-đ", "SỞ-Đ"),
        ("", ""),
        ("\u200b \u00a0", ""),
        ("A\x00B", "AB"),
        ("A\ud800B", "AB"),
    ],
)
def test_a_code_has_one_spelling(written: str, code: str) -> None:
    assert normalise_code(written) == code


def test_decomposed_letters_are_composed() -> None:
    assert normalise_code("S\u01a1\u0309") == "SỞ"


@given(st.text(max_size=60))
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise_code(text)
    assert normalise_code(once) == once


@pytest.mark.parametrize(
    "code", ["000.00.00.H09", "000.1137.H53", "000.A53.000", "020100107370", "X" * CODE_MAX]
)
def test_odd_but_real_codes_are_codes(code: str) -> None:
    assert is_code(code)


@pytest.mark.parametrize("text", ["", "X" * (CODE_MAX + 1), "SỞ NỘI VỤ", "A\tB"])
def test_text_is_no_code(text: str) -> None:
    assert not is_code(text)
